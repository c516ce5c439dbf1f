//! Escalations and the conversations they belong to.

use std::{collections::HashSet, sync::Arc};

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::rows::{chunks, with_rows};
use crate::{
    domain::{
        claim::Fence,
        conversation::{Conversation, ConversationKey},
        escalation::Escalation,
        ids::{AgentId, EscalationId, OperatorId, WorkspaceId},
        inbox,
        text::Name,
        thread::EarlierEscalation,
        time::Timestamp,
    },
    server::{
        error::{CurrentState, Error},
        store::Store,
    },
};

/// The most characters of a tool call's id by which escalations are found: an index takes no longer ones.
pub const LONGEST_ID: usize = 250;

/// An escalation and its rendered outcome, as stored.
pub type StoredEscalation = (Escalation, Option<Arc<str>>);

/// Parses a stored JSON text. Bailout wrote it, so a parse error is an internal error.
pub fn parse<T: serde::de::DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::Inconsistent { table, column, id: text.chars().take(80).collect() })
}

/// Serializes one of our own types as JSON text.
pub fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal(format!("cannot write JSON: {error}")))
}

fn id<T: std::str::FromStr>(column: &'static str, text: String) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Inconsistent { table: "escalation", column, id: text })
}

/// Reads the ids of escalations. A row with unreadable ids is logged and skipped, so that it does not block the others.
fn ids(rows: &[AnyRow]) -> Vec<(WorkspaceId, EscalationId)> {
    let of = |row: &AnyRow| -> Result<(WorkspaceId, EscalationId), Error> {
        Ok((id("workspace_id", row.try_get(0)?)?, id("id", row.try_get(1)?)?))
    };
    let report = |error: &Error| tracing::error!(%error, "the id of an escalation cannot be read");
    rows.iter().filter_map(|row| of(row).inspect_err(report).ok()).collect()
}

/// Reads an escalation. An open escalation gets the current name of its queue. A closed one keeps the name that the
/// queue had when it closed.
fn read(body: &str, queue: Option<String>) -> Result<Escalation, Error> {
    let mut it: Escalation = parse("escalation", "body", body)?;
    if let Some(name) = queue.filter(|_| it.status.is_open()) {
        let broken = |_| Error::Inconsistent { table: "queue", column: "name", id: it.queue.id.to_string() };
        it.queue.name = Name::parse(name).map_err(broken)?;
    }
    Ok(it)
}

/// Selects escalations by their ids.
pub const LOAD: &str = "select e.workspace_id, e.body, e.outcome, q.name from escalation e \
    left join queue q on q.workspace_id = e.workspace_id and q.id = e.queue_id \
    where (e.workspace_id, e.id) in (values {rows})";

/// Returns those of these escalations that exist.
pub async fn load(
    connection: &mut AnyConnection,
    ids: &[(WorkspaceId, EscalationId)],
) -> Result<Vec<(WorkspaceId, StoredEscalation)>, Error> {
    let mut found = vec![];
    for ids in chunks(ids, 2) {
        let mut query = sqlx::query(with_rows(LOAD, 2, ids.len()));
        for (workspace, id) in ids {
            query = query.bind(workspace.to_string()).bind(id.to_string());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let outcome: Option<String> = row.try_get(2)?;
            let escalation = read(&row.try_get::<String, _>(1)?, row.try_get(3)?)?;
            found.push((id("workspace_id", row.try_get(0)?)?, (escalation, outcome.map(Arc::from))));
        }
    }
    Ok(found)
}

