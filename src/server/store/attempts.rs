//! Failed sign-ins, counted per subject: an account or an address. How long each must wait is decided elsewhere.

use sqlx::{AnyConnection, Row};

use crate::domain::time::Timestamp;

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

/// Forgets a subject.
pub async fn forget(connection: &mut AnyConnection, subject: &str) -> Result<(), sqlx::Error> {
    let sql = "delete from sign_in_attempt where subject = $1";
    sqlx::query(sql).bind(subject.to_owned()).execute(connection).await.map(drop)
}

/// Forgets everyone who has not tried since a moment.
pub async fn forget_before(connection: &mut AnyConnection, moment: Timestamp) -> Result<(), sqlx::Error> {
    let sql = "delete from sign_in_attempt where last_at < $1";
    sqlx::query(sql).bind(moment.0).execute(connection).await.map(drop)
}
