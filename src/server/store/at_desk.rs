//! The queue status that agents get in answers: how many operators are available, how many escalations wait ahead, and
//! how long recent claims took. The status is read at the time of the answer, by three index scans.

use std::collections::{HashMap, HashSet};

use sqlx::{AnyConnection, Row};

use super::rows::{chunks, with_rows};
use crate::{
    domain::{
        escalation::Escalation,
        ids::{EscalationId, QueueId, WorkspaceId},
        presence::{self, AVAILABLE_FOR},
        time::{Span, Timestamp},
    },
    server::{contract::AtDesk, error::Error},
};

/// The number of recent claims from which the median is computed.
const LATELY: i64 = 50;

/// Counts the operators who may claim, serve a queue and are online, and those of them who are not away.
pub const AVAILABLE: &str = "select count(*), count(case when o.away_at is null then 1 end) from operator_seen s \
    join operator o on o.workspace_id = s.workspace_id and o.id = s.operator_id \
    where s.workspace_id = $1 and s.at > $3 and s.at <= $4 and o.disabled_at is null and o.role <> 'viewer' \
    and (not exists (select 1 from queue_member m where m.workspace_id = $1 and m.queue_id = $2) \
    or exists (select 1 from queue_member m where m.workspace_id = $1 and m.queue_id = $2 and m.operator_id = o.id))";
/// The waiting times of a queue's claimed escalations, the most recently opened first.
pub const CLAIMED_AFTER: &str = "select claimed_after from escalation \
    where workspace_id = $1 and queue_id = $2 and claimed_after is not null order by id desc limit $3";
/// Counts the escalations that wait ahead of each of these in its queue. Counting stops at 1,000, because nobody needs
/// a larger number.
pub const AHEAD: &str = "with asked (workspace_id, queue_id, since, id) as (values {rows}) \
    select id, (select count(*) from (select 1 from escalation e where e.workspace_id = asked.workspace_id \
    and e.queue_id = asked.queue_id and e.shelf = 'waiting' \
    and (e.key_waiting, e.id) < (cast(asked.since as bigint), asked.id) limit 1000) ahead) from asked";

/// Returns the status of a queue for an escalation at its end.
pub async fn of_queue(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    queue: QueueId,
    now: Timestamp,
) -> Result<AtDesk, Error> {
    // `~` sorts after every id.
    let last = ahead(connection, &[(workspace, queue, now, "~".to_owned())]).await?;
    let waiting_ahead = last.into_values().next().unwrap_or_default();
    Ok(AtDesk { waiting_ahead, ..served(connection, workspace, queue, now).await? })
}

/// Returns the queue status for each of these escalations that is open.
pub async fn of_each(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    escalations: &[&Escalation],
    now: Timestamp,
) -> Result<HashMap<EscalationId, AtDesk>, Error> {
    let all_open = escalations.iter().filter(|it| it.status.is_open());
    let (tests, open): (Vec<&&Escalation>, Vec<&&Escalation>) = all_open.partition(|it| it.agent.test);
    let mut queues = HashMap::new();
    for queue in open.iter().map(|it| it.queue.id).collect::<HashSet<_>>() {
        queues.insert(queue, served(connection, workspace, queue, now).await?);
    }
    let waiting = open.iter().filter(|it| it.is_waiting());
    let waiting: Vec<_> = waiting.map(|it| (workspace, it.queue.id, it.opened_at, it.id.to_string())).collect();
    let ahead = ahead(connection, &waiting).await?;
    let of = |it: &&&Escalation| {
        let waiting_ahead = ahead.get(&it.id.to_string()).copied().unwrap_or_default();
        Some((it.id, AtDesk { waiting_ahead, ..*queues.get(&it.queue.id)? }))
    };
    let tests = tests.iter().map(|it| (it.id, AtDesk::ROBOT));
    Ok(open.iter().filter_map(of).chain(tests).collect())
}

/// Returns the status of a queue without the number of waiting escalations, which is left at 0.
async fn served(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    queue: QueueId,
    now: Timestamp,
) -> Result<AtDesk, Error> {
    let (workspace, queue) = (workspace.to_string(), queue.to_string());
    let since = now + Span(-AVAILABLE_FOR.0);
    let query = sqlx::query(AVAILABLE)
        .bind(workspace.clone())
        .bind(queue.clone())
        .bind(since.0)
        .bind((now + presence::AHEAD).0);
    let row = query.fetch_one(&mut *connection).await?;
    let (reachable, operators_available) = (row.try_get(0)?, row.try_get(1)?);
    let query = sqlx::query(CLAIMED_AFTER).bind(workspace).bind(queue).bind(LATELY);
    let mut spans = vec![];
    for row in query.fetch_all(connection).await? {
        spans.push(row.try_get::<i64, _>(0)?);
    }
    spans.sort_unstable();
    let median_claim_seconds = spans.get(spans.len() / 2).map(|span| span / 1_000);
    Ok(AtDesk { operators_available, reachable, waiting_ahead: 0, median_claim_seconds })
}

/// Returns the number of escalations that wait ahead of each, by its id.
async fn ahead(
    connection: &mut AnyConnection,
    asked: &[(WorkspaceId, QueueId, Timestamp, String)],
) -> Result<HashMap<String, i64>, Error> {
    let mut found = HashMap::new();
    for some in chunks(asked, 4) {
        let query = sqlx::query(with_rows(AHEAD, 4, some.len()));
        let query = some.iter().fold(query, |query, (workspace, queue, since, id)| {
            query.bind(workspace.to_string()).bind(queue.to_string()).bind(since.0).bind(id.clone())
        });
        for row in query.fetch_all(&mut *connection).await? {
            found.insert(row.try_get(0)?, row.try_get(1)?);
        }
    }
    Ok(found)
}
