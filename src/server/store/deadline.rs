//! Everything that is asked of the database ends within a deadline: a network that has gone silent reports no error. A
//! connection whose statement was broken off is not used again: see [`DatabaseTransaction`] for transactions, and the pool's
//! own test of each connection that comes back for all else.
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

/// How long a read may take. PostgreSQL ends a statement by itself before that.
pub const READ: Duration = Duration::from_secs(12);
/// How long a write transaction may take: longer than it may wait for locks.
pub const WRITE: Duration = Duration::from_secs(10);
/// How long a connection may take to say that it is there.
const PING: Duration = Duration::from_millis(500);

/// When a connection of a database was last found to be silent. Those that were opened before are not used again: most likely
/// all of them are, and each would be waited for.
#[derive(Clone, Default)]
pub struct SilenceRecord(Arc<Mutex<Option<Instant>>>);

impl SilenceRecord {
    /// A connection did not answer in time.
    pub fn noticed(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn may_concern(&self, age: Duration) -> bool {
        let noticed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noticed.is_some_and(|noticed| Instant::now().checked_sub(age).is_none_or(|opened| opened < noticed))
    }
}

/// What is said of what did not come in time.
fn too_late() -> Error {
    Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database did not answer within the deadline"))
}

/// Does something within a deadline.
pub async fn within<T, E: From<Error>>(deadline: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    timeout(deadline, work).await.unwrap_or_else(|_| Err(too_late().into()))
}

impl SilenceRecord {
    /// Does something within a deadline, and notices when it is not kept.
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

/// The moment until which a piece of work with several parts may wait for the database.
#[derive(Clone)]
pub struct Deadline {
    until: Instant,
    silence: SilenceRecord,
}

impl Deadline {
    /// Does one part, and notices when the deadline is not kept.
    pub async fn bound<T, E: From<Error>>(&self, part: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        timeout_at(self.until, part).await.unwrap_or_else(|_| {
            self.silence.noticed();
            Err(too_late().into())
        })
    }

    /// The same for a part that is not begun yet.
    fn bounds<'f, T: 'f>(
        self,
        part: impl Future<Output = Result<T, Error>> + Send + 'f,
    ) -> BoxFuture<'f, Result<T, Error>> {
        async move { self.bound(part).await }.boxed()
    }

    /// Whether nothing may wait any longer.
    pub fn has_passed(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// A pool whose statements end within a deadline.
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

    /// How many connections the pool opens at most.
    pub fn max_connections(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    /// A deadline for work on a connection of this pool.
    pub fn deadline(&self, allowed: Duration) -> Deadline {
        self.silence.deadline(allowed)
    }

    /// A connection, for work that has a deadline of its own.
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
                    // Dropping the rest breaks it off.
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
        self.deadline(READ).bounds(self.pool.fetch_optional(query))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'p: 'e,
    {
        self.deadline(READ).bounds(self.pool.prepare_with(sql, parameters))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, Error>>
    where
        'p: 'e,
    {
        self.deadline(READ).bounds(self.pool.describe(sql))
    }
}

/// Whether a connection that has been idle is still there. An error has it closed without a farewell, and another opened.
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

/// Whether a connection that comes back can be used again: what was broken off may have left it in the midst of an answer,
/// or of a transaction.
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
