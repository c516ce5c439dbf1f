//! The event log, and the answers stored for repeated requests.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    Store,
    escalations::load,
    portion::{Portion, read_portion},
    rows::{chunks, with_rows},
};
use crate::{
    domain::{
        event::Event,
        ids::{AgentId, EscalationId, WorkspaceId},
        opening::Opening,
        seq::Seq,
        time::Timestamp,
    },
    server::{
        contract::{lacks_ids, with_ids},
        core::recorded::{Audience, RecordedEvent, parse_event},
        error::Error,
    },
};

/// Appends events to the log.
pub async fn insert(connection: &mut AnyConnection, events: &[(WorkspaceId, Arc<RecordedEvent>)]) -> Result<(), Error> {
    const SQL: &str =
        "insert into event (workspace_id, seq, escalation_id, agent_id, type, body, agent_body) values {rows}";
    for events in chunks(events, 7) {
        let mut query = sqlx::query(with_rows(SQL, 7, events.len()));
        for (workspace, event) in events {
            query = query
                .bind(workspace.to_string())
                .bind(event.seq.0)
                .bind(event.escalation_id.to_string())
                .bind(event.agent_id.to_string())
                .bind(event.event_type.as_str())
                .bind(event.body.to_string())
                .bind(event.agent_body.as_deref().map(str::to_owned));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

fn recorded(row: &AnyRow) -> Result<Arc<RecordedEvent>, Error> {
    let (escalation, agent): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    let broken = |column| Error::Inconsistent { table: "event", column, id: escalation.clone() };
    let agent_body: Option<String> = row.try_get(5)?;
    let kind: String = row.try_get(3)?;
    Ok(Arc::new(RecordedEvent::stored(
        Seq(row.try_get(0)?),
        escalation.parse().map_err(|_| broken("escalation_id"))?,
        agent.parse().map_err(|_| broken("agent_id"))?,
        kind.parse().map_err(|_| broken("type"))?,
        row.try_get::<String, _>(4)?.into(),
        agent_body.map(Arc::from),
    )))
}

/// The log for each audience. An escalation never changes its agent, so the escalation alone selects its events. The
/// sum `seq + 0` matches no index: with both ends of the range, SQLite would scan the log of the whole workspace
/// instead.
pub const OPERATORS: &str = "select seq, escalation_id, agent_id, type, body, agent_body from event \
    where workspace_id = $1 and seq > $2 and seq <= $3 order by seq limit $4";
pub const AGENT: &str = "select seq, escalation_id, agent_id, type, body, agent_body from event \
    where workspace_id = $1 and seq > $2 and seq <= $3 and agent_id = $5 and agent_body is not null \
    order by seq limit $4";
pub const ESCALATION: &str = "select seq, escalation_id, agent_id, type, body, agent_body from event \
    where workspace_id = $1 and seq > $2 and seq + 0 <= $3 and escalation_id = $5 and agent_body is not null \
    order by seq limit $4";

/// Returns up to `limit` events for an audience with `after < seq <= until`, in order, up to so many bytes.
pub async fn between(
    store: &Store,
    workspace: WorkspaceId,
    audience: Audience,
    after: Seq,
    until: Seq,
    limit: i64,
    bytes: usize,
) -> Result<Portion<Arc<RecordedEvent>>, Error> {
    let sql = match audience {
        Audience::Operators => OPERATORS,
        Audience::Agent(_) => AGENT,
        Audience::Escalation(..) => ESCALATION,
    };
    let mut query = sqlx::query(sql).bind(workspace.to_string()).bind(after.0).bind(until.0).bind(limit);
    match audience {
        Audience::Operators => {}
        Audience::Agent(agent) => query = query.bind(agent.to_string()),
        Audience::Escalation(_, escalation) => query = query.bind(escalation.to_string()),
    }
    let mut found = read_portion(query.fetch(store.reader()), bytes, |row| {
        let event = recorded(row)?;
        let size = event.size();
        Ok((event, size))
    })
    .await?;
    found.is_cut |= found.items.len() as i64 >= limit;
    add_ids(store, workspace, &mut found.items).await?;
    found.items.retain(|event| audience.receives(event));
    Ok(found)
}

/// Adds the ids of the conversation and the tool call to events that were stored without them.
async fn add_ids(store: &Store, workspace: WorkspaceId, events: &mut [Arc<RecordedEvent>]) -> Result<(), Error> {
    let older = |event: &RecordedEvent| event.agent_body.as_deref().is_some_and(lacks_ids);
    let of_older = events.iter().filter(|event| older(event)).map(|event| (workspace, event.escalation_id));
    let of_older: Vec<_> = of_older.collect::<BTreeSet<_>>().into_iter().collect();
    if of_older.is_empty() {
        return Ok(());
    }
    let read = store.reader().read(move |connection| Box::pin(async move { load(connection, &of_older).await }));
    let openings = read.await?.into_iter().map(|(_, (escalation, _))| (escalation.id, escalation.opening));
    let openings: HashMap<EscalationId, Arc<Opening>> = openings.collect();
    for event in events.iter_mut().filter_map(Arc::get_mut).filter(|event| older(event)) {
        let opening = openings.get(&event.escalation_id);
        let stored = event.agent_body.as_deref().unwrap_or_default();
        let conversation_id = opening.and_then(|it| it.conversation_id());
        let complete = with_ids(stored, conversation_id, opening.and_then(|it| it.tool_call_id()));
        event.agent_body = Some(complete.into());
    }
    Ok(())
}

/// Events of an escalation except its opening, its messages and their receipts.
pub const HAPPENINGS: &str = "select body from event where workspace_id = $1 and escalation_id = $2 \
    and type not in ('message.created', 'message.receipt', 'escalation.opened') order by seq";

/// Returns the events of an escalation in order, except its opening, its messages and their receipts.
pub async fn happenings(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    escalation: EscalationId,
) -> Result<Vec<Event>, Error> {
    let query = sqlx::query(HAPPENINGS).bind(workspace.to_string()).bind(escalation.to_string());
    let rows = query.fetch_all(connection).await?;
    let read = |row: &AnyRow| {
        let event = parse_event(&row.try_get::<String, _>(0)?)?;
        Ok(Event { kind: event.kind.in_history(), ..event })
    };
    rows.iter().map(read).collect()
}

/// Returns every event with `after < seq <= until`, in order.
pub async fn range(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    after: Seq,
    until: Seq,
) -> Result<Vec<Event>, Error> {
    let sql = "select body from event where workspace_id = $1 and seq > $2 and seq <= $3 order by seq";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(after.0).bind(until.0);
    query.fetch_all(connection).await?.iter().map(|row| parse_event(&row.try_get::<String, _>(0)?)).collect()
}

/// The key of an idempotent request: workspace, agent, path, idempotency key.
pub type AnswerKey = (WorkspaceId, AgentId, String, String);

/// A stored answer, to be sent again when the request is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The escalation that the request concerned or opened.
    pub escalation: EscalationId,
    pub body_sha256: Vec<u8>,
    pub status: u16,
    pub bytes: Vec<u8>,
}

/// Returns the stored answers of those of these requests that were answered before.
pub async fn answers(
    connection: &mut AnyConnection,
    names: &[AnswerKey],
) -> Result<HashMap<AnswerKey, StoredAnswer>, Error> {
    const SQL: &str = "select workspace_id, agent_id, path, key, body_sha256, status, answer, escalation_id from idempotency \
        where (workspace_id, agent_id, path, key) in (values {rows})";
    let mut found = HashMap::new();
    for names in chunks(names, 4) {
        let mut query = sqlx::query(with_rows(SQL, 4, names.len()));
        for (workspace, agent, path, key) in names {
            query = query.bind(workspace.to_string()).bind(agent.to_string()).bind(path.clone()).bind(key.clone());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let (workspace, agent): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let broken = |column| Error::Inconsistent { table: "idempotency", column, id: agent.clone() };
            let name = (
                workspace.parse().map_err(|_| broken("workspace_id"))?,
                agent.parse().map_err(|_| broken("agent_id"))?,
                row.try_get(2)?,
                row.try_get(3)?,
            );
            let status = u16::try_from(row.try_get::<i64, _>(5)?).map_err(|_| broken("status"))?;
            let escalation: String = row.try_get(7)?;
            let escalation = escalation.parse().map_err(|_| broken("escalation_id"))?;
            found.insert(
                name,
                StoredAnswer { escalation, body_sha256: row.try_get(4)?, status, bytes: row.try_get(6)? },
            );
        }
    }
    Ok(found)
}

/// Stores answers for repeated requests.
pub async fn insert_answers(
    connection: &mut AnyConnection,
    answers: &[(&AnswerKey, &StoredAnswer)],
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into idempotency (workspace_id, agent_id, path, key, escalation_id, body_sha256, status, \
        answer, created_at) values {rows}";
    for answers in chunks(answers, 9) {
        let mut query = sqlx::query(with_rows(SQL, 9, answers.len()));
        for ((workspace, agent, path, key), answer) in answers {
            query = query
                .bind(workspace.to_string())
                .bind(agent.to_string())
                .bind(path.clone())
                .bind(key.clone())
                .bind(answer.escalation.to_string())
                .bind(answer.body_sha256.clone())
                .bind(i64::from(answer.status))
                .bind(answer.bytes.clone())
                .bind(now.0);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Deletes answers that were given before a given time, and whose escalations were closed before it.
pub async fn delete_answers_before(store: &Store, before: Timestamp) -> Result<(), Error> {
    let sql = "delete from idempotency where created_at < $1 and exists (select 1 from escalation \
        where escalation.workspace_id = idempotency.workspace_id and escalation.id = idempotency.escalation_id \
        and escalation.closed_at < $1)";
    sqlx::query(sql).bind(before.0).execute(store.writer()).await?;
    Ok(())
}
