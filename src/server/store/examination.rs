//! Looks at a database from outside, for `bailout doctor`: whether it can be opened and is sound. Nothing is created, migrated
//! or changed. Errors are sentences without the address, which may contain a password.

use std::{path::PathBuf, time::Duration};

use sqlx::{AnyConnection, Connection, Row, any::install_default_drivers};
use tokio::time::timeout;

use super::{Dialect, lock, pooler};
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
    match one(url, "pragma quick_check(1)").await?.as_str() {
        "ok" => Ok(Examination::Sound(format!("{file} is sound"))),
        damage => Err(format!("{file} is damaged ({damage}). Restore a backup: bailout admin restore --from FILE")),
    }
}

async fn postgres(url: &str) -> Result<Examination, String> {
    let version = one(url, "select current_setting('server_version')").await?;
    if one(url, "select current_setting('transaction_read_only')").await? == "on" {
        return Err("PostgreSQL is read-only. Name its primary, or end the read-only mode".to_owned());
    }
    if pooler::shares_sessions(url).await {
        return Err(
            "a connection pooler shares sessions. Name PostgreSQL itself, or set pool_mode = session".to_owned()
        );
    }
    Ok(Examination::Sound(format!("PostgreSQL {version} can be used")))
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

/// Returns the text that a statement selects, on a connection of its own.
async fn one(url: &str, sql: &'static str) -> Result<String, String> {
    install_default_drivers();
    let ask = async {
        let mut connection = AnyConnection::connect(url).await?;
        let found = sqlx::query(sql).fetch_one(&mut connection).await.and_then(|row| row.try_get(0));
        connection.close().await?;
        found
    };
    let answered = timeout(PATIENCE, ask).await.map_err(|_| "the database does not answer".to_owned())?;
    answered.map_err(|error: sqlx::Error| format!("the database cannot be read: {error}"))
}
