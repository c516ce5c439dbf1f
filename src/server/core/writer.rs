//! The writer: one task per process, which takes all queued commands up to a limit, runs them in one transaction, commits
//! once, then answers the callers and notifies the log. No timer collects commands, so a single command does not wait.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use sqlx::AnyConnection;
use tokio::sync::{mpsc, oneshot};

use super::{
    command::{Command, CommandResult},
    log::{LogNotifier, RecordedEvent},
};
use crate::{
    domain::ids::WorkspaceId,
    server::{
        clock::Clock,
        contract::Links,
        core::{batch::Batch, queue::CommandReceiver},
        error::Error,
        ops::readiness::Readiness,
        request_id::last_words,
        request_memory::MemoryPermit,
        store::{Store, attempts},
    },
};

/// The most commands in one transaction.
const MOST_TOGETHER: usize = 64;

/// The most readiness checks that may wait for a probe.
pub const MOST_PROBES: usize = 64;

/// A command with the channel that its result is sent to.
pub struct QueuedCommand {
    pub command: Command,
    pub answer: oneshot::Sender<Result<CommandResult, Error>>,
    /// The memory of its request, held until the command was run, also when the caller has left.
    pub room: MemoryPermit,
}

/// The point at which a transaction failed.
enum Broken {
    /// Before the commit: nothing was changed.
    Before(Error),
    /// At the commit: the result is unknown. The error was logged.
    AtCommit,
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

/// The writer, with everything that it uses.
pub struct Writer {
    pub store: Store,
    pub clock: Clock,
    pub log: Arc<LogNotifier>,
    pub links: Links,
    pub readiness: Arc<Readiness>,
}

/// The new events of a transaction, by workspace.
type NewEvents = BTreeMap<WorkspaceId, Vec<Arc<RecordedEvent>>>;

impl Writer {
    /// Runs until every desk is dropped. Answers each of `probes` with whether the writer can commit.
    pub async fn work(
        self,
        mut queue: CommandReceiver<QueuedCommand>,
        mut probes: mpsc::Receiver<oneshot::Sender<bool>>,
    ) {
        loop {
            let queued = tokio::select! {
                queued = queue.take(MOST_TOGETHER) => queued,
                Some(probe) = probes.recv() => {
                    // A check that timed out is skipped, so that it does not delay the others.
                    if !probe.is_closed() {
                        let _ = probe.send(self.can_commit().await);
                    }
                    continue;
                }
            };
            if queued.is_empty() {
                return;
            }
            let (commands, waiting): (Vec<_>, Vec<_>) =
                queued.into_iter().map(|it| (it.command, (it.answer, it.room))).unzip();
            let results = self.run(&commands).await;
            for ((waiting, _room), result) in waiting.into_iter().zip(results) {
                // Sending fails when the caller has left. The command was run all the same.
                let _ = waiting.send(result);
            }
        }
    }

    /// Returns whether a write can be committed now. A recent commit counts, so that many checks cost one write.
    async fn can_commit(&self) -> bool {
        if self.readiness.has_just_committed() {
            return true;
        }
        let probed = AssertUnwindSafe(self.probe()).catch_unwind().await;
        match probed {
            Ok(Ok(())) => {
                self.readiness.write_succeeded();
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database cannot be written");
                self.readiness.write_failed();
                false
            }
            Err(panic) => {
                tracing::error!(said = last_words(&*panic), "a write probe panicked");
                false
            }
        }
    }

    async fn probe(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.store.begin_write().await?;
        match tx.deadline().bound(attempts::probe(&mut tx, self.clock.now())).await {
            Ok(()) => tx.commit().await,
            Err(error) => {
                tx.abandon().await;
                Err(error)
            }
        }
    }

    async fn run(&self, commands: &[Command]) -> Vec<Result<CommandResult, Error>> {
        let transacted = AssertUnwindSafe(self.transact(commands)).catch_unwind().await;
        let transacted = transacted.unwrap_or_else(|panic| {
            tracing::error!(said = last_words(&*panic), "a commit panicked");
            Err(Broken::AtCommit)
        });
        match transacted {
            Ok(results) => results,
            Err(Broken::AtCommit) => {
                self.readiness.write_failed();
                commands.iter().map(|_| Err(Error::Unavailable)).collect()
            }
            // The database is unavailable: running each command alone would only time out again.
            Err(Broken::Before(Error::Unavailable)) => {
                self.readiness.write_failed();
                commands.iter().map(|_| Err(Error::Unavailable)).collect()
            }
            Err(Broken::Before(error)) if commands.len() == 1 => vec![Err(error)],
            // A single command may have failed the whole batch. Each is run alone, so that only that one fails.
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

    async fn transact(&self, commands: &[Command]) -> Result<Vec<Result<CommandResult, Error>>, Broken> {
        let mut tx = self.store.begin_write().await?;
        // A panic before the commit fails this transaction, not the writer. The commands are retried as after an error.
        let deadline = tx.deadline();
        let decided = AssertUnwindSafe(deadline.bound(self.decide(&mut tx, commands))).catch_unwind().await;
        let decided = match decided {
            Ok(decided) => decided,
            Err(panic) => {
                // The panic may have interrupted a statement, so the connection is not used again.
                tx.close().await;
                tracing::error!(said = last_words(&*panic), commands = commands.len(), "a transaction panicked");
                return Err(Error::Internal("the transaction panicked".to_owned()).into());
            }
        };
        let (results, events) = match decided {
            Ok(decided) => decided,
            Err(error) => {
                tx.abandon().await;
                return Err(error.into());
            }
        };
        if events.is_empty() {
            // All commands were refused or repeated: there is nothing to commit.
            tx.abandon().await;
            return Ok(results);
        }
        if let Err(error) = tx.commit().await {
            tracing::error!(%error, commands = commands.len(), "the commit was not confirmed");
            return Err(Broken::AtCommit);
        }
        self.readiness.write_succeeded();
        for (workspace, events) in events {
            self.log.publish(workspace, &events);
        }
        Ok(results)
    }

    /// Decides the commands and saves the changes, without the commit.
    async fn decide(
        &self,
        tx: &mut AnyConnection,
        commands: &[Command],
    ) -> Result<(Vec<Result<CommandResult, Error>>, NewEvents), Error> {
        let mut batch = Batch::load(tx, commands, self.clock.now(), &self.links).await?;
        let mut results = Vec::with_capacity(commands.len());
        for command in commands {
            results.push(match batch.run(command) {
                Err(fault @ (Error::Database(_) | Error::Internal(_) | Error::Inconsistent { .. }))
                    if commands.len() > 1 =>
                {
                    return Err(fault);
                }
                result => result,
            });
        }
        let events = batch.save(tx, self.store.dialect()).await?;
        Ok((results, events))
    }
}