/// Upserts escalations, each at most once.
pub async fn save(connection: &mut AnyConnection, changed: &[(WorkspaceId, &StoredEscalation)]) -> Result<(), Error> {
    const SQL: &str = "insert into escalation (workspace_id, id, agent_id, conversation, conversation_id, customer, opened_at, \
        status, claimed_by, closed_at, closed_seq, due_at, shelf, key_waiting, key_deadline, key_urgency, key_newest, \
        body, row, outcome, queue_id, claimed_after, tool_call_id, acknowledged_at, robot_at) values {rows} \
        on conflict (workspace_id, id) do update set status = excluded.status, claimed_by = excluded.claimed_by, \
        closed_at = excluded.closed_at, closed_seq = excluded.closed_seq, due_at = excluded.due_at, \
        shelf = excluded.shelf, key_waiting = excluded.key_waiting, key_deadline = excluded.key_deadline, \
        key_urgency = excluded.key_urgency, key_newest = excluded.key_newest, body = excluded.body, \
        row = excluded.row, customer = excluded.customer, outcome = excluded.outcome, queue_id = excluded.queue_id, \
        claimed_after = coalesce(escalation.claimed_after, excluded.claimed_after), \
        acknowledged_at = excluded.acknowledged_at, robot_at = excluded.robot_at";
    for changed in chunks(changed, 25) {
        let mut query = sqlx::query(with_rows(SQL, 25, changed.len()));
        for (workspace, (it, outcome)) in changed {
            let row = inbox::Row::from(it);
            query = query
                .bind(workspace.to_string())
                .bind(it.id.to_string())
                .bind(it.agent.id.to_string())
                .bind(it.conversation.to_string())
                .bind(it.opening.conversation_id().map(str::to_owned))
                .bind(it.opening.customer_key())
                .bind(it.opened_at.0)
                .bind(it.status.as_str())
                .bind(it.on_desk_of().map(|operator| operator.to_string()))
                .bind(it.closed_at.map(|at| at.0))
                .bind(it.closed_seq.map(|seq| seq.0))
                .bind(it.clock_at().map(|at| at.0))
                .bind(row.shelf().as_str())
                .bind(inbox::SortOrder::Waiting.key(&row))
                .bind(inbox::SortOrder::Deadline.key(&row))
                .bind(inbox::SortOrder::Urgency.key(&row))
                .bind(inbox::SortOrder::Newest.key(&row))
                .bind(json(it)?)
                .bind(json(&row)?)
                .bind(outcome.as_deref().map(str::to_owned))
                .bind(it.queue.id.to_string())
                // The value of the first claim is kept. How soon Robot claims tests tells nothing of operators.
                .bind(it.claim.as_ref().filter(|_| !it.agent.test).map(|claim| (claim.at - it.opened_at).0))
                .bind(it.opening.tool_call_id().filter(|id| id.chars().count() <= LONGEST_ID).map(str::to_owned))
                .bind(it.acknowledged_at.map(|at| at.0))
                .bind(it.robot_step().map(|(at, _)| at.0));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// A customer as identified by an agent: see [`Opening::customer_key`](crate::domain::opening::Opening::customer_key).
pub type CustomerName = (WorkspaceId, AgentId, String);

/// Returns those of these customers who have an earlier, closed escalation.
pub async fn known_customers(
    connection: &mut AnyConnection,
    customers: &[CustomerName],
) -> Result<HashSet<CustomerName>, Error> {
    let mut found = HashSet::new();
    for customers in chunks(customers, 3) {
        let mut query = sqlx::query(with_rows(WERE_HERE, 3, customers.len()));
        for (workspace, agent, customer) in customers {
            query = query.bind(workspace.to_string()).bind(agent.to_string()).bind(customer.clone());
        }
        for row in query.fetch_all(&mut *connection).await? {
            found.insert((id("workspace_id", row.try_get(0)?)?, id("agent_id", row.try_get(1)?)?, row.try_get(2)?));
        }
    }
    Ok(found)
}

/// Returns how the last escalations of the same customer ended, latest first. Only those count that ended before this
/// one was opened.
pub async fn earlier(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    escalation: &Escalation,
) -> Result<Vec<EarlierEscalation>, Error> {
    let Some(customer) = escalation.opening.customer_key().filter(|_| escalation.earlier) else { return Ok(vec![]) };
    let query = sqlx::query(EARLIER).bind(workspace.to_string()).bind(escalation.agent.id.to_string()).bind(customer);
    let rows = query.bind(escalation.opened_seq.0).bind(MOST_EARLIER).fetch_all(connection).await?;
    let bodies = rows.iter().map(|row| parse("escalation", "body", &row.try_get::<String, _>(0)?));
    let escalations: Vec<Escalation> = bodies.collect::<Result<_, Error>>()?;
    Ok(escalations.iter().filter_map(EarlierEscalation::of).collect())
}

/// Returns those of these conversations that exist.
pub async fn load_conversations(
    connection: &mut AnyConnection,
    keys: &[(WorkspaceId, ConversationKey)],
) -> Result<Vec<(WorkspaceId, Conversation)>, Error> {
    const SQL: &str =
        "select workspace_id, key, held_by, takeover from conversation where (workspace_id, key) in (values {rows})";
    let mut found = vec![];
    for keys in chunks(keys, 2) {
        let mut query = sqlx::query(with_rows(SQL, 2, keys.len()));
        for (workspace, key) in keys {
            query = query.bind(workspace.to_string()).bind(key.to_string());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let held_by: Option<String> = row.try_get(2)?;
            let takeover: Option<String> = row.try_get(3)?;
            let conversation = Conversation {
                key: ConversationKey::stored(row.try_get(1)?),
                held_by: held_by.map(|text| id("held_by", text)).transpose()?,
                takeover: takeover.map(|text| id("takeover", text)).transpose()?,
            };
            found.push((id("workspace_id", row.try_get(0)?)?, conversation));
        }
    }
    Ok(found)
}

/// Upserts conversations, each at most once.
pub async fn save_conversations(
    connection: &mut AnyConnection,
    changed: &[(WorkspaceId, &Conversation)],
) -> Result<(), Error> {
    const SQL: &str = "insert into conversation (workspace_id, key, held_by, takeover) values {rows} \
        on conflict (workspace_id, key) do update set held_by = excluded.held_by, takeover = excluded.takeover";
    for changed in chunks(changed, 4) {
        let mut query = sqlx::query(with_rows(SQL, 4, changed.len()));
        for (workspace, conversation) in changed {
            query = query
                .bind(workspace.to_string())
                .bind(conversation.key.to_string())
                .bind(conversation.held_by.map(|id| id.to_string()))
                .bind(conversation.takeover.map(|id| id.to_string()));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Reads the current state that `select_current!` selects.
pub fn current(row: &AnyRow) -> Result<CurrentState, Error> {
    let held_by: Option<String> = row.try_get(2)?;
    let outcome: Option<String> = row.try_get(1)?;
    Ok(CurrentState {
        escalation: Arc::new(read(&row.try_get::<String, _>(0)?, row.try_get(3)?)?),
        outcome: outcome.map(Arc::from),
        held_by: held_by.map(|text| id("held_by", text)).transpose()?,
    })
}

/// Selects current states. A condition on `e` follows.
macro_rules! select_current {
    ($which:expr) => {
        concat!(
            "select e.body, e.outcome, c.held_by, q.name from escalation e \
             join conversation c on c.workspace_id = e.workspace_id and c.key = e.conversation \
             left join queue q on q.workspace_id = e.workspace_id and q.id = e.queue_id where e.workspace_id = $1 and ",
            $which
        )
    };
}
pub(super) use select_current;

/// Returns the current state of one escalation.
pub async fn find(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    id: EscalationId,
) -> Result<Option<CurrentState>, Error> {
    let query = sqlx::query(select_current!("e.id = $2")).bind(workspace.to_string()).bind(id.to_string());
    query.fetch_optional(connection).await?.as_ref().map(current).transpose()
}

/// Selects those of these customers who have a closed escalation. Each costs one index lookup, however many escalations
/// the customer has.
pub const WERE_HERE: &str = "with asked (workspace_id, agent_id, customer) as (values {rows}) \
    select workspace_id, agent_id, customer from asked where exists (select 1 from escalation e \
    where e.workspace_id = asked.workspace_id and e.agent_id = asked.agent_id and e.customer = asked.customer \
    and e.closed_seq is not null)";
/// Earlier escalations of one customer, latest closed first.
pub const EARLIER: &str = "select body from escalation where workspace_id = $1 and agent_id = $2 and customer = $3 \
    and closed_seq < $4 order by closed_seq desc limit $5";
/// The number of earlier escalations on a page.
const MOST_EARLIER: i64 = 3;
/// Escalations whose `due_at` has passed.
pub const DUE: &str = "select workspace_id, id from escalation where due_at <= $1 order by due_at limit $2";

/// Tests in which a step of Robot is due.
pub const ROBOT_DUE: &str = "select workspace_id, id from escalation where robot_at <= $1 order by robot_at limit $2";

/// Escalations that an operator holds.
pub const HELD: &str = "select body from escalation where workspace_id = $1 and claimed_by = $2 and shelf = 'claimed'";

/// Returns the escalations that an operator holds, and their fences.
pub async fn held_by(
    store: &Store,
    workspace: WorkspaceId,
    operator: OperatorId,
) -> Result<Vec<(EscalationId, Fence)>, Error> {
    let query = sqlx::query(HELD).bind(workspace.to_string()).bind(operator.to_string());
    let read = |row: &AnyRow| {
        let it: Escalation = parse("escalation", "body", &row.try_get::<String, _>(0)?)?;
        Ok((it.id, it.fence))
    };
    query.fetch_all(store.reader()).await?.iter().map(read).collect()
}

/// Waiting escalations without an alert so far.
pub const TO_ALERT: &str = "select workspace_id, id from escalation \
    where shelf = 'waiting' and alerted_at is null and opened_at <= $1 order by opened_at limit $2";

/// Returns waiting escalations without an alert that were opened before a given time, the oldest first.
pub async fn alerts_due(
    store: &Store,
    opened_before: Timestamp,
    limit: i64,
) -> Result<Vec<(WorkspaceId, EscalationId)>, Error> {
    let rows = sqlx::query(TO_ALERT).bind(opened_before.0).bind(limit).fetch_all(store.reader()).await?;
    Ok(ids(&rows))
}

/// Takes the one alert of an escalation. Returns `None` when it no longer waits or another server has taken the alert.
/// Each statement updates one row, so that it never waits for a row lock while it holds another.
pub async fn claim_alert(
    store: &Store,
    workspace: WorkspaceId,
    id: EscalationId,
    now: Timestamp,
) -> Result<Option<Escalation>, Error> {
    let sql = "update escalation set alerted_at = $3 where workspace_id = $1 and id = $2 and alerted_at is null \
               and shelf = 'waiting' returning body, (select name from queue q \
               where q.workspace_id = escalation.workspace_id and q.id = escalation.queue_id)";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).bind(now.0);
    let row = update.fetch_optional(store.writer()).await?;
    row.map(|row| read(&row.try_get::<String, _>(0)?, row.try_get(1)?)).transpose()
}

/// Returns tests in which a step of Robot is due, the longest overdue first.
pub async fn robot_due(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<(WorkspaceId, EscalationId)>, Error> {
    let rows = sqlx::query(ROBOT_DUE).bind(now.0).bind(limit).fetch_all(store.reader()).await?;
    Ok(ids(&rows))
}

/// Returns escalations whose `due_at` has passed, the longest overdue first.
pub async fn due(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<(WorkspaceId, EscalationId)>, Error> {
    let rows = sqlx::query(DUE).bind(now.0).bind(limit).fetch_all(store.reader()).await?;
    Ok(ids(&rows))
}
