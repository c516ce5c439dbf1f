//! The writer: one task per process. It takes whatever commands are queued, runs them in one transaction against the
//! state as it is, commits once, then answers everyone and rings the bell. No timer: a lone command waits for nobody.

mod batch;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use self::batch::Batch;
use super::{
    bell::Bell,
    clock::Clock,
    contract::Links,
    desk::{Command, Done},
    error::Error,
    request_id::last_words,
    store::Store,
};

/// How many commands share a transaction at most.
const MOST_TOGETHER: usize = 64;

/// A command and who waits for it.
pub struct Queued {
    pub command: Command,
    pub answer: oneshot::Sender<Result<Done, Error>>,
    /// The room its request takes up, until it is done, also when the caller has left.
    pub room: Option<OwnedSemaphorePermit>,
}

/// Where a transaction broke.
enum Broken {
    /// Before the commit: nothing has happened.
    Before(Error),
    /// At the commit: nobody knows.
    AtCommit(sqlx::Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Before(error)
    }
}

impl From<sqlx::Error> for Broken {
    fn from(error: sqlx::Error) -> Self {
        Self::Before(error.into())
    }
}

/// Works until every desk is gone.
pub async fn work(store: Store, clock: Clock, bell: Arc<Bell>, links: Links, mut queue: mpsc::Receiver<Queued>) {
    let writer = Writer { store, clock, bell, links };
    let mut queued = Vec::with_capacity(MOST_TOGETHER);
    while queue.recv_many(&mut queued, MOST_TOGETHER).await > 0 {
        let (commands, waiting): (Vec<_>, Vec<_>) =
            queued.drain(..).map(|it| (it.command, (it.answer, it.room))).unzip();
        let results = writer.run(&commands).await;
        for ((waiting, _room), result) in waiting.into_iter().zip(results) {
            // Whoever left does not hear it; it is done all the same.
            let _ = waiting.send(result);
        }
    }
}

struct Writer {
    store: Store,
    clock: Clock,
    bell: Arc<Bell>,
    links: Links,
}

impl Writer {
    async fn run(&self, commands: &[Command]) -> Vec<Result<Done, Error>> {
        // A panic ends this transaction, which rolls back, and not the writer.
        let transacted = AssertUnwindSafe(self.transact(commands)).catch_unwind().await;
        let transacted = transacted.unwrap_or_else(|panic| {
            tracing::error!(said = last_words(&*panic), commands = commands.len(), "a transaction panicked");
            Ok(commands.iter().map(|_| Err(Error::Internal("the transaction panicked".to_owned()))).collect())
        });
        match transacted {
            Ok(results) => results,
            Err(Broken::AtCommit(error)) => {
                tracing::error!(%error, commands = commands.len(), "the commit was not confirmed");
                commands.iter().map(|_| Err(Error::Unavailable)).collect()
            }
            // Nobody could be served: each alone would only wait as long again.
            Err(Broken::Before(Error::Unavailable)) => commands.iter().map(|_| Err(Error::Unavailable)).collect(),
            Err(Broken::Before(error)) if commands.len() == 1 => vec![Err(error)],
            // One of them broke it for all: each alone, so that only that one fails.
            Err(Broken::Before(error)) => {
                tracing::warn!(%error, commands = commands.len(), "a batch failed; running its commands one by one");
                let mut results = Vec::with_capacity(commands.len());
                for command in commands {
                    if matches!(results.last(), Some(Err(Error::Unavailable))) {
                        results.push(Err(Error::Unavailable));
                        continue;
                    }
                    results.append(&mut Box::pin(self.run(std::slice::from_ref(command))).await);
                }
                results
            }
        }
    }

    async fn transact(&self, commands: &[Command]) -> Result<Vec<Result<Done, Error>>, Broken> {
        let mut tx = self.store.begin_write().await?;
        let mut batch = Batch::load(&mut tx, commands, self.clock.now(), &self.links).await?;
        let mut results = Vec::with_capacity(commands.len());
        for command in commands {
            results.push(match batch.run(command) {
                Err(fault @ (Error::Database(_) | Error::Internal(_) | Error::Inconsistent { .. }))
                    if commands.len() > 1 =>
                {
                    return Err(fault.into());
                }
                result => result,
            });
        }
        let events = batch.save(&mut tx, self.store.dialect()).await?;
        if events.is_empty() {
            // Refusals and repetitions only: nothing to make durable.
            tx.rollback().await?;
            return Ok(results);
        }
        tx.commit().await.map_err(Broken::AtCommit)?;
        for (workspace, events) in events {
            self.bell.ring(workspace, &events);
        }
        Ok(results)
    }
}
