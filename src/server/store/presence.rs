//! The times at which operators were last seen and agents last heard. They are stored outside the log, one row per
//! operator or agent id, which is overwritten.

use sqlx::Row;

use super::{
    Store,
    rows::{chunks, with_rows},
};
use crate::{
    domain::{
        escalation::Escalation,
        ids::{EscalationId, OperatorId, WorkspaceId},
        presence::{AHEAD, AgentContact, Presence},
        seq::Seq,
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

/// Upserts when operators were seen and agents heard. A time never moves back, whichever process writes last, unless
/// the stored time is more than a minute ahead. A spawned task does the work, so that a caller that is dropped does not
/// interrupt it.
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

/// The last time an agent listened to an escalation, alone or among all of its own.
pub const HEARD: &str = "select max(at), max(reached) from agent_heard where workspace_id = $1 and id in ($2, $3)";
/// The last time an operator was seen.
pub const SEEN: &str = "select at from operator_seen where workspace_id = $1 and operator_id = $2";

/// Returns the stored presence around an escalation: that of its agent and of its holder.
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

/// Prepares an operator to hold claims. An operator who was never online counts as seen when they were added, so that
/// their claims can lapse.
pub async fn expect(store: &Store, workspace: WorkspaceId, operator: OperatorId) -> Result<(), Error> {
    let sql = "insert into operator_seen (workspace_id, operator_id, at) select workspace_id, id, created_at \
               from operator where workspace_id = $1 and id = $2 on conflict do nothing";
    sqlx::query(sql).bind(workspace.to_string()).bind(operator.to_string()).execute(store.writer()).await?;
    Ok(())
}

/// Claims whose holders were not seen since a given time, or whose stored time is ahead of the clock. SQLite runs a
/// cross join in the written order, so this one starts with the operators, who are few.
pub const ABANDONED: &str = "select e.workspace_id, e.id, s.operator_id, s.at from operator_seen s \
    cross join escalation e where e.workspace_id = s.workspace_id and e.claimed_by = s.operator_id \
    and e.shelf = 'claimed' and (s.at <= $1 or s.at > $3) limit $2";

/// Returns claims whose holders were not seen since a given time, up to a limit.
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
            // A time stored before the clock was set back is ignored.
            seen_at: Some(Timestamp(row.try_get(3)?)).filter(|at| *at <= ahead).unwrap_or_default(),
        })
    });
    found.collect()
}
