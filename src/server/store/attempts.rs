//! Failed sign-ins, counted per subject: an account or an address; and which addresses an account knows. How long each
//! must wait is decided elsewhere.

use sqlx::{AnyConnection, Row};

use crate::{domain::time::Timestamp, server::clock::mint};

/// Takes a subject's row for the rest of the transaction: its failures and when it last tried. A new subject has none.
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

/// Writes how often a subject has failed, and that it tried just now.
pub async fn count(
    connection: &mut AnyConnection,
    subject: &str,
    failures: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let sql = "update sign_in_attempt set failures = $2, last_at = $3 where subject = $1";
    sqlx::query(sql).bind(subject.to_owned()).bind(failures).bind(now.0).execute(connection).await.map(drop)
}

/// Takes one try back from a subject that did not fail after all.
pub async fn take_back(connection: &mut AnyConnection, subject: &str) -> Result<(), sqlx::Error> {
    let sql = "update sign_in_attempt set failures = failures - 1 where subject = $1 and failures > 0";
    sqlx::query(sql).bind(subject.to_owned()).execute(connection).await.map(drop)
}

/// Writes a row and deletes it again, so that committing the transaction proves that the database can be written. An update
/// to the same value would prove nothing: SQLite skips it.
pub async fn probe(connection: &mut AnyConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    let subject = format!("write probe {}", mint());
    let sql = "insert into sign_in_attempt (subject, failures, last_at) values ($1, 0, $2)";
    sqlx::query(sql).bind(subject.clone()).bind(now.0).execute(&mut *connection).await?;
    forget(connection, &subject).await
}

/// Forgets a subject.
pub async fn forget(connection: &mut AnyConnection, subject: &str) -> Result<(), sqlx::Error> {
    let sql = "delete from sign_in_attempt where subject = $1";
    sqlx::query(sql).bind(subject.to_owned()).execute(connection).await.map(drop)
}

/// Forgets everyone who has not tried since a moment.
pub const FORGET: &str = "delete from sign_in_attempt where last_at < $1";
/// Forgets the addresses that were known before a moment and not since.
pub const FORGET_KNOWN: &str = "delete from sign_in_known where known_at < $1";

/// Forgets who has not tried, and the addresses that were not used to sign in, since a moment each.
pub async fn forget_before(
    connection: &mut AnyConnection,
    tried: Timestamp,
    known: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET).bind(tried.0).execute(&mut *connection).await?;
    sqlx::query(FORGET_KNOWN).bind(known.0).execute(connection).await.map(drop)
}

/// Whether an account knows an address; `subject` names both.
pub async fn is_known(connection: &mut AnyConnection, subject: &str) -> Result<bool, sqlx::Error> {
    let sql = "select subject from sign_in_known where subject = $1";
    Ok(sqlx::query(sql).bind(subject.to_owned()).fetch_optional(connection).await?.is_some())
}

/// Remembers that an account was signed in to from an address.
pub async fn know(connection: &mut AnyConnection, subject: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    let sql = "insert into sign_in_known (subject, known_at) values ($1, $2) \
               on conflict (subject) do update set known_at = excluded.known_at";
    sqlx::query(sql).bind(subject.to_owned()).bind(now.0).execute(connection).await.map(drop)
}
