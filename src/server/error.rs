//! What can go wrong on the server: a refusal, which is the caller's to read, or a fault, which is ours.

use std::sync::Arc;

use crate::{
    app::problem::Problem,
    domain::{
        escalation::Escalation,
        ids::{EscalationId, RequestId},
        refusal::Refusal,
    },
    server::clock::mint,
};

/// An escalation as it is now, with what its readers need beside it.
#[derive(Debug, Clone)]
pub struct Current {
    pub escalation: Arc<Escalation>,
    /// Who holds the conversation.
    pub held_by: Option<EscalationId>,
    /// The outcome as agents get it: the very bytes, once it is closed.
    pub outcome: Option<Arc<str>>,
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The domain said no; nothing changed. `current` is the escalation as it is, where there is one.
    #[error("{refusal}")]
    Refused { refusal: Refusal, current: Option<Box<Current>> },
    /// The database was not reached, or the connection broke at the commit: a write may or may not have happened. A retry
    /// under the same key is safe.
    #[error("the database does not answer")]
    Unavailable,
    /// More work is queued than may be.
    #[error("too much work is queued")]
    Overloaded,
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// A stored row is not what we write.
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
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Tls, WorkerCrashed};
        match error {
            Io(_) | PoolTimedOut | PoolClosed | Tls(_) | WorkerCrashed => {
                // Said here, since whoever gets it only learns to come back.
                tracing::warn!(%error, "the database does not answer");
                Self::Unavailable
            }
            error => Self::Database(error),
        }
    }
}

impl From<Error> for Problem {
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
