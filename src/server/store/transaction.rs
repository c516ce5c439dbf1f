//! Transactions. A connection whose transaction did not end by a COMMIT or ROLLBACK that succeeded is closed, never given
//! back to its pool, and the pool opens another.
//!
//! sqlx's own transactions count their depth themselves. After some errors, as a full disk, SQLite rolls back by itself;
//! the ROLLBACK that sqlx then sends fails, the count stays at one, and no transaction can begin on that connection again.
//! So these statements are sent as they are, and nothing is counted.
//!
//! A deadline ends the statement that waits, and leaves the transaction to its owner, who closes its connection. Owners are
//! tasks of their own: a caller who leaves breaks no transaction off.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{Any, AnyConnection, Connection, Executor, pool::PoolConnection};
use tokio::time::timeout;

use super::deadline::{BoundedPool, Deadline};

/// How long closing a connection may take: PostgreSQL's is only dropped, SQLite's has to end its statement first.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// An open transaction. [`commit`](Self::commit), [`rollback`](Self::rollback) or [`abandon`](Self::abandon) ends it; a
/// transaction that is dropped instead, by a panic, has its connection closed in the background.
pub struct DatabaseTransaction {
    /// None once the transaction has ended.
    connection: Option<PoolConnection<Any>>,
    deadline: Deadline,
}

impl DatabaseTransaction {
    /// Begins a transaction with this statement, which has to end within this time.
    pub async fn begin(pool: &BoundedPool, statement: &'static str, allowed: Duration) -> Result<Self, sqlx::Error> {
        let deadline = pool.deadline(allowed);
        // The pool bounds this wait by itself.
        let connection = Some(pool.acquire().await?);
        let mut transaction = Self { connection, deadline };
        match transaction.deadline().bound(transaction.execute(statement)).await {
            Ok(_) => Ok(transaction),
            Err(error) => {
                transaction.close().await;
                Err(error)
            }
        }
    }

    /// The moment until which statements of this transaction may wait.
    pub fn deadline(&self) -> Deadline {
        self.deadline.clone()
    }

    /// Commits. After an error nobody knows whether the transaction was committed.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("commit").await
    }

    /// Rolls back. After an error the transaction is rolled back too, since its connection is closed.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.end("rollback").await
    }

    /// Rolls back after a refusal or an error, which the caller reports; an error of the rollback itself changes nothing.
    pub async fn abandon(self) {
        // A statement was broken off: its connection is in the midst of an answer.
        if self.deadline.has_passed() {
            return self.close().await;
        }
        if let Err(error) = self.rollback().await {
            tracing::warn!(%error, "a rollback failed; its connection is closed");
        }
    }

    async fn end(mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let ended = self.deadline().bound(self.execute(statement)).await;
        match ended {
            Ok(_) => {
                self.connection = None;
                Ok(())
            }
            Err(error) => {
                self.close().await;
                Err(error)
            }
        }
    }

    /// Closes the connection, which the pool replaces by another at once. Nothing is said to the server, which may not hear it.
    pub async fn close(mut self) {
        let Some(connection) = self.connection.take() else { return };
        if timeout(CLOSED_WITHIN, connection.detach().close_hard()).await.is_err() {
            tracing::warn!("a connection was not closed in time; it is left behind");
        }
    }
}

impl Drop for DatabaseTransaction {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}

impl Deref for DatabaseTransaction {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        self.connection.as_ref().expect("whatever ends a transaction takes it")
    }
}

impl DerefMut for DatabaseTransaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("whatever ends a transaction takes it")
    }
}
