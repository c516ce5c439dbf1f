//! The reasons why a database cannot be opened.

/// The reason why the database could not be opened.
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
