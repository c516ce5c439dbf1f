//! Read positions of operators, stored outside the log: one row per operator and escalation, which is overwritten.

use sqlx::Row;

use super::Store;
use crate::{
    domain::{
        ids::{EscalationId, OperatorId, WorkspaceId},
        seq::Seq,
        time::Timestamp,
    },
    server::error::Error,
};

/// The read positions that an operator changed last.
pub const OF_OPERATOR: &str = "select escalation_id, seq from operator_read \
    where workspace_id = $1 and operator_id = $2 order by at desc limit 500";
/// Deletes read positions that were not changed since a given time.
pub const FORGET: &str = "delete from operator_read where at < $1";

/// Stores an operator's read position, unless it is not further than before: positions never move back. Reads the
/// stored position first, because a page sends its position every few seconds, and on SQLite even a write that changes
/// nothing waits for the single writer.
pub async fn save(
    store: &Store,
    workspace: WorkspaceId,
    operator: OperatorId,
    (escalation, seq): (EscalationId, Seq),
    now: Timestamp,
) -> Result<(), Error> {
    const KNOWN: &str = "select seq from operator_read \
        where workspace_id = $1 and operator_id = $2 and escalation_id = $3";
    // A further position that another page of the operator stored meanwhile is kept.
    const NOTE: &str = "insert into operator_read (workspace_id, operator_id, escalation_id, seq, at) \
        values ($1, $2, $3, $4, $5) on conflict (workspace_id, operator_id, escalation_id) \
        do update set seq = excluded.seq, at = excluded.at where excluded.seq > operator_read.seq";
    let of = |sql| sqlx::query(sql).bind(workspace.to_string()).bind(operator.to_string()).bind(escalation.to_string());
    let known = of(KNOWN).fetch_optional(store.reader()).await?;
    let known: i64 = known.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    if seq.0 <= known {
        return Ok(());
    }
    of(NOTE).bind(seq.0).bind(now.0).execute(store.writer()).await?;
    Ok(())
}

/// Returns the read positions that an operator changed last.
pub async fn of_operator(
    store: &Store,
    workspace: WorkspaceId,
    operator: OperatorId,
) -> Result<Vec<(EscalationId, Seq)>, Error> {
    let query = sqlx::query(OF_OPERATOR).bind(workspace.to_string()).bind(operator.to_string());
    let rows = query.fetch_all(store.reader()).await?;
    let read = rows.iter().map(|row| {
        let id: String = row.try_get(0)?;
        let broken = Error::Inconsistent { table: "operator_read", column: "escalation_id", id: id.clone() };
        Ok((id.parse().map_err(|_| broken)?, Seq(row.try_get(1)?)))
    });
    read.collect()
}

/// Deletes read positions that were not changed since a given time.
pub async fn delete_before(store: &Store, before: Timestamp) -> Result<(), Error> {
    sqlx::query(FORGET).bind(before.0).execute(store.writer()).await?;
    Ok(())
}
