//! The database: opening it safely, and the few things in which SQLite and PostgreSQL differ. One SQL text serves both;
//! each noun has a file beside this one with its queries.

pub mod agents;
pub mod at_desk;
pub mod attempts;
pub mod backup;
pub mod deadline;
mod dialect;
pub mod drafts;
pub mod escalations;
pub mod events;
pub mod inbox;
pub mod links;
mod lock;
pub mod messages;
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
    transaction::DatabaseTransaction,
};
use crate::{domain::time::Timestamp, server::error::Error};

/// The lowest SQLite that never loses a committed write under WAL.
const SQLITE_AT_LEAST: (i64, i64, i64) = (3, 51, 3);
/// The lowest PostgreSQL this is tested on, as `server_version_num`.
const POSTGRES_AT_LEAST: i64 = 150_000;
/// How long to wait for a connection before the caller is told to come back.
const ACQUIRE: Duration = Duration::from_secs(3);

/// Why the database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("BAILOUT_DATABASE_URL must begin with sqlite:// or postgres://")]
    Scheme,
    #[error("another Bailout server uses this database (it holds {0})")]
    InUse(String),
    #[error("another process makes this database and does not come to an end (it holds {0})")]
    NotMade(String),
    #[error("cannot open the lock file {0}: {1}")]
    Lock(String, std::io::Error),
    #[error("cannot create the database file {0}: {1}")]
    File(String, std::io::Error),
    #[error("this database is too old: {0}; needed is {1}")]
    TooOld(String, String),
    #[error("the database would lose acknowledged writes: `{0}` answers `{1}` instead of `{2}`")]
    Unsafe(&'static str, String, &'static str),
    #[error("cannot open the database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("cannot reach the database that BAILOUT_DATABASE_URL names, PostgreSQL at {at}: {why}")]
    Unreachable { at: String, why: String },
    #[error(
        "BAILOUT_DATABASE_URL leads to a connection pooler that shares sessions, like PgBouncer in transaction mode. \
         Bailout needs sessions of its own: name PostgreSQL itself, or set pool_mode = session for this database"
    )]
    Pooler,
    #[error("cannot migrate the database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// Who opens the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// The one server process of a SQLite file, or one of several on PostgreSQL.
    Server,
    /// A command beside it.
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
    /// Held as long as the server runs; the kernel frees it, however the process ends.
    _lock: Option<Arc<File>>,
}

impl Store {
    /// Opens, checks and migrates. The address is one that the configuration took.
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
                // On a connection without our timeouts: large tables take their time, and so does whoever migrates elsewhere.
                Dialect::Postgres => {
                    let patient = AnyPoolOptions::new().max_connections(1).connect(url).await?;
                    sqlx::migrate!("migrations/postgres").run(&patient).await?;
                    patient.close().await;
                }
            }
            // Not beside a server that runs: an earlier program compares addresses in their earlier form.
            operators::unify_emails(&writer).await?;
        }
        let epoch = Arc::new(RwLock::new(workspaces::epoch(&writer, now).await?.into()));
        let reader = pool(dialect, true, silence.clone()).connect(url).await?;
        let lock = lock.filter(|_| opener == Opener::Server).map(Arc::new);
        let [reader, writer] = [reader, writer].map(|pool| Arc::new(BoundedPool::new(pool, silence.clone())));
        Ok(Self { reader, writer, silence, dialect, epoch, url: url.into(), _lock: lock })
    }

    /// For reads that need no common moment.
    pub fn reader(&self) -> &BoundedPool {
        &self.reader
    }

    /// For writes outside the log; one connection on SQLite, so never wait for anything else while holding it.
    pub fn writer(&self) -> &BoundedPool {
        &self.writer
    }

    /// What is known of connections that went silent.
    pub fn silence(&self) -> &SilenceRecord {
        &self.silence
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where it is, for a listener's own connection.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of a SQLite database.
    pub fn folder(&self) -> Option<PathBuf> {
        if self.dialect == Dialect::Postgres {
            return None;
        }
        let options = lock::options(&self.url).ok()?;
        lock::real(options.get_filename()).ok()?.parent().map(Path::to_owned)
    }

    /// The name of this database's history: cursors of another are worth nothing.
    pub fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.epoch.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads again what the history is called; whether that is another name than before.
    pub async fn look_at_epoch(&self) -> Result<bool, Error> {
        let named: Arc<str> = workspaces::named_epoch(self.reader()).await?.into();
        let mut known = self.epoch.write().unwrap_or_else(PoisonError::into_inner);
        let is_another = *known != named;
        *known = named;
        Ok(is_another)
    }

    /// Begins a write transaction. Only a task of its own may own it: each one that is dropped costs a connection.
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, sqlx::Error> {
        self.begin_write_within(deadline::WRITE).await
    }

    /// Begins one that may take this long.
    pub async fn begin_write_within(&self, allowed: Duration) -> Result<DatabaseTransaction, sqlx::Error> {
        DatabaseTransaction::begin(&self.writer, self.dialect.begin_write(), allowed).await
    }

    /// Runs reads that see one moment, in a task of their own, so that a caller who leaves does not break them off.
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

    /// Runs writes outside the log in one transaction, in a task of their own, so that a caller who leaves does not break
    /// them off. What they refuse is rolled back.
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

    /// Closes every connection, so that SQLite folds its log into the file.
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
        // Instead of the pool's own test, which has no deadline.
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(dialect.settings(reader)).await.map(drop) })
        });
    match dialect {
        // A connection of SQLite is a file handle: nothing is won by closing it.
        Dialect::Sqlite => options.max_lifetime(None).idle_timeout(None),
        Dialect::Postgres => options
            .before_acquire(move |connection, meta| Box::pin(deadline::is_there(connection, meta, silence.clone())))
            // sqlx can return a connection with an open transaction when a `begin` is dropped.
            .after_release(|connection, _| Box::pin(deadline::is_clean(connection))),
    }
}

/// Says which server did not answer; its address is told without the password in it.
fn unreachable(url: &str, dialect: Dialect, error: sqlx::Error) -> OpenError {
    match (dialect, PgConnectOptions::from_str(url)) {
        (Dialect::Postgres, Ok(options)) => {
            let at = match options.get_socket() {
                Some(socket) => format!("{}, port {}", socket.display(), options.get_port()),
                None => format!("{}:{}", options.get_host(), options.get_port()),
            };
            let why = match error {
                // Refused connections are tried again until then.
                sqlx::Error::PoolTimedOut => format!("no connection within {} seconds", ACQUIRE.as_secs()),
                error => error.to_string(),
            };
            OpenError::Unreachable { at, why }
        }
        _ => error.into(),
    }
}

/// Refuses a database that would break the promises.
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
