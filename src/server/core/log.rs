//! The bell: a doorbell, not a pipe. It says how far the log reaches; what happened is read from the log, whose recent
//! end is kept in memory. A listener holds a cursor, so nothing can lag, drop or reorder.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use crate::server::core::recorded::{Audience, KINDS, RecordedEvent};
use futures::{Stream, stream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    domain::{event::Seq, ids::WorkspaceId},
    server::{
        core::desk::Desk,
        error::Error,
        store::{Store, events, portion::Portion},
    },
};

/// How many events stay in memory per workspace, and about how many bytes of them.
const RECENT_EVENTS: usize = 4_096;
const RECENT_BYTES: usize = 8 * 1024 * 1024;
/// How many events a listener reads at a time, and about how many bytes of them; a larger event comes alone.
const GULP: i64 = 256;
const GULP_BYTES: usize = 256 * 1024;
/// How long reading a gap for all listeners may take, before each reads it by itself.
const FILLED_WITHIN: Duration = Duration::from_millis(1_500);
/// How many listeners may have read so much at once. Others read one event at a time.
const MOST_GULPS: usize = 128;

/// The recent end of one workspace's log: a contiguous run.
#[derive(Default)]
struct Recent {
    events: VecDeque<Arc<RecordedEvent>>,
    bytes: usize,
}

impl Recent {
    fn push(&mut self, event: Arc<RecordedEvent>) {
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

/// How far logs reach, for one task that waits for it.
#[derive(Default)]
struct Heads {
    reached: Mutex<BTreeMap<WorkspaceId, Seq>>,
    changed: Notify,
}

impl Heads {
    fn reached(&self, workspace: WorkspaceId, head: Seq) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let known = reached.entry(workspace).or_default();
        *known = head.max(*known);
        drop(reached);
        self.changed.notify_one();
    }

    /// Waits until there are any; bursts come as one.
    async fn take(&self) -> BTreeMap<WorkspaceId, Seq> {
        loop {
            let reached = std::mem::take(&mut *self.reached.lock().unwrap_or_else(PoisonError::into_inner));
            if !reached.is_empty() {
                return reached;
            }
            self.changed.notified().await;
        }
    }
}

/// The bells of all workspaces.
pub struct LogNotifier {
    logs: Mutex<HashMap<WorkspaceId, Arc<Log>>>,
    /// What this process wrote and has not told the others yet.
    written: Heads,
    /// One for each listener that holds several events.
    gulps: Arc<Semaphore>,
    /// How far the logs reach of which this process lacks events that others wrote.
    gaps: Heads,
}

impl Default for LogNotifier {
    fn default() -> Self {
        Self {
            logs: Mutex::default(),
            written: Heads::default(),
            gulps: Arc::new(Semaphore::new(MOST_GULPS)),
            gaps: Heads::default(),
        }
    }
}

impl LogNotifier {
    fn log(&self, workspace: WorkspaceId) -> Arc<Log> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs
            .entry(workspace)
            .or_insert_with(|| Arc::new(Log { head: watch::Sender::new(Seq(0)), recent: Mutex::default() }));
        Arc::clone(log)
    }

    /// Committed events are readable: keep them, then wake whoever waits.
    pub fn ring(&self, workspace: WorkspaceId, events: &[Arc<RecordedEvent>]) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let log = self.log(workspace);
        let follows = {
            let mut recent = log.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let follows = recent.events.back().is_none_or(|known| first.seq.0 <= known.seq.0 + 1);
            if follows {
                events.iter().for_each(|event| recent.push(Arc::clone(event)));
            }
            follows
        };
        match follows {
            true => self.reached(workspace, last.seq),
            // Another process wrote in between.
            false => self.gaps.reached(workspace, last.seq),
        }
        self.written.reached(workspace, last.seq);
    }

    /// Waits until this process has written something, and says how far; bursts come as one.
    pub async fn written(&self) -> BTreeMap<WorkspaceId, Seq> {
        self.written.take().await
    }

    /// The log reaches so far, by what another process wrote. This one reads it once, and then wakes whoever waits.
    pub fn wrote_elsewhere(&self, workspace: WorkspaceId, head: Seq) {
        if head > *self.log(workspace).head.borrow() {
            self.gaps.reached(workspace, head);
        }
    }

    /// Waits until this process lacks events, and says up to where.
    pub async fn gaps(&self) -> BTreeMap<WorkspaceId, Seq> {
        self.gaps.take().await
    }

    /// Reads what this process lacks up to there, once for all who listen, and wakes them. Where that is too much, or fails,
    /// each of them reads by itself.
    pub async fn fill(&self, store: &Store, workspace: WorkspaceId, head: Seq) {
        if let Err(error) = store.silence().within(FILLED_WITHIN, self.read_gap(store, workspace, head)).await {
            tracing::warn!(%error, "could not read what another server wrote; each stream reads it by itself");
        }
        self.reached(workspace, head);
    }

    async fn read_gap(&self, store: &Store, workspace: WorkspaceId, head: Seq) -> Result<(), Error> {
        let log = self.log(workspace);
        let recent = || log.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let last = recent().events.back().map(|event| event.seq);
        let mut after = last.unwrap_or_else(|| *log.head.borrow());
        if head.0 - after.0 > RECENT_EVENTS as i64 {
            return Ok(());
        }
        while after < head {
            let read = events::between(store, workspace, Audience::Operators, after, head, GULP, GULP_BYTES).await?;
            let mut recent = recent();
            for event in read.items {
                after = event.seq;
                recent.push(event);
            }
            if !read.is_cut {
                break;
            }
        }
        Ok(())
    }

    /// The log reaches so far, whoever wrote it.
    fn reached(&self, workspace: WorkspaceId, head: Seq) {
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
    ) -> Result<Portion<Arc<RecordedEvent>>, Error> {
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
) -> impl Stream<Item = Result<Arc<RecordedEvent>, Error>> + Send + use<> {
    struct Listener {
        desk: Desk,
        head: watch::Receiver<Seq>,
        cursor: Seq,
        heard: VecDeque<Arc<RecordedEvent>>,
        /// Kept while there are several.
        gulp: Option<OwnedSemaphorePermit>,
        /// How far the log reached when it began: a fresh process has heard no bell yet.
        floor: Seq,
        begun: bool,
    }
    let head = desk.bell().log(workspace).head.subscribe();
    // Looked at after the bell, which forgets after the name has changed: whoever came too late for that ends here.
    let is_over = *desk.store().epoch() != *epoch;
    let listener =
        Listener { desk, head, cursor: after, heard: VecDeque::new(), gulp: None, floor: Seq(0), begun: false };
    stream::try_unfold(listener, move |mut it| async move {
        if is_over {
            return Ok(None);
        }
        loop {
            if let Some(event) = it.heard.pop_front() {
                return Ok(Some((event, it)));
            }
            if !it.begun {
                it.begun = true;
                let head = it.desk.head(workspace).await?;
                it.floor = head;
            }
            let until = it.floor.max(*it.head.borrow_and_update());
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
