//! Sessions: who is signed in. Only the hash of a session's secret is stored. Also which credentials of open streams
//! still hold.

use std::collections::HashSet;

use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::{
    domain::{
        ids::{OperatorId, WorkspaceId},
        operator::{Operator, OperatorRef, Preferences},
        text::Name,
        time::{Span, Timestamp},
    },
    server::{
        error::Error,
        store::{Store, rows::with_rows},
    },
};

/// A session nobody uses ends after this.
pub const IDLE: Span = Span::hours(12);
/// Every session ends after this.
pub const ABSOLUTE: Span = Span::hours(14 * 24);
/// How often `seen_at` is written at most.
const SEEN_EVERY: Span = Span::minutes(1);

/// A good session.
pub struct Found {
    pub workspace: WorkspaceId,
    pub operator: Operator,
    pub preferences: Preferences,
    /// When the password was last shown in it.
    pub confirmed_at: Timestamp,
    /// When it was last seen to be used.
    pub seen_at: Timestamp,
}

fn is_fresh(created_at: i64, seen_at: i64, now: Timestamp) -> bool {
    Timestamp(created_at) + ABSOLUTE > now && Timestamp(seen_at) + IDLE > now
}

/// The session with this hash and its operator, if both are still good.
pub async fn find(store: &Store, digest: &[u8; 32], now: Timestamp) -> Result<Option<Found>, Error> {
    let sql = "select s.workspace_id, s.created_at, s.seen_at, o.id, o.name, o.public_name, o.role, \
               s.confirmed_at, o.preferences from session s \
               join operator o on o.workspace_id = s.workspace_id and o.id = s.operator_id \
               where s.secret_sha256 = $1 and o.disabled_at is null";
    let row = sqlx::query(sql).bind(digest.to_vec()).fetch_optional(store.reader()).await?;
    match row {
        Some(row) if is_fresh(row.try_get(1)?, row.try_get(2)?, now) => found(&row).map(Some),
        _ => Ok(None),
    }
}

fn found(row: &AnyRow) -> Result<Found, Error> {
    let id: String = row.try_get(3)?;
    let broken = |column| Error::Inconsistent { table: "operator", column, id: id.clone() };
    let name = |column: usize, called| Name::parse(row.try_get::<String, _>(column)?).map_err(|_| broken(called));
    let who = OperatorRef {
        id: id.parse().map_err(|_| broken("id"))?,
        name: name(4, "name")?,
        public_name: name(5, "public_name")?,
    };
    let role = row.try_get::<String, _>(6)?.parse().map_err(|_| broken("role"))?;
    let workspace = row.try_get::<String, _>(0)?.parse().map_err(|_| broken("workspace_id"))?;
    Ok(Found {
        workspace,
        operator: Operator { who, role },
        // Wishes of another version must not keep anyone out.
        preferences: serde_json::from_str(&row.try_get::<String, _>(8)?).unwrap_or_default(),
        confirmed_at: Timestamp(row.try_get(7)?),
        seen_at: Timestamp(row.try_get(2)?),
    })
}

/// Forgets the sessions of a workspace that are too old to be good.
pub const FORGET: &str = "delete from session where workspace_id = $1 and created_at <= $2";

/// Begins a session, and forgets those of the workspace that are too old to be good.
pub async fn begin(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    operator: OperatorId,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let workspace = workspace.to_string();
    sqlx::query(FORGET).bind(workspace.clone()).bind(now.0 - ABSOLUTE.0).execute(&mut *connection).await?;
    let sql = "insert into session (secret_sha256, workspace_id, operator_id, created_at, seen_at) \
               values ($1, $2, $3, $4, $5)";
    let insert = sqlx::query(sql).bind(digest.to_vec()).bind(workspace).bind(operator.to_string());
    insert.bind(now.0).bind(now.0).execute(connection).await.map(drop)
}

/// Ends a session.
pub async fn end(connection: &mut AnyConnection, workspace: WorkspaceId, digest: &[u8; 32]) -> Result<(), sqlx::Error> {
    let sql = "delete from session where workspace_id = $1 and secret_sha256 = $2";
    sqlx::query(sql).bind(workspace.to_string()).bind(digest.to_vec()).execute(connection).await.map(drop)
}

/// Whether a session's `seen_at` is due to be written.
pub fn is_due(seen_at: Timestamp, now: Timestamp) -> bool {
    now - seen_at >= SEEN_EVERY
}

/// Notes that a session was used. One statement of its own; several at once write once.
pub async fn seen(store: &Store, workspace: WorkspaceId, digest: &[u8; 32], now: Timestamp) -> Result<(), Error> {
    let sql = "update session set seen_at = $3 where workspace_id = $1 and secret_sha256 = $2 and seen_at <= $4";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(digest.to_vec()).bind(now.0);
    update.bind(now.0 - SEEN_EVERY.0).execute(store.writer()).await?;
    Ok(())
}

/// Pads a list to a power of two by repeating its last item, so that there are few different statements.
fn padded<T: Clone>(items: &[T]) -> Vec<T> {
    let mut padded = items.to_vec();
    if let Some(last) = items.last() {
        padded.resize(items.len().next_power_of_two(), last.clone());
    }
    padded
}

/// Of these sessions, those that are still good.
pub async fn still_good(store: &Store, digests: &[[u8; 32]], now: Timestamp) -> Result<HashSet<[u8; 32]>, Error> {
    let template = "select s.secret_sha256, s.created_at, s.seen_at from session s \
                    join operator o on o.workspace_id = s.workspace_id and o.id = s.operator_id \
                    where s.secret_sha256 in (values {rows}) and o.disabled_at is null";
    let mut good = HashSet::new();
    for some in digests.chunks(1_024) {
        let some = padded(some);
        let query = sqlx::query(with_rows(template, 1, some.len()));
        let query = some.iter().fold(query, |query, digest| query.bind(digest.to_vec()));
        for row in query.fetch_all(store.reader()).await? {
            let digest: Vec<u8> = row.try_get(0)?;
            if is_fresh(row.try_get(1)?, row.try_get(2)?, now) {
                good.extend(<[u8; 32]>::try_from(digest));
            }
        }
    }
    Ok(good)
}

/// Of these API keys, by public id, those that are not revoked.
pub async fn keys_still_good(store: &Store, ids: &[String]) -> Result<HashSet<String>, Error> {
    let template = "select public_id from api_key where public_id in (values {rows}) and revoked_at is null";
    let mut good = HashSet::new();
    for some in ids.chunks(1_024) {
        let some = padded(some);
        let query = sqlx::query(with_rows(template, 1, some.len()));
        let query = some.iter().fold(query, |query, id| query.bind(id.clone()));
        for row in query.fetch_all(store.reader()).await? {
            good.insert(row.try_get(0)?);
        }
    }
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_in_any_case() {
        let hour = Span::hours(1).0;
        assert!(is_fresh(0, 0, Timestamp(11 * hour)));
        assert!(!is_fresh(0, 0, Timestamp(12 * hour)));
        assert!(!is_fresh(0, 335 * hour, Timestamp(336 * hour)));
    }
}
