//! The bell: a doorbell, not a pipe. It says how far the log reaches; what happened is read from the log, whose recent
//! end is kept in memory. A listener holds a cursor, so nothing can lag, drop or reorder.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use axum::body::Bytes;
use futures::{Stream, stream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    domain::{
        event::{EventKind, Seq},
        ids::{AgentId, EscalationId, WorkspaceId},
        inbox::Frame,
    },
    server::{
        desk::Desk,
        error::Error,
        rich,
        store::{Store, escalations::parse, events, portion::Portion},
    },
};

/// How many events stay in memory per workspace, and about how many bytes of them.
const RECENT_EVENTS: usize = 4_096;
const RECENT_BYTES: usize = 8 * 1024 * 1024;
/// How many events a listener reads at a time, and about how many bytes of them; a larger event comes alone.
const GULP: i64 = 256;
const GULP_BYTES: usize = 256 * 1024;
/// How many listeners may have read so much at once. Others read one event at a time.
const MOST_GULPS: usize = 128;

/// An event as the log has it: rendered for operators and, when an agent hears it, for agents.
#[derive(Debug)]
pub struct Recorded {
    pub seq: Seq,
    pub escalation_id: EscalationId,
    pub agent_id: AgentId,
    /// The type, as in [`EventKind::name`].
    pub kind: &'static str,
    /// A [`Frame`] as JSON, without rich text.
    pub body: Arc<str>,
    pub agent_body: Option<Arc<str>>,
    frame: OnceLock<Bytes>,
}

/// The types of [`EventKind::name`], so that a stored one is again one of ours.
pub const KINDS: [&str; 17] = [
    "escalation.opened",
    "escalation.claimed",
    "escalation.taken_over",
    "escalation.released",
    "escalation.accepted",
    "escalation.transferred",
    "message.created",
    "message.receipt",
    "note.created",
    "escalation.marked",
    "escalation.resolved",
    "escalation.expired",
    "escalation.cancelled",
    "escalation.delivered",
    "escalation.not_picked_up",
    "escalation.acknowledged",
    "escalation.followed_up",
];

impl Recorded {
    /// Puts a record together.
    pub fn new(
        seq: Seq,
        escalation_id: EscalationId,
        agent_id: AgentId,
        kind: &str,
        body: Arc<str>,
        agent_body: Option<Arc<str>>,
    ) -> Self {
        let kind = KINDS.into_iter().find(|known| *known == kind).unwrap_or("unknown");
        Self { seq, escalation_id, agent_id, kind, body, agent_body, frame: OnceLock::new() }
    }

    /// Whether the escalation is over with this.
    pub fn closes(&self) -> bool {
        matches!(self.kind, "escalation.resolved" | "escalation.expired" | "escalation.cancelled")
    }

    /// The bytes that operators' streams send: one server-sent event, with its message as rich text, and without what only
    /// the page of an escalation shows of its opening. Rendered once, however many listen.
    pub fn frame(&self, epoch: &str) -> Result<Bytes, Error> {
        if let Some(bytes) = self.frame.get() {
            return Ok(bytes.clone());
        }
        let data = match self.kind {
            "message.created" => {
                let mut frame: Frame = parse("event", "body", &self.body)?;
                if let EventKind::MessageCreated { message } = &mut frame.event.kind {
                    let shown = rich::shown(message.clone());
                    *message = shown.message;
                    (frame.blocks, frame.cuts) = (Some(shown.blocks), shown.cuts);
                }
                crate::server::store::escalations::json(&frame)?.into()
            }
            "escalation.opened" => {
                let mut frame: Frame = parse("event", "body", &self.body)?;
                if let EventKind::Opened { escalation } = &mut frame.event.kind {
                    escalation.opening = Arc::new(escalation.opening.outline());
                }
                crate::server::store::escalations::json(&frame)?.into()
            }
            _ => Arc::clone(&self.body),
        };
        let bytes = Bytes::from(format!("id: {epoch}.{}\nevent: frame\ndata: {data}\n\n", self.seq));
        Ok(self.frame.get_or_init(|| bytes).clone())
    }

    /// About how many bytes it takes up.
    pub fn size(&self) -> usize {
        // Twice the operators' body: the rendered frame repeats it.
        2 * self.body.len() + self.agent_body.as_ref().map_or(0, |body| body.len())
    }
}

/// Who listens, and so what they may hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Operators,
    Agent(AgentId),
    Escalation(AgentId, EscalationId),
}

impl Audience {
    /// Whether an event is for these ears.
    pub fn hears(self, event: &Recorded) -> bool {
        match self {
            Self::Operators => true,
            Self::Agent(agent) => event.agent_id == agent && event.agent_body.is_some(),
            Self::Escalation(agent, id) => {
                event.agent_id == agent && event.escalation_id == id && event.agent_body.is_some()
            }
        }
    }
}

/// The recent end of one workspace's log: a contiguous run.
#[derive(Default)]
struct Recent {
    events: VecDeque<Arc<Recorded>>,
    bytes: usize,
}

impl Recent {
    fn push(&mut self, event: Arc<Recorded>) {
        match self.events.back() {
            Some(last) if event.seq <= last.seq => return,
            // Another process wrote in between: begin a new run; what is older is read from the database.
            Some(last) if event.seq.0 != last.seq.0 + 1 => *self = Self::default(),
            _ => {}
        }
        self.bytes += event.size();
        self.events.push_back(event);
        while self.events.len() > RECENT_EVENTS || self.bytes > RECENT_BYTES {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= oldest.size();
        }
    }
}

