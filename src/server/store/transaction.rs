//! Transactions. A connection whose transaction did not end with a successful COMMIT or ROLLBACK is closed instead of
//! returned to its pool, and the pool opens another.
//!
//! Transactions of sqlx count their depth themselves. After some errors, such as a full disk, SQLite rolls back by
//! itself. The ROLLBACK that sqlx then sends fails, the count stays at one, and no transaction can begin on that
//! connection again. So this module sends the statements as they are, and counts nothing.
//!
//! A deadline interrupts the waiting statement and leaves the transaction to its owner, who closes its connection.
//! Owners are spawned tasks, so a caller that is dropped does not interrupt a transaction.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{Any, AnyConnection, Connection, Executor, pool::PoolConnection};
use tokio::time::timeout;

use super::deadline::{BoundedPool, Deadline};

/// The timeout for closing a connection. A PostgreSQL connection is only dropped; SQLite has to end its statement
/// first.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// An open transaction. [`commit`](Self::commit), [`rollback`](Self::rollback) or [`abandon`](Self::abandon) ends it.
/// When a transaction is dropped instead, for example by a panic, its connection is closed in the background.
pub struct DatabaseTransaction {
    /// `None` once the transaction has ended.
    connection: Option<PoolConnection<Any>>,
    deadline: Deadline,
}

impl DatabaseTransaction {
    /// Begins a transaction with this statement. The transaction has to end within the time allowed.
    pub async fn begin(pool: &BoundedPool, statement: &'static str, allowed: Duration) -> Result<Self, sqlx::Error> {
        let deadline = pool.deadline(allowed);
        // The pool has its own timeout for this wait.
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

    /// Returns the deadline of the statements of this transaction.
    pub fn deadline(&self) -> Deadline {
        self.deadline.clone()
    }

    /// Commits. After an error it is unknown whether the transaction was committed.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("commit").await
    }

    /// Rolls back. After an error the transaction is rolled back too, because its connection is closed.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.end("rollback").await
    }

    /// Rolls back after a refusal or an error, which the caller reports. An error of the rollback itself is only
    /// logged.
    pub async fn abandon(self) {
        // A statement was interrupted, so its connection is in the middle of an answer.
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

    /// Closes the connection, so that the pool can open another at once. The server is not notified, because it may not
    /// be reachable.
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
