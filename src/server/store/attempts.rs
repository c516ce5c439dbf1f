//! Failed sign-ins, counted per subject (an account or an address), and the addresses known for each account. The code
//! that limits sign-ins decides elsewhere how long a subject must wait.

use sqlx::{AnyConnection, Row};

use crate::{domain::time::Timestamp, server::clock::mint};

/// Locks a subject's row for the rest of the transaction. Returns its failures and the time of its last attempt. A new
/// subject has no failures.
pub async fn lock(
    connection: &mut AnyConnection,
    subject: &str,
    now: Timestamp,
) -> Result<(i64, Timestamp), sqlx::Error> {
    let sql = "insert into sign_in_attempt (subject, failures, last_at) values ($1, 0, $2) \
               on conflict (subject) do update set subject = excluded.subject returning failures, last_at";
    let row = sqlx::query(sql).bind(subject.to_owned()).bind(now.0).fetch_one(connection).await?;
    Ok((row.try_get(0)?, Timestamp(row.try_get(1)?)))
}

/// Writes a subject's number of failures, and sets the time of its last attempt to `now`.
pub async fn count(
    connection: &mut AnyConnection,
    subject: &str,
    failures: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let sql = "update sign_in_attempt set failures = $2, last_at = $3 where subject = $1";
    sqlx::query(sql).bind(subject.to_owned()).bind(failures).bind(now.0).execute(connection).await.map(drop)
}

/// Removes one failure from a subject whose attempt turned out not to be a failure.
pub async fn take_back(connection: &mut AnyConnection, subject: &str) -> Result<(), sqlx::Error> {
    let sql = "update sign_in_attempt set failures = failures - 1 where subject = $1 and failures > 0";
    sqlx::query(sql).bind(subject.to_owned()).execute(connection).await.map(drop)
}

/// Writes a row and deletes it again, so that committing the transaction proves that the database is writable. An
/// update to the same value would prove nothing, because SQLite skips it.
pub async fn probe(connection: &mut AnyConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    let subject = format!("write probe {}", mint());
    let sql = "insert into sign_in_attempt (subject, failures, last_at) values ($1, 0, $2)";
    sqlx::query(sql).bind(subject.clone()).bind(now.0).execute(&mut *connection).await?;
    delete(connection, &subject).await
}

/// Deletes a subject.
pub async fn delete(connection: &mut AnyConnection, subject: &str) -> Result<(), sqlx::Error> {
    let sql = "delete from sign_in_attempt where subject = $1";
    sqlx::query(sql).bind(subject.to_owned()).execute(connection).await.map(drop)
}

/// Deletes the subjects whose last attempt was before a given time.
pub const FORGET: &str = "delete from sign_in_attempt where last_at < $1";
/// Deletes the known addresses whose last sign-in was before a given time.
pub const FORGET_KNOWN: &str = "delete from sign_in_known where known_at < $1";

/// Deletes the subjects without an attempt since `tried`, and the addresses without a sign-in since `known`.
pub async fn delete_before(
    connection: &mut AnyConnection,
    tried: Timestamp,
    known: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET).bind(tried.0).execute(&mut *connection).await?;
    sqlx::query(FORGET_KNOWN).bind(known.0).execute(connection).await.map(drop)
}

/// Returns whether an address is known for an account. `subject` names both.
pub async fn is_known_place(connection: &mut AnyConnection, subject: &str) -> Result<bool, sqlx::Error> {
    let sql = "select subject from sign_in_known where subject = $1";
    Ok(sqlx::query(sql).bind(subject.to_owned()).fetch_optional(connection).await?.is_some())
}

/// Records that somebody signed in to an account from an address. `subject` identifies both.
pub async fn remember_place(connection: &mut AnyConnection, subject: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    let sql = "insert into sign_in_known (subject, known_at) values ($1, $2) \
               on conflict (subject) do update set known_at = excluded.known_at";
    sqlx::query(sql).bind(subject.to_owned()).bind(now.0).execute(connection).await.map(drop)
}
