//! Looks at a database from outside, for `bailout doctor`: whether it can be opened and is sound. No data is created, migrated
//! or changed. Errors are sentences without the address, which may contain a password.

use std::{path::PathBuf, time::Duration};

use sqlx::{AnyConnection, Connection, Executor, Row, any::install_default_drivers};
use tokio::time::timeout;

use super::{Dialect, POSTGRES_AT_LEAST, lock, pooler};
use crate::domain::time::Timestamp;

/// The timeout for connecting, and for each statement.
const PATIENCE: Duration = Duration::from_secs(8);

/// The state of a database.
#[derive(Debug)]
pub enum Examination {
    /// The file of a SQLite database, which no server has made yet.
    NotThere(PathBuf),
    /// The database can be used; the text names it.
    Sound(String),
}

/// Examines the database at an address.
pub async fn of(url: &str) -> Result<Examination, String> {
    let Some(file) = file(url)? else { return postgres(url).await };
    if !file.exists() {
        return Ok(Examination::NotThere(file));
    }
    let file = file.display();
    if one(url, "select cast(count(*) as text) from sqlite_schema where name = 'installation'").await? != "1" {
        return Err(format!("{file} is no database of Bailout. Look at BAILOUT_DATABASE_URL"));
    }
    // This reads the whole file, so it may take longer than anybody waits.
    match timeout(PATIENCE, asked(url, "pragma quick_check(1)")).await {
        Err(_) => Ok(Examination::Sound(format!("{file} can be read, and is too large to be checked whole"))),
        Ok(found) => match found.map_err(unreadable)?.as_str() {
            "ok" => Ok(Examination::Sound(format!("{file} is sound"))),
            damage => Err(format!("{file} is damaged ({damage}). Restore a backup: bailout admin restore --from FILE")),
        },
    }
}

async fn postgres(url: &str) -> Result<Examination, String> {
    let version = one(url, "select current_setting('server_version_num')").await?;
    if version.parse::<i64>().is_ok_and(|version| version < POSTGRES_AT_LEAST) {
        return Err("it is older than PostgreSQL 15".to_owned());
    }
    if one(url, "select current_setting('transaction_read_only')").await? == "on" {
        return Err("PostgreSQL is read-only. Name its primary, or end the read-only mode".to_owned());
    }
    for (question, expected) in Dialect::Postgres.promises() {
        let answer = one(url, question).await?;
        if answer != *expected {
            return Err(format!(
                "it could lose what was acknowledged: `{question}` answers `{answer}`, not `{expected}`"
            ));
        }
    }
    if pooler::shares_sessions(url).await {
        return Err(
            "a connection pooler shares sessions. Name PostgreSQL itself, or set pool_mode = session".to_owned()
        );
    }
    Ok(Examination::Sound("PostgreSQL can be used".to_owned()))
}

/// Returns the folder of a SQLite database; none for PostgreSQL.
pub fn folder(url: &str) -> Result<Option<PathBuf>, String> {
    Ok(file(url)?.and_then(|file| Some(file.parent()?.to_owned())))
}

/// Returns the time of PostgreSQL's clock. SQLite has none.
pub async fn clock(url: &str) -> Result<Option<Timestamp>, String> {
    if file(url)?.is_some() {
        return Ok(None);
    }
    let sql = "select cast(cast(extract(epoch from clock_timestamp()) * 1000 as bigint) as text)";
    let now = one(url, sql).await?;
    now.parse().map(|now| Some(Timestamp(now))).map_err(|_| "the database's clock cannot be read".to_owned())
}

fn file(url: &str) -> Result<Option<PathBuf>, String> {
    if !matches!(Dialect::of(url), Ok(Dialect::Sqlite)) {
        return Ok(None);
    }
    let options = lock::options(url).map_err(|error| error.to_string())?;
    let named = options.get_filename();
    lock::real(named).map(Some).map_err(|error| format!("{}: {error}", named.display()))
}

/// Returns the text that a statement selects, within [`PATIENCE`].
async fn one(url: &str, sql: &'static str) -> Result<String, String> {
    let answered = timeout(PATIENCE, asked(url, sql)).await;
    answered.map_err(|_| "the database does not answer".to_owned())?.map_err(unreadable)
}

fn unreadable(error: sqlx::Error) -> String {
    format!("the database cannot be read: {error}")
}

/// Returns the text that a statement selects, on a connection of its own. A bare text is sent without a prepared statement, which
/// could fail behind a connection pooler.
async fn asked(url: &str, sql: &'static str) -> Result<String, sqlx::Error> {
    install_default_drivers();
    let mut connection = AnyConnection::connect(url).await?;
    let found = connection.fetch_one(sql).await.and_then(|row| row.try_get(0));
    connection.close().await?;
    found
}
