//! When operators were seen and agents heard. Outside the log: a row a name, written over.

use sqlx::Row;

use super::{
    Store,
    rows::{chunks, with_rows},
};
use crate::{
    domain::{
        escalation::Escalation,
        event::Seq,
        ids::{EscalationId, OperatorId, WorkspaceId},
        presence::{AHEAD, AgentContact, Presence},
        time::Timestamp,
    },
    server::error::Error,
};

/// A claim whose holder was not seen for a while.
pub struct AbandonedClaim {
    pub workspace: WorkspaceId,
    pub escalation: EscalationId,
    pub holder: OperatorId,
    pub seen_at: Timestamp,
}

/// Writes who was seen and heard; nobody goes back in time, whichever process writes last. In a task of its own, so that a
/// caller who leaves does not break it off.
pub async fn save(
    store: &Store,
    operators: Vec<(WorkspaceId, OperatorId, Timestamp)>,
    agents: Vec<(WorkspaceId, String, AgentContact)>,
) -> Result<(), Error> {
    const SEEN: &str = "insert into operator_seen (workspace_id, operator_id, at) values {rows} \
        on conflict (workspace_id, operator_id) do update set at = excluded.at \
        where excluded.at > operator_seen.at or operator_seen.at > excluded.at + 60000";
    const HEARD: &str = "insert into agent_heard (workspace_id, id, at, reached) values {rows} \
        on conflict (workspace_id, id) do update set \
        at = case when excluded.at > agent_heard.at or agent_heard.at > excluded.at + 60000 \
        then excluded.at else agent_heard.at end, \
        reached = case when excluded.reached > agent_heard.reached then excluded.reached else agent_heard.reached end";
    let write = store.write(move |tx| {
        Box::pin(async move {
            for rows in chunks(&operators, 3) {
                let mut query = sqlx::query(with_rows(SEEN, 3, rows.len()));
                for (workspace, operator, at) in rows {
                    query = query.bind(workspace.to_string()).bind(operator.to_string()).bind(at.0);
                }
                query.execute(&mut *tx).await?;
            }
            for rows in chunks(&agents, 4) {
                let mut query = sqlx::query(with_rows(HEARD, 4, rows.len()));
                for (workspace, id, heard) in rows {
                    query = query.bind(workspace.to_string()).bind(id.clone()).bind(heard.at.0).bind(heard.reached.0);
                }
                query.execute(&mut *tx).await?;
            }
            Ok(())
        })
    });
    write.await
}

/// When an agent last listened to an escalation, alone or among all of its own.
pub const HEARD: &str = "select max(at), max(reached) from agent_heard where workspace_id = $1 and id in ($2, $3)";
/// When an operator was last seen.
pub const SEEN: &str = "select at from operator_seen where workspace_id = $1 and operator_id = $2";

/// Who was there, around an escalation, as far as it is written down: its agent, and whoever holds it.
pub async fn around(store: &Store, workspace: WorkspaceId, it: &Escalation) -> Result<Presence, Error> {
    let mut presence = Presence::default();
    let query = sqlx::query(HEARD).bind(workspace.to_string()).bind(it.agent.id.to_string()).bind(it.id.to_string());
    let row = query.fetch_one(store.reader()).await?;
    if let (Some(at), Some(reached)) = (row.try_get::<Option<i64>, _>(0)?, row.try_get::<Option<i64>, _>(1)?) {
        presence.heard = Some(AgentContact { at: Timestamp(at), reached: Seq(reached) });
    }
    if let Some(claim) = it.holder() {
        let holder = claim.operator.id;
        let query = sqlx::query(SEEN).bind(workspace.to_string()).bind(holder.to_string());
        if let Some(row) = query.fetch_optional(store.reader()).await? {
            presence.seen.push((holder, Timestamp(row.try_get(0)?)));
        }
    }
    Ok(presence)
}

/// From now on an operator may hold claims: one who was never here counts as seen when they were added, so that what they
/// are given can lapse.
pub async fn expect(store: &Store, workspace: WorkspaceId, operator: OperatorId) -> Result<(), Error> {
    let sql = "insert into operator_seen (workspace_id, operator_id, at) select workspace_id, id, created_at \
               from operator where workspace_id = $1 and id = $2 on conflict do nothing";
    sqlx::query(sql).bind(workspace.to_string()).bind(operator.to_string()).execute(store.writer()).await?;
    Ok(())
}

/// Claims whose holders were not seen since a moment, or only at times that the clock has not reached. A cross join, since SQLite takes that in the order it is written:
/// people first, of whom there are few.
pub const ABANDONED: &str = "select e.workspace_id, e.id, s.operator_id, s.at from operator_seen s \
    cross join escalation e where e.workspace_id = s.workspace_id and e.claimed_by = s.operator_id \
    and e.shelf = 'claimed' and (s.at <= $1 or s.at > $3) limit $2";

/// Some of the claims whose holders were not seen since a moment.
pub async fn abandoned(
    store: &Store,
    since: Timestamp,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<AbandonedClaim>, Error> {
    let ahead = now + AHEAD;
    let rows = sqlx::query(ABANDONED).bind(since.0).bind(limit).bind(ahead.0).fetch_all(store.reader()).await?;
    let found = rows.iter().map(|row| {
        let (workspace, escalation, holder): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let broken = |table, column| Error::Inconsistent { table, column, id: escalation.clone() };
        Ok(AbandonedClaim {
            workspace: workspace.parse().map_err(|_| broken("escalation", "workspace_id"))?,
            escalation: escalation.parse().map_err(|_| broken("escalation", "id"))?,
            holder: holder.parse().map_err(|_| broken("operator_seen", "operator_id"))?,
            // A time of a clock that was set back since says nothing.
            seen_at: Some(Timestamp(row.try_get(3)?)).filter(|at| *at <= ahead).unwrap_or_default(),
        })
    });
    found.collect()
}
