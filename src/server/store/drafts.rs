//! What operators have begun to write: outside the log, a row for each draft by the name it will be sent under, so that two
//! tabs do not overwrite each other's.

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

/// Keeps a draft; an empty one is forgotten. One statement, so that it happens whole or not at all.
pub async fn keep(
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

/// Forgets the draft that was sent under this name, and no other: something new may stand in its place.
pub async fn sent(
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

/// An operator's latest drafts, but for those that were sent after all: the page that sent them did not live to hear of it.
pub const OF_OPERATOR: &str = "select d.escalation_id, d.mode, d.client_message_id, d.text from draft d \
    where d.workspace_id = $1 and d.operator_id = $2 and not exists (select 1 from message m \
    where m.workspace_id = d.workspace_id and m.escalation_id = d.escalation_id and m.author = d.operator_id \
    and m.client_message_id = d.client_message_id and m.seq is not null) order by d.at desc limit 1000";
/// Forgets drafts that nobody has touched since a moment.
pub const FORGET: &str = "delete from draft where at < $1";

/// Forgets drafts that nobody has touched since a moment: of what others have ended, or what was sent after all.
pub async fn forget(store: &Store, before: Timestamp) -> Result<(), Error> {
    sqlx::query(FORGET).bind(before.0).execute(store.writer()).await?;
    Ok(())
}

/// An operator's drafts: of each escalation and mode the latest. Earlier ones are those of other tabs.
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
        mode: DraftMode::ALL.into_iter().find(|known| known.as_str() == mode).ok_or_else(|| broken("mode"))?,
        client_message_id: ClientMessageId::parse(name).map_err(|_| broken("client_message_id"))?,
        text: row.try_get(3)?,
    })
}
