//! The desk: the one door for change, and the reads that pages and handlers need.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use crate::server::core::command::{Command, CommandResult, IdempotentRequest, RenderAnswer, Verb};

use crate::{
    domain::{
        escalation::{Escalation, Status},
        event::Seq,
        ids::{AgentId, EscalationId, QueueId, WorkspaceId},
        inbox::{FilterChoices, Inbox, ListPage, Query, SortKey},
        message::Message,
        operator::Operator,
        thread::{MessagePart, RenderedMessage, Thread},
        time::Timestamp,
    },
    server::{
        clock::Clock,
        contract::{AtDesk, Links},
        core::{
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

/// How long a readiness check waits for the writer to commit a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How many messages a thread page begins with, and each earlier page brings.
const MESSAGES_A_PAGE: i64 = 200;
/// About how many pieces of rich text it begins with, at most.
const PIECES_A_PAGE: usize = 20_000;

struct Inner {
    store: Store,
    clock: Clock,
    started_at: Timestamp,
    bell: Arc<LogNotifier>,
    links: Links,
    doors: OpenStreams,
    hints: Hints,
    queue: CommandSender<QueuedCommand>,
    probes: mpsc::Sender<oneshot::Sender<bool>>,
    readiness: Arc<Readiness>,
    room: RequestMemory,
    schemas: Schemas,
    usage: UsageCounters,
    storage: FreeSpace,
    shutdown: CancellationToken,
    beside: TaskTracker,
}

/// The desk. Cheap to clone.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

impl Desk {
    /// Opens the desk and starts its writer.
    pub fn new(store: Store, clock: Clock, links: Links) -> Self {
        let (queue, queued) = queue();
        let (probes, probed) = mpsc::channel(MOST_PROBES);
        let (bell, readiness) = (Arc::new(LogNotifier::default()), Arc::new(Readiness::default()));
        let writer = Writer {
            store: store.clone(),
            clock: clock.clone(),
            bell: Arc::clone(&bell),
            links: links.clone(),
            readiness: Arc::clone(&readiness),
        };
        tokio::spawn(writer.work(queued, probed));
        let (doors, hints, shutdown) = (OpenStreams::default(), Hints::default(), CancellationToken::new());
        let (started_at, beside) = (clock.now(), TaskTracker::new());
        Self(Arc::new(Inner {
            store,
            clock,
            started_at,
            bell,
            links,
            doors,
            hints,
            queue,
            probes,
            readiness,
            room: RequestMemory::default(),
            schemas: Schemas::default(),
            usage: UsageCounters::default(),
            storage: FreeSpace::default(),
            shutdown,
            beside,
        }))
    }

    /// Does one thing. The caller may leave: what is queued is done all the same.
    pub async fn run(&self, command: Command) -> Result<CommandResult, Error> {
        self.run_in(command, MemoryPermit::default()).await
    }

    /// Does one thing that came in a large request; the room is given back when it is done.
    pub async fn run_in(&self, command: Command, room: MemoryPermit) -> Result<CommandResult, Error> {
        let (answer, answered) = oneshot::channel();
        let caller = (command.workspace, command.verb.agent().map(|agent| agent.id));
        self.0.queue.send(caller, QueuedCommand { command, answer, room }).map_err(|refused| match refused {
            QueueRefusal::Full => Error::Overloaded,
            QueueRefusal::Closed => Error::Internal("the writer has stopped".to_owned()),
        })?;
        answered.await.unwrap_or(Err(Error::Unavailable))
    }

    /// Gives back to its queues all that an operator holds, by their own verb.
    pub async fn give_back(&self, workspace: WorkspaceId, by: Operator) -> Result<(), Error> {
        let held = escalations::held_by(self.store(), workspace, by.who.id).await?;
        let released = held.into_iter().map(|(escalation, fence)| {
            let verb = Verb::Release { by: by.clone(), escalation, fence };
            self.run(Command { workspace, verb, once: None })
        });
        for released in join_all(released).await {
            match released {
                // It ended, or went to somebody else.
                Ok(_) | Err(Error::Refused { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Whether there still is a writer.
    pub fn is_writing(&self) -> bool {
        !self.0.queue.is_closed()
    }

    /// Whether the writer committed a moment ago, or can commit a probe now.
    pub async fn can_write(&self) -> bool {
        if self.readiness().has_just_committed() {
            return true;
        }
        let (answer, answered) = oneshot::channel();
        // A full queue means that the writer does not get round to probes either.
        self.0.probes.try_send(answer).is_ok()
            && matches!(tokio::time::timeout(PROBE_TIMEOUT, answered).await, Ok(Ok(true)))
    }

    /// The condition of this process, as its parts report it.
    pub fn readiness(&self) -> &Arc<Readiness> {
        &self.0.readiness
    }

    /// The memory that requests may take up.
    pub fn room(&self) -> &RequestMemory {
        &self.0.room
    }

    /// What compiles and applies the schemas of agents.
    pub fn schemas(&self) -> &Schemas {
        &self.0.schemas
    }

    /// What keys have used today.
    pub fn usage(&self) -> &UsageCounters {
        &self.0.usage
    }

    /// The space that is left on the disk.
    pub fn storage(&self) -> &FreeSpace {
        &self.0.storage
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn bell(&self) -> &LogNotifier {
        &self.0.bell
    }

    pub fn links(&self) -> &Links {
        &self.0.links
    }

    /// Open streams and waits, which revocation closes.
    pub fn doors(&self) -> &OpenStreams {
        &self.0.doors
    }

    /// What is true for a moment, beside the log.
    pub fn hints(&self) -> &Hints {
        &self.0.hints
    }

    /// Since when this process serves: what happened before, it may not have seen.
    pub fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    /// Cancelled when the server stops.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// Notes that no answer waits for, but the end of the server does: that an outcome left, that a session was used.
    pub fn beside(&self) -> &TaskTracker {
        &self.0.beside
    }

    /// The seq of the newest event.
    pub async fn head(&self, workspace: WorkspaceId) -> Result<Seq, Error> {
        let reader = self.store().reader();
        reader.read(|connection| Box::pin(workspaces::head(connection, workspace))).await
    }

    /// An escalation as it is.
    pub async fn current(&self, workspace: WorkspaceId, id: EscalationId) -> Result<Option<CurrentState>, Error> {
        let reader = self.store().reader();
        reader.read(|connection| Box::pin(escalations::find(connection, workspace, id))).await
    }

    /// An escalation as it is, when it is this agent's.
    pub async fn current_of_agent(
        &self,
        workspace: WorkspaceId,
        agent: AgentId,
        id: EscalationId,
    ) -> Result<Option<CurrentState>, Error> {
        Ok(self.current(workspace, id).await?.filter(|current| current.escalation.agent.id == agent))
    }

    /// An agent's escalations, newest first; no statuses means all.
    pub async fn list_of_agent(
        &self,
        workspace: WorkspaceId,
        agent: AgentId,
        statuses: &[Status],
        external_id: Option<&str>,
        after: Option<EscalationId>,
        limit: i64,
    ) -> Result<Portion<CurrentState>, Error> {
        escalations::list_of_agent(self.store(), workspace, agent, statuses, external_id, after, limit).await
    }

    /// A page of messages after a position, oldest first, each with how many bytes it has.
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

    /// A list and its counts, as of one moment.
    pub async fn inbox(&self, workspace: WorkspaceId, query: Query) -> Result<Inbox, Error> {
        let read = self.store().snapshot(move |connection| {
            Box::pin(async move {
                let elsewhere = queues::elsewhere(connection, workspace, query.me).await?;
                let ListPage { seq, rows, bound } = inbox::page(connection, workspace, query, None, &elsewhere).await?;
                let counts = inbox::counts(connection, workspace, query.me, &elsewhere).await?;
                Ok(Inbox { query, seq, rows, bound, counts, elsewhere })
            })
        });
        read.await
    }

    /// The rows of a list after a key.
    pub async fn inbox_page(&self, workspace: WorkspaceId, query: Query, after: SortKey) -> Result<ListPage, Error> {
        let read = self.store().snapshot(move |connection| {
            Box::pin(async move {
                let elsewhere = queues::elsewhere(connection, workspace, query.me).await?;
                inbox::page(connection, workspace, query, Some(after), &elsewhere).await
            })
        });
        read.await
    }

    /// What a page that begins now compares with later: the log, and how often queues have changed.
    pub async fn epoch(&self, workspace: WorkspaceId) -> Result<String, Error> {
        Ok(format!("{}~{}", self.store().epoch(), queues::version(self.store(), workspace).await?))
    }

    /// What agents are told of the desk, for each of these that is open.
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

    /// The same for one that is about to be opened in a queue.
    pub async fn at_queue(&self, workspace: WorkspaceId, queue: QueueId) -> Result<AtDesk, Error> {
        let (reader, now) = (self.store().reader(), self.clock().now());
        reader.read(|connection| Box::pin(at_desk::of_queue(connection, workspace, queue, now))).await
    }

    /// What lists can be narrowed to.
    pub async fn choices(&self, workspace: WorkspaceId) -> Result<FilterChoices, Error> {
        self.store().reader().read(|connection| Box::pin(inbox::choices(connection, workspace))).await
    }

    /// An escalation's page, as of one moment.
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

    /// The messages before a position, oldest first.
    pub async fn earlier(
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

    /// The whole of a part of a message, of which pages get only the beginning.
    pub async fn whole(
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

/// Parses the texts of a page, the newest first, and leaves out the older ones when it gets too many pieces. Hundreds of long
/// texts take a while, so not on a thread that others share.
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
