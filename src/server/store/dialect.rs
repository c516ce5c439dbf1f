//! The few differences between SQLite and PostgreSQL.

use super::open_error::OpenError;

/// The kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Returns the database that an address names.
    pub fn of(url: &str) -> Result<Self, OpenError> {
        match url.split(':').next() {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            _ => Err(OpenError::Scheme),
        }
    }

    /// Returns the statement that begins a write transaction. SQLite must take its write lock at once, because a later
    /// upgrade of a read lock can fail.
    pub fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "begin immediate",
            Self::Postgres => "begin",
        }
    }

    /// Returns the statement that begins a transaction whose reads all see the same snapshot.
    pub fn begin_snapshot(self) -> &'static str {
        match self {
            Self::Sqlite => "begin",
            Self::Postgres => "begin isolation level repeatable read read only",
        }
    }

    /// Returns the settings of every connection, of the readers or of the writer.
    pub fn settings(self, reader: bool) -> &'static str {
        match (self, reader) {
            (Self::Sqlite, false) => {
                "pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on"
            }
            (Self::Sqlite, true) => "pragma busy_timeout = 10000; pragma query_only = on",
            // A server that is paused or cut off in the middle of a transaction locks the workspace's head for at most
            // two seconds. The lock timeout of the others is longer than that. PostgreSQL itself notices when this
            // process is gone.
            (Self::Postgres, _) => {
                "set statement_timeout = '9s'; set lock_timeout = '5s'; set idle_in_transaction_session_timeout = '2s'; \
                 set tcp_user_timeout = '10s'; set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; \
                 set tcp_keepalives_count = 3"
            }
        }
    }

    /// Returns settings that must read back with these values. Otherwise the database could lose acknowledged writes.
    pub fn promises(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Sqlite => &[
                ("select journal_mode from pragma_journal_mode", "wal"),
                ("select cast(synchronous as text) from pragma_synchronous", "2"),
                ("select cast(foreign_keys as text) from pragma_foreign_keys", "1"),
            ],
            Self::Postgres => &[
                ("select current_setting('fsync')", "on"),
                ("select current_setting('full_page_writes')", "on"),
                ("select case current_setting('synchronous_commit') when 'off' then 'off' else 'on' end", "on"),
            ],
        }
    }
}
