//! The errors of the server: a refusal, which the caller is to read, or a fault of the server itself.

use std::sync::Arc;

use sqlx::{error::DatabaseError, postgres::PgDatabaseError, sqlite::SqliteError};

use crate::{
    app::problem::CallError,
    domain::{
        escalation::Escalation,
        ids::{EscalationId, RequestId},
        refusal::Refusal,
    },
    server::clock::mint,
};

/// The current state of an escalation, with the other data that its readers need.
#[derive(Debug, Clone)]
pub struct CurrentState {
    pub escalation: Arc<Escalation>,
    /// The escalation that holds the conversation.
    pub held_by: Option<EscalationId>,
    /// The outcome as agents get it, byte for byte, once the escalation is closed.
    pub outcome: Option<Arc<str>>,
}

/// The reason why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The domain refused the request, and nothing changed. `current` is the current state of the escalation, where
    /// there is one.
    #[error("{refusal}")]
    Refused { refusal: Refusal, current: Option<Box<CurrentState>> },
    /// The database was not reached, cannot work for now, or did not confirm the commit: a write may or may not have
    /// happened. A retry under the same key is safe.
    #[error("the database does not answer")]
    Unavailable,
    /// More work is queued than allowed.
    #[error("too much work is queued")]
    Overloaded,
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// A stored row has content that this program does not write.
    #[error("impossible row in {table}.{column}: {id}")]
    Inconsistent { table: &'static str, column: &'static str, id: String },
    #[error("{0}")]
    Internal(String),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { refusal, current: None }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error::{Database, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
        let is_temporary = match &error {
            // A server that ends in the middle of a message, as while a connection is opened, causes a protocol error.
            Io(_) | PoolTimedOut | PoolClosed | Protocol(_) | Tls(_) | WorkerCrashed => true,
            Database(error) => is_temporary(&**error),
            _ => false,
        };
        if is_temporary {
            // Logged here, because the caller only learns that it should retry.
            tracing::warn!(%error, "the database does not answer");
            return Self::Unavailable;
        }
        Self::Database(error)
    }
}

/// Returns whether an error that the database reports is about its own condition, and not about the statement. The same
/// statement can succeed later.
fn is_temporary(error: &(dyn DatabaseError + 'static)) -> bool {
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        return is_temporary_in_postgres(error.code());
    }
    let Some(error) = error.try_downcast_ref::<SqliteError>() else { return false };
    let code = DatabaseError::code(error).and_then(|code| code.parse().ok());
    code.is_some_and(is_temporary_in_sqlite)
}

/// Returns whether a SQLSTATE is temporary: connections (08), lack of space, memory or connections (53), a server that
/// stops or starts (57P), a refused sign-in (28), locks and deadlocks (40001, 40P01, 55P03), time limits (57014, 25P03,
/// 25P04), a database that is read-only (25006) and failing disks (58030).
fn is_temporary_in_postgres(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "28" | "53"))
        || code.starts_with("57P")
        || matches!(code, "25006" | "25P03" | "25P04" | "40001" | "40P01" | "55P03" | "57014" | "58030")
}

/// Returns whether a result code is temporary, by the primary code in its lowest byte: BUSY, LOCKED, NOMEM, READONLY,
/// IOERR, FULL, CANTOPEN, PROTOCOL.
fn is_temporary_in_sqlite(code: i32) -> bool {
    matches!(code & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14 | 15)
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused { refusal: Refusal::NotFound, .. } => Self::NotFound,
            Error::Refused { refusal: Refusal::Forbidden { need }, .. } => Self::Forbidden { need },
            Error::Refused { refusal, .. } => Self::Bad(refusal.to_string()),
            Error::Unavailable | Error::Overloaded => Self::Unavailable,
            fault => {
                let request_id = RequestId::new(mint()).to_string();
                tracing::error!(%request_id, error = %fault, "a request of an operator failed");
                Self::Fault { request_id }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_breaks_off_is_temporary_and_a_missing_column_is_not() {
        let broken = sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned());
        assert!(matches!(Error::from(broken), Error::Unavailable));
        let missing = sqlx::Error::ColumnNotFound("body".to_owned());
        assert!(matches!(Error::from(missing), Error::Database(_)));
    }

    #[test]
    fn conditions_of_the_database_are_temporary_and_errors_of_statements_are_not() {
        for code in ["57P01", "57P02", "57P03", "53100", "53300", "25006", "55P03", "40P01", "57014", "08006"] {
            assert!(is_temporary_in_postgres(code), "{code}");
        }
        for code in ["23505", "42601", "42P01", "22021", "25P02", "XX000", ""] {
            assert!(!is_temporary_in_postgres(code), "{code}");
        }
        // Extended codes too: BUSY_SNAPSHOT, IOERR_WRITE, IOERR_FSYNC, READONLY_DBMOVED.
        for code in [5, 6, 8, 10, 13, 14, 517, 778, 1034, 1032] {
            assert!(is_temporary_in_sqlite(code), "{code}");
        }
        // ERROR, CORRUPT, CONSTRAINT_UNIQUE, NOTADB.
        for code in [1, 11, 2067, 26] {
            assert!(!is_temporary_in_sqlite(code), "{code}");
        }
    }
}
