//! Sessions of signed-in operators. Only the hash of a session's secret is stored. This module also checks which
//! credentials of open streams are still valid.

use std::{collections::HashSet, net::IpAddr};

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

/// The time after which an unused session ends.
pub const IDLE: Span = Span::hours(12);
/// The maximum lifetime of a session.
pub const ABSOLUTE: Span = Span::hours(14 * 24);
/// The minimum time between two writes of `seen_at`.
const SEEN_EVERY: Span = Span::minutes(1);

/// A valid session.
pub struct ActiveSession {
    pub workspace: WorkspaceId,
    pub operator: Operator,
    pub preferences: Preferences,
    /// The time at which the password was last entered in this session.
    pub confirmed_at: Timestamp,
    /// The time at which the session was last used, as stored.
    pub seen_at: Timestamp,
}

fn is_fresh(created_at: i64, seen_at: i64, now: Timestamp) -> bool {
    Timestamp(created_at) + ABSOLUTE > now && Timestamp(seen_at) + IDLE > now
}

/// Returns the session with this hash and its operator, if both are still valid.
pub async fn find(store: &Store, digest: &[u8; 32], now: Timestamp) -> Result<Option<ActiveSession>, Error> {
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

fn found(row: &AnyRow) -> Result<ActiveSession, Error> {
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
    Ok(ActiveSession {
        workspace,
        operator: Operator { who, role },
        preferences: preferences(row, 8)?,
        confirmed_at: Timestamp(row.try_get(7)?),
        seen_at: Timestamp(row.try_get(2)?),
    })
}

/// Reads the preferences in a column. Preferences of another version fall back to the defaults, so that they never lock
/// an operator out.
pub fn preferences(row: &AnyRow, column: usize) -> Result<Preferences, sqlx::Error> {
    Ok(serde_json::from_str(&row.try_get::<String, _>(column)?).unwrap_or_default())
}

/// The time for which sign-ins and their addresses are kept.
pub const REMEMBERED: Span = Span::hours(90 * 24);
/// Deletes the sign-ins of an operator before a given time.
pub const FORGET_SIGN_INS: &str = "delete from sign_in where workspace_id = $1 and operator_id = $2 and at < $3";
/// The last sign-ins of an operator.
pub const SIGN_INS: &str =
    "select at, address from sign_in where workspace_id = $1 and operator_id = $2 order by at desc limit 20";
/// The sessions of an operator.
pub const OF_OPERATOR: &str =
    "select secret_sha256, created_at, seen_at, address from session where workspace_id = $1 and operator_id = $2";
/// Deletes the sessions of a workspace that have exceeded their maximum lifetime.
pub const FORGET: &str = "delete from session where workspace_id = $1 and created_at <= $2";

/// The maximum number of sessions of an operator. Beyond it, the least recently used ones end.
const MOST_SESSIONS: i64 = 50;
/// Ends the sessions of an operator beyond that number.
pub const END_BEYOND: &str = "delete from session where workspace_id = $1 and operator_id = $2 and secret_sha256 in \
    (select secret_sha256 from session where workspace_id = $1 and operator_id = $2 \
    order by seen_at desc, created_at desc limit 1000000 offset $3)";

/// Begins a session, records the sign-in, and deletes expired sessions and old sign-ins.
pub async fn begin(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    operator: OperatorId,
    digest: &[u8; 32],
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let (workspace, operator) = (workspace.to_string(), operator.to_string());
    let address = address.map(|address| address.to_canonical().to_string());
    sqlx::query(FORGET).bind(workspace.clone()).bind(now.0 - ABSOLUTE.0).execute(&mut *connection).await?;
    let sql = "insert into session (secret_sha256, workspace_id, operator_id, created_at, seen_at, confirmed_at, address) \
               values ($1, $2, $3, $4, $5, $6, $7)";
    let insert = sqlx::query(sql).bind(digest.to_vec()).bind(workspace.clone()).bind(operator.clone());
    let insert = insert.bind(now.0).bind(now.0).bind(now.0).bind(address.clone());
    insert.execute(&mut *connection).await?;
    let end = sqlx::query(END_BEYOND).bind(workspace.clone()).bind(operator.clone()).bind(MOST_SESSIONS);
    end.execute(&mut *connection).await?;
    let forget = sqlx::query(FORGET_SIGN_INS).bind(workspace.clone()).bind(operator.clone());
    forget.bind(now.0 - REMEMBERED.0).execute(&mut *connection).await?;
    // Two sign-ins in the same millisecond are stored as one.
    let sql =
        "insert into sign_in (workspace_id, operator_id, at, address) values ($1, $2, $3, $4) on conflict do nothing";
    let insert = sqlx::query(sql).bind(workspace).bind(operator).bind(now.0).bind(address);
    insert.execute(connection).await.map(drop)
}

/// The time and address of a sign-in.
pub struct SignInRecord {
    pub at: Timestamp,
    pub address: Option<String>,
}

/// Returns the last sign-ins of an operator, newest first.
pub async fn sign_ins(store: &Store, workspace: WorkspaceId, operator: OperatorId) -> Result<Vec<SignInRecord>, Error> {
    let query = sqlx::query(SIGN_INS).bind(workspace.to_string()).bind(operator.to_string());
    let rows = query.fetch_all(store.reader()).await?;
    rows.iter().map(|row| Ok(SignInRecord { at: Timestamp(row.try_get(0)?), address: row.try_get(1)? })).collect()
}

/// A session as its operator and admins see it.
pub struct OpenSession {
    /// The hash of its secret, which identifies it in the database.
    pub digest: Vec<u8>,
    pub began_at: Timestamp,
    pub seen_at: Timestamp,
    /// The address from which the session was begun.
    pub address: Option<String>,
}

/// Returns the valid sessions of an operator, newest first.
pub async fn open(
    store: &Store,
    workspace: WorkspaceId,
    operator: OperatorId,
    now: Timestamp,
) -> Result<Vec<OpenSession>, Error> {
    let query = sqlx::query(OF_OPERATOR).bind(workspace.to_string()).bind(operator.to_string());
    let mut open = vec![];
    for row in query.fetch_all(store.reader()).await? {
        if is_fresh(row.try_get(1)?, row.try_get(2)?, now) {
            let (began_at, seen_at) = (Timestamp(row.try_get(1)?), Timestamp(row.try_get(2)?));
            open.push(OpenSession { digest: row.try_get(0)?, began_at, seen_at, address: row.try_get(3)? });
        }
    }
    open.sort_by_key(|it| std::cmp::Reverse(it.began_at));
    Ok(open)
}

/// Ends all sessions of an operator except `but`. Returns their digests, so that their open streams can be closed.
pub async fn end_all(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    operator: OperatorId,
    but: Option<&[u8; 32]>,
) -> Result<Vec<[u8; 32]>, sqlx::Error> {
    let sql = "delete from session where workspace_id = $1 and operator_id = $2 and secret_sha256 <> $3 \
               returning secret_sha256";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(operator.to_string());
    // No digest is empty, so an empty one keeps no session.
    let query = query.bind(but.map(|digest| digest.to_vec()).unwrap_or_default());
    let rows = query.fetch_all(connection).await?;
    let digests = rows.iter().map(|row| row.try_get::<Vec<u8>, _>(0)).collect::<Result<Vec<_>, _>>()?;
    Ok(digests.into_iter().filter_map(|digest| digest.try_into().ok()).collect())
}

/// Ends one session if it belongs to the operator.
pub async fn end_one(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    operator: OperatorId,
    digest: &[u8; 32],
) -> Result<(), sqlx::Error> {
    let sql = "delete from session where workspace_id = $1 and operator_id = $2 and secret_sha256 = $3";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(operator.to_string()).bind(digest.to_vec());
    query.execute(connection).await.map(drop)
}

/// Records that the password was entered in a session.
pub async fn confirm(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let sql = "update session set confirmed_at = $3 where workspace_id = $1 and secret_sha256 = $2";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(digest.to_vec()).bind(now.0);
    update.execute(connection).await.map(drop)
}

/// Ends a session.
pub async fn end(connection: &mut AnyConnection, workspace: WorkspaceId, digest: &[u8; 32]) -> Result<(), sqlx::Error> {
    let sql = "delete from session where workspace_id = $1 and secret_sha256 = $2";
    sqlx::query(sql).bind(workspace.to_string()).bind(digest.to_vec()).execute(connection).await.map(drop)
}

/// Returns whether a session's `seen_at` is due to be written.
pub fn is_due(seen_at: Timestamp, now: Timestamp) -> bool {
    now - seen_at >= SEEN_EVERY
}

/// Records that a session was used, in a single statement. Of several concurrent calls only the first one writes.
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

/// Returns those of these sessions that are still valid.
pub async fn valid_sessions(store: &Store, digests: &[[u8; 32]], now: Timestamp) -> Result<HashSet<[u8; 32]>, Error> {
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

/// Returns those of these API keys, by public id, that are still valid.
pub async fn valid_keys(store: &Store, ids: &[String], now: Timestamp) -> Result<HashSet<String>, Error> {
    let template = "select public_id, revoked_at from api_key where public_id in (values {rows})";
    let mut good = HashSet::new();
    for some in ids.chunks(1_024) {
        let some = padded(some);
        let query = sqlx::query(with_rows(template, 1, some.len()));
        let query = some.iter().fold(query, |query, id| query.bind(id.clone()));
        for row in query.fetch_all(store.reader()).await? {
            if row.try_get::<Option<i64>, _>(1)?.is_none_or(|ends| ends > now.0) {
                good.insert(row.try_get(0)?);
            }
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
