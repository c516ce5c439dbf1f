//! Drafts of operators, stored outside the log. Each draft is a row keyed by the `client_message_id` under which it
//! will be sent, so that two tabs do not overwrite each other's drafts.

use sqlx::{Row, any::AnyRow};

use super::Store;
use crate::{
    domain::{
        draft::{Draft, DraftMode},
        ids::{EscalationId, OperatorId, WorkspaceId},
        text::ClientMessageId,
        time::Timestamp,
    },
    server::error::Error,
};

/// Upserts a draft, or deletes it when it is empty. A single statement makes this atomic.
pub async fn save(
    store: &Store,
    workspace: WorkspaceId,
    operator: OperatorId,
    draft: Draft,
    now: Timestamp,
) -> Result<(), Error> {
    const KEEP: &str = "insert into draft (workspace_id, operator_id, escalation_id, mode, client_message_id, text, at) \
        values ($1, $2, $3, $4, $5, $6, $7) \
        on conflict (workspace_id, operator_id, escalation_id, mode, client_message_id) \
        do update set text = excluded.text, at = excluded.at";
    const FORGET: &str = "delete from draft where workspace_id = $1 and operator_id = $2 and escalation_id = $3 \
        and mode = $4 and client_message_id = $5";
    let is_empty = draft.text.trim().is_empty();
    let query = sqlx::query(if is_empty { FORGET } else { KEEP }).bind(workspace.to_string());
    let query = query.bind(operator.to_string()).bind(draft.escalation.to_string()).bind(draft.mode.as_str());
    let query = query.bind(draft.client_message_id.to_string());
    let query = if is_empty { query } else { query.bind(draft.text).bind(now.0) };
    query.execute(store.writer()).await?;
    Ok(())
}

/// Deletes only the draft that was sent under this `client_message_id`, because the operator may have begun a new one.
pub async fn delete_sent(
    store: &Store,
    workspace: WorkspaceId,
    operator: OperatorId,
    escalation: EscalationId,
    client_message_id: &ClientMessageId,
) -> Result<(), Error> {
    let sql = "delete from draft where workspace_id = $1 and operator_id = $2 and escalation_id = $3 \
        and client_message_id = $4";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(operator.to_string()).bind(escalation.to_string());
    query.bind(client_message_id.to_string()).execute(store.writer()).await?;
    Ok(())
}

/// An operator's latest drafts, without those that were sent: a page can be closed before it learns that its message
/// was sent.
pub const OF_OPERATOR: &str = "select d.escalation_id, d.mode, d.client_message_id, d.text from draft d \
    where d.workspace_id = $1 and d.operator_id = $2 and not exists (select 1 from message m \
    where m.workspace_id = d.workspace_id and m.escalation_id = d.escalation_id and m.author = d.operator_id \
    and m.client_message_id = d.client_message_id and m.seq is not null) order by d.at desc limit 1000";
/// Deletes drafts that were not changed since a given time.
pub const FORGET: &str = "delete from draft where at < $1";

/// Deletes drafts that were not changed since a given time: those of escalations that others have closed, and those
/// that were sent.
pub async fn delete_before(store: &Store, before: Timestamp) -> Result<(), Error> {
    sqlx::query(FORGET).bind(before.0).execute(store.writer()).await?;
    Ok(())
}

/// Returns an operator's latest draft of each escalation and mode. Earlier drafts are those of other tabs.
pub async fn of_operator(store: &Store, workspace: WorkspaceId, operator: OperatorId) -> Result<Vec<Draft>, Error> {
    let query = sqlx::query(OF_OPERATOR).bind(workspace.to_string()).bind(operator.to_string());
    let mut latest: Vec<Draft> = vec![];
    for row in query.fetch_all(store.reader()).await? {
        let draft = draft(&row)?;
        if latest.iter().all(|it| (it.escalation, it.mode) != (draft.escalation, draft.mode)) {
            latest.push(draft);
        }
    }
    Ok(latest)
}

fn draft(row: &AnyRow) -> Result<Draft, Error> {
    let (escalation, mode, name): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let broken = |column| Error::Inconsistent { table: "draft", column, id: escalation.clone() };
    Ok(Draft {
        escalation: escalation.parse().map_err(|_| broken("escalation_id"))?,
        mode: DraftMode::named(&mode).ok_or_else(|| broken("mode"))?,
        client_message_id: ClientMessageId::parse(name).map_err(|_| broken("client_message_id"))?,
        text: row.try_get(3)?,
    })
}
