//! The desk: the entry point for every change, and the reads that pages and handlers need.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    domain::{
        escalation::Escalation,
        ids::{AgentId, EscalationId, QueueId, WorkspaceId},
        inbox::{FilterChoices, Inbox, ListPage, Query, SortKey},
        message::Message,
        message_part::MessagePart,
        operator::Operator,
        seq::Seq,
        thread::{RenderedMessage, Thread},
        time::Timestamp,
    },
    server::{
        clock::Clock,
        contract::{AtDesk, Links},
        core::{
            command::{ActorVerb, Command, CommandResult, OperatorVerb},
            log::LogNotifier,
            open_streams::OpenStreams,
            presence::Hints,
            queue::{CommandSender, QueueRefusal, queue},
            writer::{MOST_PROBES, QueuedCommand, Writer},
        },
        error::{CurrentState, Error},
        ops::{free_space::FreeSpace, readiness::Readiness},
        rates::usage::UsageCounters,
        request_memory::{MemoryPermit, RequestMemory},
        rich,
        schema::Schemas,
        store::{Store, at_desk, deadline, escalations, events, inbox, messages, portion::Portion, queues, workspaces},
    },
};

/// Timeout of a readiness check that waits for the writer to commit a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Messages on the first page of a thread, and on each earlier page.
const MESSAGES_A_PAGE: i64 = 200;
/// Upper bound of rich-text pieces on the first page of a thread.
const PIECES_A_PAGE: usize = 20_000;

struct Inner {
    store: Store,
    clock: Clock,
    started_at: Timestamp,
    log: Arc<LogNotifier>,
    links: Links,
    open_streams: OpenStreams,
    hints: Hints,
    queue: CommandSender<QueuedCommand>,
    probes: mpsc::Sender<oneshot::Sender<bool>>,
    readiness: Arc<Readiness>,
    room: RequestMemory,
    schemas: Schemas,
    usage: UsageCounters,
    storage: FreeSpace,
    shutdown: CancellationToken,
    background_tasks: TaskTracker,
}

/// A handle to the core of one server process. Cloning it clones an [`Arc`].
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

impl Desk {
    /// Creates the desk and starts its writer task.
    pub fn new(store: Store, clock: Clock, links: Links) -> Self {
        let (queue, queued) = queue();
        let (probes, probed) = mpsc::channel(MOST_PROBES);
        let (log, readiness) = (Arc::new(LogNotifier::default()), Arc::new(Readiness::default()));
        let writer = Writer {
            store: store.clone(),
            clock: clock.clone(),
            log: Arc::clone(&log),
            links: links.clone(),
            readiness: Arc::clone(&readiness),
        };
        tokio::spawn(writer.work(queued, probed));
        let (open_streams, hints, shutdown) = (OpenStreams::default(), Hints::default(), CancellationToken::new());
        let (started_at, background_tasks) = (clock.now(), TaskTracker::new());
        Self(Arc::new(Inner {
            store,
            clock,
            started_at,
            log,
            links,
            open_streams,
            hints,
            queue,
            probes,
            readiness,
            room: RequestMemory::default(),
            schemas: Schemas::default(),
            usage: UsageCounters::default(),
            storage: FreeSpace::default(),
            shutdown,
            background_tasks,
        }))
    }

    /// Runs one command. A queued command is run even when its caller leaves.
    pub async fn run(&self, command: Command) -> Result<CommandResult, Error> {
        self.run_in(command, MemoryPermit::default()).await
    }

    /// Runs one command of a large request, and releases the memory of the request afterwards.
    pub async fn run_in(&self, command: Command, room: MemoryPermit) -> Result<CommandResult, Error> {
        let (answer, answered) = oneshot::channel();
        let caller = (command.workspace, command.agent().map(|agent| agent.id));
        self.0.queue.send(caller, QueuedCommand { command, answer, room }).map_err(|refused| match refused {
            QueueRefusal::Full => Error::Overloaded,
            QueueRefusal::Closed => Error::Internal("the writer has stopped".to_owned()),
        })?;
        answered.await.unwrap_or(Err(Error::Unavailable))
    }

