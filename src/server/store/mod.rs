//! The database: opening it safely, and the few differences between SQLite and PostgreSQL. The same SQL text serves
//! both. Each entity has a file in this folder with its queries.

pub mod agent_list;
pub mod agents;
pub mod at_desk;
pub mod attempts;
pub mod backup;
pub mod deadline;
mod dialect;
pub mod drafts;
pub mod escalations;
pub mod events;
pub mod examination;
pub mod inbox;
pub mod links;
mod lock;
pub mod messages;
pub mod open_error;
pub mod operators;
pub mod passages;
pub mod people;
mod pooler;
pub mod portion;
pub mod presence;
mod private;
pub mod queues;
pub mod reads;
pub mod rows;
pub mod search;
pub mod sessions;
pub mod transaction;
pub mod usage;
pub mod workspaces;

use std::{
    fs::File,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::future::BoxFuture;
use sqlx::{
    AnyConnection, AnyPool, Executor, Row,
    any::{AnyPoolOptions, install_default_drivers},
    postgres::PgConnectOptions,
};

pub use self::dialect::Dialect;
use self::{
    deadline::{BoundedPool, SilenceRecord},
    open_error::OpenError,
    transaction::DatabaseTransaction,
};
use crate::{domain::time::Timestamp, server::error::Error};

/// The lowest SQLite version that never loses a committed write under WAL.
const SQLITE_AT_LEAST: (i64, i64, i64) = (3, 51, 3);
/// The lowest PostgreSQL version that is tested, as `server_version_num`.
const POSTGRES_AT_LEAST: i64 = 150_000;
/// The timeout for acquiring a connection. After it, the caller is told to retry later.
const ACQUIRE: Duration = Duration::from_secs(3);

/// The kind of process that opens the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// The one server process of a SQLite file, or one of several on PostgreSQL.
    Server,
    /// An admin command, which may run while a server runs.
    Admin,
}

/// An open database.
#[derive(Clone)]
pub struct Store {
    reader: Arc<BoundedPool>,
    writer: Arc<BoundedPool>,
    silence: SilenceRecord,
    dialect: Dialect,
    epoch: Arc<RwLock<Arc<str>>>,
    url: Arc<str>,
    /// Held as long as the server runs. The kernel releases the lock, however the process ends.
    _lock: Option<Arc<File>>,
}

impl Store {
    /// Opens, checks and migrates the database. The configuration has validated the address.
    pub async fn open(url: &str, opener: Opener, now: Timestamp) -> Result<Self, OpenError> {
        install_default_drivers();
        let (dialect, silence) = (Dialect::of(url)?, SilenceRecord::default());
        let lock = match dialect {
            Dialect::Sqlite => {
                let lock = lock::take(url, opener).await?;
                lock::create(url)?;
                lock
            }
            Dialect::Postgres => None,
        };
        let writer = pool(dialect, false, silence.clone())
            .connect(url)
            .await
            .map_err(|error| unreachable(url, dialect, error))?;
        if dialect == Dialect::Postgres && pooler::shares_sessions(url).await {
            return Err(OpenError::Pooler);
        }
        check(&writer, dialect).await?;
        if dialect == Dialect::Postgres || lock.is_some() {
            match dialect {
                Dialect::Sqlite => sqlx::migrate!("migrations/sqlite").run(&writer).await?,
                // This connection has no timeouts of ours, because large tables take time, and so does a migration by
                // another process.
                Dialect::Postgres => {
                    let patient = AnyPoolOptions::new().max_connections(1).connect(url).await?;
                    sqlx::migrate!("migrations/postgres").run(&patient).await?;
                    patient.close().await;
                }
            }
            // Not run on SQLite while a server runs, because an earlier version compares addresses in their earlier
            // form.
            operators::unify_emails(&mut *writer.acquire().await?).await?;
        }
        let epoch = Arc::new(RwLock::new(workspaces::epoch(&mut *writer.acquire().await?, now).await?.into()));
        let reader = pool(dialect, true, silence.clone()).connect(url).await?;
        let lock = lock.filter(|_| opener == Opener::Server).map(Arc::new);
        let [reader, writer] = [reader, writer].map(|pool| Arc::new(BoundedPool::new(pool, silence.clone())));
        Ok(Self { reader, writer, silence, dialect, epoch, url: url.into(), _lock: lock })
    }

    /// Returns the pool for reads that need no snapshot.
    pub fn reader(&self) -> &BoundedPool {
        &self.reader
    }

    /// Returns the pool for writes outside the log. SQLite has one such connection, so never wait for anything else
    /// while holding it.
    pub fn writer(&self) -> &BoundedPool {
        &self.writer
    }

    /// Returns the record of connections that went silent.
    pub fn silence(&self) -> &SilenceRecord {
        &self.silence
    }

    /// Returns the kind of database.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the address of the database, for a listener's own connection.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the folder of a SQLite database.
    pub fn folder(&self) -> Option<PathBuf> {
        if self.dialect == Dialect::Postgres {
            return None;
        }
        let options = lock::options(&self.url).ok()?;
        lock::real(options.get_filename()).ok()?.parent().map(Path::to_owned)
    }

