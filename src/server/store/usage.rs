//! The usage of API keys, by day.

use sqlx::{AnyConnection, Row};

use crate::{
    domain::ids::WorkspaceId,
    server::{error::Error, store::Store},
};

/// A key: its workspace and its public id.
pub type UsageKey = (WorkspaceId, String);

/// The usage of a key on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyUsage {
    /// The bytes of write requests.
    pub bytes: u64,
    /// The number of rate-limited requests.
    pub limited: u64,
}

/// The number of days for which usage is kept.
const KEPT_DAYS: i64 = 30;

/// Deletes the usage of a workspace before a day.
const FORGET: &str = "delete from key_usage where workspace_id = $1 and day < $2";

/// Adds to the usage of each key on a day, and returns the totals. Deletes usage older than `KEPT_DAYS`.
pub async fn add(
    connection: &mut AnyConnection,
    more: &[(UsageKey, i64, KeyUsage)],
    today: i64,
) -> Result<Vec<KeyUsage>, Error> {
    const ADD: &str = "insert into key_usage (workspace_id, public_id, day, written_bytes, limited) \
        values ($1, $2, $3, $4, $5) on conflict (workspace_id, public_id, day) do update \
        set written_bytes = key_usage.written_bytes + excluded.written_bytes, \
        limited = key_usage.limited + excluded.limited returning written_bytes, limited";
    let mut totals = Vec::with_capacity(more.len());
    for ((workspace, public_id), day, used) in more {
        let query = sqlx::query(ADD).bind(workspace.to_string()).bind(public_id.clone()).bind(*day);
        let row = query.bind(used.bytes as i64).bind(used.limited as i64).fetch_one(&mut *connection).await?;
        let number = |column: usize| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
        totals.push(KeyUsage { bytes: number(0)?, limited: number(1)? });
        let forget = sqlx::query(FORGET).bind(workspace.to_string()).bind(today - KEPT_DAYS);
        forget.execute(&mut *connection).await?;
    }
    Ok(totals)
}

/// Returns how many requests of each agent of a workspace were rate-limited on a day, by the agent's id. Agents without
/// any are left out.
pub async fn limited(store: &Store, workspace: WorkspaceId, day: i64) -> Result<Vec<(String, u64)>, Error> {
    const SQL: &str = "select k.agent_id, cast(sum(u.limited) as bigint) from key_usage u \
        join api_key k on k.workspace_id = u.workspace_id and k.public_id = u.public_id \
        where u.workspace_id = $1 and u.day = $2 and u.limited > 0 group by k.agent_id";
    let rows = sqlx::query(SQL).bind(workspace.to_string()).bind(day).fetch_all(store.reader()).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()))).collect()
}