    /// Releases every claim of an operator, as if the operator had done so.
    pub async fn release_all_of(&self, workspace: WorkspaceId, by: Operator) -> Result<(), Error> {
        let held = escalations::held_by(self.store(), workspace, by.who.id).await?;
        let released = held.into_iter().map(|(escalation, fence)| {
            let verb = ActorVerb::Operator(by.clone(), OperatorVerb::Release { fence });
            self.run(Command::new(workspace, escalation, verb))
        });
        for released in join_all(released).await {
            match released {
                // The escalation has ended, or another operator holds it.
                Ok(_) | Err(Error::Refused { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Returns whether the writer task still takes commands.
    pub fn is_writing(&self) -> bool {
        !self.0.queue.is_closed()
    }

    /// Returns whether the writer has just committed, or can commit a probe now.
    pub async fn can_write(&self) -> bool {
        if self.readiness().has_just_committed() {
            return true;
        }
        let (answer, answered) = oneshot::channel();
        // When the queue of probes is full, the writer is not reading probes either.
        self.0.probes.try_send(answer).is_ok()
            && matches!(tokio::time::timeout(PROBE_TIMEOUT, answered).await, Ok(Ok(true)))
    }

    /// The readiness of this process, as its parts report it.
    pub fn readiness(&self) -> &Arc<Readiness> {
        &self.0.readiness
    }

    /// The memory budget of request bodies.
    pub fn request_memory(&self) -> &RequestMemory {
        &self.0.room
    }

    /// Compiles and applies the JSON Schemas of agents.
    pub fn schemas(&self) -> &Schemas {
        &self.0.schemas
    }

    /// Counts what each API key uses per day.
    pub fn usage(&self) -> &UsageCounters {
        &self.0.usage
    }

    /// The free space of the disk.
    pub fn free_space(&self) -> &FreeSpace {
        &self.0.storage
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn log(&self) -> &Arc<LogNotifier> {
        &self.0.log
    }

    pub fn links(&self) -> &Links {
        &self.0.links
    }

    /// The open streams and waits, which a revocation closes.
    pub fn open_streams(&self) -> &OpenStreams {
        &self.0.open_streams
    }

    /// Ephemeral hints: who is connected, viewing or typing.
    pub fn hints(&self) -> &Hints {
        &self.0.hints
    }

    /// When this process started. Hints from before then may be missing.
    pub fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    /// Cancelled when the server shuts down.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// Background tasks that responses do not wait for but shutdown does: recording a delivery, touching a session.
    pub fn background_tasks(&self) -> &TaskTracker {
        &self.0.background_tasks
    }

    /// Returns the seq of the newest event of a workspace.
    pub async fn head(&self, workspace: WorkspaceId) -> Result<Seq, Error> {
        let reader = self.store().reader();
        reader.read(|connection| Box::pin(workspaces::head(connection, workspace))).await
    }

    /// Loads an escalation in its current state.
    pub async fn current(&self, workspace: WorkspaceId, id: EscalationId) -> Result<Option<CurrentState>, Error> {
        let reader = self.store().reader();
        reader.read(|connection| Box::pin(escalations::find(connection, workspace, id))).await
    }

    /// Loads an escalation in its current state, if it belongs to this agent.
    pub async fn current_of_agent(
        &self,
        workspace: WorkspaceId,
        agent: AgentId,
        id: EscalationId,
    ) -> Result<Option<CurrentState>, Error> {
        Ok(self.current(workspace, id).await?.filter(|current| current.escalation.agent.id == agent))
    }

    /// Returns a page of messages after a position, the oldest first, each with its size in bytes.
    pub async fn messages(
        &self,
        workspace: WorkspaceId,
        id: EscalationId,
        since_open: bool,
        after: Option<i64>,
        limit: i64,
        bytes: usize,
    ) -> Result<Portion<(Message, usize)>, Error> {
        messages::after(self.store(), workspace, id, since_open, after.unwrap_or(-1), limit, bytes).await
    }

    /// Reads a list and the counts of all lists in one snapshot.
    pub async fn inbox(&self, workspace: WorkspaceId, query: Query) -> Result<Inbox, Error> {
        let read = self.store().snapshot(move |connection| {
            Box::pin(async move {
                let elsewhere = queues::not_served_by(connection, workspace, query.me).await?;
                let ListPage { seq, rows, bound } = inbox::page(connection, workspace, query, None, &elsewhere).await?;
                let counts = inbox::counts(connection, workspace, query.me, &elsewhere).await?;
                Ok(Inbox { query, seq, rows, bound, counts, elsewhere })
            })
        });
        read.await
    }

    /// Reads the next page of a list, after a sort key.
    pub async fn inbox_page(&self, workspace: WorkspaceId, query: Query, after: SortKey) -> Result<ListPage, Error> {
        let read = self.store().snapshot(move |connection| {
            Box::pin(async move {
                let elsewhere = queues::not_served_by(connection, workspace, query.me).await?;
                inbox::page(connection, workspace, query, Some(after), &elsewhere).await
            })
        });
        read.await
    }

    /// Returns the epoch of the log and the version of the queue settings, with which a page detects that it is stale.
    pub async fn epoch(&self, workspace: WorkspaceId) -> Result<String, Error> {
        Ok(format!("{}~{}", self.store().epoch(), queues::version(self.store(), workspace).await?))
    }

    /// Reads the state of the desk that agents see, for each of these escalations that is open.
    pub async fn at_desk(
        &self,
        workspace: WorkspaceId,
        escalations: &[&Escalation],
    ) -> Result<HashMap<EscalationId, AtDesk>, Error> {
        if escalations.iter().all(|it| !it.status.is_open()) {
            return Ok(HashMap::new());
        }
        let now = self.clock().now();
        let read = async {
            let mut connection = self.store().reader().acquire().await?;
            at_desk::of_each(&mut connection, workspace, escalations, now).await
        };
        self.store().silence().within(deadline::READ, read).await
    }

    /// Reads the same for an escalation that is about to be opened in a queue.
    pub async fn at_desk_of_queue(&self, workspace: WorkspaceId, queue: QueueId) -> Result<AtDesk, Error> {
        let (reader, now) = (self.store().reader(), self.clock().now());
        reader.read(|connection| Box::pin(at_desk::of_queue(connection, workspace, queue, now))).await
    }

    /// Reads the values that the filters of a list offer.
    pub async fn filter_choices(&self, workspace: WorkspaceId) -> Result<FilterChoices, Error> {
        self.store().reader().read(|connection| Box::pin(inbox::choices(connection, workspace))).await
    }

    /// Reads everything that the page of an escalation shows, in one snapshot.
    pub async fn thread(&self, workspace: WorkspaceId, id: EscalationId) -> Result<Option<Thread>, Error> {
        let read = self.store().snapshot(move |connection| {
            Box::pin(async move {
                let seq = workspaces::head(connection, workspace).await?;
                let Some(current) = escalations::find(connection, workspace, id).await? else { return Ok(None) };
                let messages = messages::before(connection, workspace, id, i64::MAX, MESSAGES_A_PAGE).await?;
                let happenings = events::happenings(connection, workspace, id).await?;
                let earlier = escalations::earlier(connection, workspace, &current.escalation).await?;
                Ok(Some((seq, current, messages, happenings, earlier)))
            })
        });
        let Some((seq, current, messages, happenings, earlier)) = read.await? else { return Ok(None) };
        Ok(Some(Thread {
            seq,
            escalation: Arc::unwrap_or_clone(current.escalation),
            held_by: current.held_by,
            messages: shown(messages).await?,
            happenings,
            earlier,
        }))
    }

    /// Reads the page of messages before a position, the oldest first.
    pub async fn earlier_messages(
        &self,
        workspace: WorkspaceId,
        id: EscalationId,
        before: i64,
    ) -> Result<Vec<RenderedMessage>, Error> {
        let read = self
            .store()
            .reader()
            .read(|connection| Box::pin(messages::before(connection, workspace, id, before, MESSAGES_A_PAGE)));
        shown(read.await?).await
    }

    /// Returns the full text of a part of a message that pages truncate.
    pub async fn full_text(
        &self,
        workspace: WorkspaceId,
        id: EscalationId,
        position: i64,
        (part, index): (MessagePart, usize),
    ) -> Result<Option<String>, Error> {
        let Some(message) = messages::at(self.store(), workspace, id, position).await? else { return Ok(None) };
        let task = tokio::task::spawn_blocking(move || rich::whole(&message, part, index));
        task.await.map_err(|failed| Error::Internal(format!("reading a message ended early: {failed}")))
    }
}

/// Parses the texts of a page, the newest first, and leaves out older messages once there are too many pieces. Hundreds of
/// long texts block a thread for a while, so they are parsed on the blocking pool.
async fn shown(messages: Vec<RenderedMessage>) -> Result<Vec<RenderedMessage>, Error> {
    let task = tokio::task::spawn_blocking(|| {
        let (mut found, mut pieces) = (vec![], 0);
        for shown in messages.into_iter().rev().map(rich::parsed) {
            pieces += rich::pieces(&shown.blocks);
            if pieces > PIECES_A_PAGE && !found.is_empty() {
                break;
            }
            found.push(shown);
        }
        found.reverse();
        found
    });
    task.await.map_err(|failed| Error::Internal(format!("reading messages ended early: {failed}")))
}