    /// Returns the epoch, which names this database's history. Cursors of another epoch are invalid.
    pub fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.epoch.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the epoch again. Returns whether it has changed.
    pub async fn refresh_epoch(&self) -> Result<bool, Error> {
        let named: Arc<str> = workspaces::named_epoch(self.reader()).await?.into();
        let mut known = self.epoch.write().unwrap_or_else(PoisonError::into_inner);
        let is_another = *known != named;
        *known = named;
        Ok(is_another)
    }

    /// Begins a write transaction. Only a spawned task may own it, because each transaction that is dropped costs a
    /// connection.
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, sqlx::Error> {
        self.begin_write_within(deadline::WRITE).await
    }

    /// Begins a write transaction with this timeout.
    pub async fn begin_write_within(&self, allowed: Duration) -> Result<DatabaseTransaction, sqlx::Error> {
        DatabaseTransaction::begin(&self.writer, self.dialect.begin_write(), allowed).await
    }

    /// Runs reads on one snapshot, in a spawned task, so that a caller that is dropped does not interrupt them.
    pub async fn snapshot<T, F>(&self, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    {
        let store = self.clone();
        let task = tokio::spawn(async move {
            let begin = store.dialect.begin_snapshot();
            let mut tx = DatabaseTransaction::begin(&store.reader, begin, deadline::READ).await?;
            let value = tx.deadline().bound(read(&mut tx)).await;
            tx.abandon().await;
            value
        });
        task.await.unwrap_or_else(|failed| Err(Error::Internal(format!("a read ended early: {failed}"))))
    }

    /// Runs writes outside the log in one transaction, in a spawned task, so that a caller that is dropped does not
    /// interrupt them. An error rolls the transaction back.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<sqlx::Error> + From<Error> + Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let store = self.clone();
        let task = tokio::spawn(async move {
            let mut tx = store.begin_write().await?;
            match tx.deadline().bound(work(&mut tx)).await {
                Ok(value) => {
                    tx.commit().await?;
                    Ok(value)
                }
                Err(refused) => {
                    tx.abandon().await;
                    Err(refused)
                }
            }
        });
        task.await.unwrap_or_else(|failed| Err(Error::Internal(format!("a write ended early: {failed}")).into()))
    }

    /// Closes every connection, so that SQLite checkpoints its write-ahead log into the file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn pool(dialect: Dialect, reader: bool, silence: SilenceRecord) -> AnyPoolOptions {
    let most = match (dialect, reader) {
        (Dialect::Sqlite, false) => 1,
        (Dialect::Sqlite, true) => 4,
        (Dialect::Postgres, _) => 8,
    };
    let options = AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE)
        // The pool's own test has no deadline. PostgreSQL connections are tested in `before_acquire` instead.
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(dialect.settings(reader)).await.map(drop) })
        });
    match dialect {
        // A SQLite connection is a file handle, so closing it when idle or old gains nothing.
        Dialect::Sqlite => options.max_lifetime(None).idle_timeout(None),
        Dialect::Postgres => options
            .before_acquire(move |connection, meta| Box::pin(deadline::is_there(connection, meta, silence.clone())))
            // sqlx can return a connection with an open transaction when a `begin` is dropped.
            .after_release(|connection, _| Box::pin(deadline::is_clean(connection))),
    }
}

/// Returns an error that names the server that did not answer, without the password in its address.
fn unreachable(url: &str, dialect: Dialect, error: sqlx::Error) -> OpenError {
    match (dialect, PgConnectOptions::from_str(url)) {
        (Dialect::Postgres, Ok(options)) => {
            let at = match options.get_socket() {
                Some(socket) => format!("{}, port {}", socket.display(), options.get_port()),
                None => format!("{}:{}", options.get_host(), options.get_port()),
            };
            let why = match error {
                // The pool retries refused connections until its timeout.
                sqlx::Error::PoolTimedOut => format!("no connection within {} seconds", ACQUIRE.as_secs()),
                error => error.to_string(),
            };
            OpenError::Unreachable { at, why }
        }
        _ => error.into(),
    }
}

/// Refuses a database that is too old or could lose acknowledged writes.
async fn check(writer: &AnyPool, dialect: Dialect) -> Result<(), OpenError> {
    match dialect {
        Dialect::Sqlite => {
            let version: String = sqlx::query("select sqlite_version()").fetch_one(writer).await?.try_get(0)?;
            let parts: Vec<i64> = version.split('.').filter_map(|part| part.parse().ok()).collect();
            let [major, minor, patch] = parts[..] else {
                return Err(OpenError::TooOld(version, "SQLite 3.51.3".into()));
            };
            if (major, minor, patch) < SQLITE_AT_LEAST {
                return Err(OpenError::TooOld(format!("SQLite {version}"), "SQLite 3.51.3".into()));
            }
        }
        Dialect::Postgres => {
            let sql = "select cast(current_setting('server_version_num') as bigint)";
            let version: i64 = sqlx::query(sql).fetch_one(writer).await?.try_get(0)?;
            if version < POSTGRES_AT_LEAST {
                return Err(OpenError::TooOld(format!("PostgreSQL {version}"), "PostgreSQL 15".into()));
            }
        }
    }
    for (question, expected) in dialect.promises() {
        let answer: String = sqlx::query(*question).fetch_one(writer).await?.try_get(0)?;
        if answer != *expected {
            return Err(OpenError::Unsafe(question, answer, expected));
        }
    }
    Ok(())
}
