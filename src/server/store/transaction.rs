//! Transactions. A connection whose transaction did not end by a COMMIT or ROLLBACK that succeeded is closed, never given
//! back to its pool, and the pool opens another.
//!
//! sqlx's own transactions count their depth themselves. After some errors, as a full disk, SQLite rolls back by itself;
//! the ROLLBACK that sqlx then sends fails, the count stays at one, and no transaction can begin on that connection again.
//! So these statements are sent as they are, and nothing is counted.

use std::ops::{Deref, DerefMut};

use sqlx::{Any, AnyConnection, AnyPool, Executor, pool::PoolConnection};

/// An open transaction. Dropping it closes its connection, which rolls it back.
pub struct DatabaseTransaction {
    connection: PoolConnection<Any>,
    is_open: bool,
}

impl DatabaseTransaction {
    /// Begins a transaction with this statement.
    pub async fn begin(pool: &AnyPool, statement: &'static str) -> Result<Self, sqlx::Error> {
        let mut transaction = Self { connection: pool.acquire().await?, is_open: true };
        transaction.connection.execute(statement).await?;
        Ok(transaction)
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
        if let Err(error) = self.rollback().await {
            tracing::warn!(%error, "a rollback failed; its connection is closed");
        }
    }

    async fn end(mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.connection.execute(statement).await?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for DatabaseTransaction {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for DatabaseTransaction {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for DatabaseTransaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}