struct Log {
    head: watch::Sender<Seq>,
    recent: Mutex<Recent>,
}

/// The bells of all workspaces.
pub struct Bell {
    logs: Mutex<HashMap<WorkspaceId, Arc<Log>>>,
    /// What this process wrote and has not told the others yet.
    written: Mutex<BTreeMap<WorkspaceId, Seq>>,
    wrote: Notify,
    /// One for each listener that holds several events.
    gulps: Arc<Semaphore>,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            logs: Mutex::default(),
            written: Mutex::default(),
            wrote: Notify::new(),
            gulps: Arc::new(Semaphore::new(MOST_GULPS)),
        }
    }
}

impl Bell {
    fn log(&self, workspace: WorkspaceId) -> Arc<Log> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs
            .entry(workspace)
            .or_insert_with(|| Arc::new(Log { head: watch::Sender::new(Seq(0)), recent: Mutex::default() }));
        Arc::clone(log)
    }

    /// Committed events are readable: keep them, then wake whoever waits.
    pub fn ring(&self, workspace: WorkspaceId, events: &[Arc<Recorded>]) {
        let Some(last) = events.last() else { return };
        let log = self.log(workspace);
        {
            let mut recent = log.recent.lock().unwrap_or_else(PoisonError::into_inner);
            events.iter().for_each(|event| recent.push(Arc::clone(event)));
        }
        self.reached(workspace, last.seq);
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(workspace, last.seq);
        self.wrote.notify_one();
    }

    /// Waits until this process has written something, and says how far; bursts come as one.
    pub async fn written(&self) -> BTreeMap<WorkspaceId, Seq> {
        loop {
            let written = std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner));
            if !written.is_empty() {
                return written;
            }
            self.wrote.notified().await;
        }
    }

    /// The log reaches so far, whoever wrote it.
    pub fn reached(&self, workspace: WorkspaceId, head: Seq) {
        self.log(workspace).head.send_if_modified(|known| {
            let further = head > *known;
            *known = head.max(*known);
            further
        });
    }

    /// The database has another history now: what is known of this one is forgotten, and whoever follows it hears its end.
    pub fn forget(&self) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn between(
        &self,
        store: &Store,
        workspace: WorkspaceId,
        audience: Audience,
        after: Seq,
        until: Seq,
        limit: i64,
    ) -> Result<Portion<Arc<Recorded>>, Error> {
        {
            let log = self.log(workspace);
            let recent = log.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let first = recent.events.front().map(|event| event.seq);
            let last = recent.events.back().map(|event| event.seq);
            if let (Some(first), Some(last)) = (first, last)
                && first.0 <= after.0 + 1
                && until <= last
            {
                let skip = usize::try_from(after.0 + 1 - first.0).unwrap_or_default();
                let heard = recent.events.iter().skip(skip).take_while(|event| event.seq <= until);
                let (mut items, mut bytes) = (vec![], 0);
                for event in heard.filter(|event| audience.hears(event)) {
                    bytes += event.size();
                    if !items.is_empty() && (items.len() as i64 >= limit || bytes > GULP_BYTES) {
                        return Ok(Portion { items, is_cut: true });
                    }
                    items.push(Arc::clone(event));
                }
                return Ok(Portion { items, is_cut: false });
            }
        }
        events::between(store, workspace, audience, after, until, limit, GULP_BYTES).await
    }
}

/// The one way to hear: what an audience may know of a workspace after a cursor, then live, for as long as the history
/// has the name under which the cursor was read. The bell is listened to before the first read, so nothing falls between.
pub fn follow(
    desk: Desk,
    workspace: WorkspaceId,
    audience: Audience,
    epoch: &str,
    after: Seq,
) -> impl Stream<Item = Result<Arc<Recorded>, Error>> + Send + use<> {
    struct Listener {
        desk: Desk,
        head: watch::Receiver<Seq>,
        cursor: Seq,
        heard: VecDeque<Arc<Recorded>>,
        /// Kept while there are several.
        gulp: Option<OwnedSemaphorePermit>,
        begun: bool,
    }
    let head = desk.bell().log(workspace).head.subscribe();
    // Looked at after the bell, which forgets after the name has changed: whoever came too late for that ends here.
    let is_over = *desk.store().epoch() != *epoch;
    let listener = Listener { desk, head, cursor: after, heard: VecDeque::new(), gulp: None, begun: false };
    stream::try_unfold(listener, move |mut it| async move {
        if is_over {
            return Ok(None);
        }
        loop {
            if let Some(event) = it.heard.pop_front() {
                return Ok(Some((event, it)));
            }
            if !it.begun {
                // A fresh process has not heard the bell yet, however long the log is.
                it.begun = true;
                let head = it.desk.head(workspace).await?;
                it.desk.bell().reached(workspace, head);
            }
            let until = *it.head.borrow_and_update();
            if it.cursor < until {
                let desk = it.desk.clone();
                let gulp = Arc::clone(&desk.bell().gulps).try_acquire_owned().ok();
                let limit = if gulp.is_some() { GULP } else { 1 };
                let read = desk.bell().between(desk.store(), workspace, audience, it.cursor, until, limit).await?;
                it.cursor = match read.items.last() {
                    Some(last) if read.is_cut => last.seq,
                    _ => until,
                };
                it.gulp = gulp.filter(|_| read.items.len() > 1);
                it.heard = read.items.into();
            } else if it.head.changed().await.is_err() {
                return Ok(None);
            }
        }
    })
}
