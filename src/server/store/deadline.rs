//! Deadlines for all database work. A network that has gone silent reports no error, so every statement needs a
//! timeout. A connection whose statement was interrupted is not used again. [`DatabaseTransaction`] ensures this for
//! transactions; for everything else the pool tests each connection that is released.
//!
//! [`DatabaseTransaction`]: super::transaction::DatabaseTransaction

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream::BoxStream};
use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Describe, Either, Error, Execute, Executor, SqlStr,
    any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo},
    pool::{PoolConnection, PoolConnectionMetadata},
};
use tokio::time::{Instant, timeout, timeout_at};

/// The timeout of a read. PostgreSQL ends a statement by itself before that.
pub const READ: Duration = Duration::from_secs(12);
/// The timeout of a write transaction, longer than its timeout for locks.
pub const WRITE: Duration = Duration::from_secs(10);
/// The timeout of a ping on a connection.
const PING: Duration = Duration::from_millis(500);

/// The last time at which a connection of a database was found to be silent. Connections that were opened before are
/// not used again: most likely all of them are silent, and each would cost a timeout.
#[derive(Clone, Default)]
pub struct SilenceRecord(Arc<Mutex<Option<Instant>>>);

impl SilenceRecord {
    /// Records that a connection did not answer in time.
    pub fn record(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn may_concern(&self, age: Duration) -> bool {
        let noticed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noticed.is_some_and(|noticed| Instant::now().checked_sub(age).is_none_or(|opened| opened < noticed))
    }
}

/// Returns the error for an answer that did not arrive in time.
fn too_late() -> Error {
    Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database did not answer within the deadline"))
}

/// Runs work with a timeout.
pub async fn within<T, E: From<Error>>(deadline: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    timeout(deadline, work).await.unwrap_or_else(|_| Err(too_late().into()))
}

impl SilenceRecord {
    /// Runs work with a timeout, and records when it is exceeded.
    pub async fn within<T, E: From<Error>>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.deadline(deadline).bound(work).await
    }

    fn deadline(&self, allowed: Duration) -> Deadline {
        Deadline { until: Instant::now() + allowed, silence: self.clone() }
    }
}

/// The time until which work with several parts may wait for the database.
#[derive(Clone)]
pub struct Deadline {
    until: Instant,
    silence: SilenceRecord,
}

impl Deadline {
    /// Runs one part, and records when the deadline is exceeded.
    pub async fn bound<T, E: From<Error>>(&self, part: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        timeout_at(self.until, part).await.unwrap_or_else(|_| {
            self.silence.record();
            Err(too_late().into())
        })
    }

    /// Returns a future that runs a part like [`bound`](Self::bound).
    fn bound_later<'f, T: 'f>(
        self,
        part: impl Future<Output = Result<T, Error>> + Send + 'f,
    ) -> BoxFuture<'f, Result<T, Error>> {
        async move { self.bound(part).await }.boxed()
    }

    /// Returns whether the deadline has passed.
    pub fn has_passed(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// A connection pool whose statements end within a deadline.
pub struct BoundedPool {
    pool: AnyPool,
    silence: SilenceRecord,
}

impl fmt::Debug for BoundedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundedPool").field(&self.pool).finish()
    }
}

impl BoundedPool {
    pub fn new(pool: AnyPool, silence: SilenceRecord) -> Self {
        Self { pool, silence }
    }

    /// Returns the maximum number of connections of the pool.
    pub fn max_connections(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    /// Returns a deadline for work on a connection of this pool.
    pub fn deadline(&self, allowed: Duration) -> Deadline {
        self.silence.deadline(allowed)
    }

    /// Returns a connection for work that has its own deadline.
    pub async fn acquire(&self) -> Result<PoolConnection<Any>, Error> {
        self.pool.acquire().await
    }

    /// Runs reads on one connection.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<Error>,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, E>>,
    {
        self.silence.within(READ, async { work(&mut *self.acquire().await?).await }).await
    }

    /// Closes every connection, or gives up after the deadline.
    pub async fn close(&self) {
        if timeout(READ, self.pool.close()).await.is_err() {
            tracing::warn!("the database did not end its connections in time");
        }
    }
}

impl<'p> Executor<'p> for &'p BoundedPool {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let deadline = self.deadline(READ);
        let steps = futures::stream::unfold(Some(self.pool.fetch_many(query)), move |steps| {
            let deadline = deadline.clone();
            async move {
                let mut steps = steps?;
                match deadline.bound(steps.try_next()).await {
                    Ok(step) => Some((Ok(step?), Some(steps))),
                    // Dropping the rest of the stream interrupts the statement.
                    Err(error) => Some((Err(error), None)),
                }
            }
        });
        steps.boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        self.deadline(READ).bound_later(self.pool.fetch_optional(query))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'p: 'e,
    {
        self.deadline(READ).bound_later(self.pool.prepare_with(sql, parameters))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, Error>>
    where
        'p: 'e,
    {
        self.deadline(READ).bound_later(self.pool.describe(sql))
    }
}

/// Returns whether an idle connection still answers. After an error the pool closes the connection without notifying
/// the server, and opens another.
pub async fn is_there(
    connection: &mut AnyConnection,
    meta: PoolConnectionMetadata,
    silence: SilenceRecord,
) -> Result<bool, Error> {
    if silence.may_concern(meta.age) {
        return Err(too_late());
    }
    silence.within(PING, connection.ping()).await?;
    Ok(true)
}

/// Returns whether a released connection can be used again. An interrupted statement may have left the connection in
/// the middle of an answer or of a transaction.
pub async fn is_clean(connection: &mut AnyConnection) -> Result<bool, Error> {
    within(PING, async {
        if connection.is_in_transaction() {
            connection.execute("rollback").await?;
        }
        connection.ping().await
    })
    .await?;
    Ok(true)
}
