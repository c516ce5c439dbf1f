//! Notifies subscribers how far the log of each workspace reaches. The events themselves are read from the log, whose recent
//! end is kept in memory. Each subscriber holds a cursor, so a slow one reads later, and loses or reorders nothing.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use crate::server::core::recorded::{Audience, RecordedEvent};
use futures::{Stream, stream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    domain::{ids::WorkspaceId, seq::Seq},
    server::{
        error::Error,
        store::{Store, events, portion::Portion, workspaces},
    },
};

/// Limits of the events that are kept in memory per workspace, in events and in bytes.
const RECENT_EVENTS: usize = 4_096;
const RECENT_BYTES: usize = 8 * 1024 * 1024;
/// Limits of one read of a subscriber, in events and in bytes. A larger event is read alone.
const READ_BATCH: i64 = 256;
const READ_BATCH_BYTES: usize = 256 * 1024;
/// Timeout of reading a gap once for all subscribers. After it each subscriber reads the gap by itself.
const FILLED_WITHIN: Duration = Duration::from_millis(1_500);
/// How many subscribers may hold a full batch at once. Others read one event at a time.
const MAX_FULL_BATCHES: usize = 128;

/// The recent end of one workspace's log, without gaps.
#[derive(Default)]
struct Recent {
    events: VecDeque<Arc<RecordedEvent>>,
    bytes: usize,
}

impl Recent {
    fn push(&mut self, event: Arc<RecordedEvent>) {
        match self.events.back() {
            Some(last) if event.seq <= last.seq => return,
            // Another process wrote in between, so a new run starts here; older events are read from the database.
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

/// The heads of logs that one background task waits for.
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

    /// Waits for new heads. Heads that arrive together are returned together.
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

/// The recent events and the heads of all workspaces.
pub struct LogNotifier {
    logs: Mutex<HashMap<WorkspaceId, Arc<Log>>>,
    /// The heads that this process wrote and has not announced to other processes yet.
    written: Heads,
    /// A permit for each subscriber that holds a full batch.
    batches: Arc<Semaphore>,
    /// The heads of logs of which this process lacks events that other processes wrote.
    gaps: Heads,
}

impl Default for LogNotifier {
    fn default() -> Self {
        Self {
            logs: Mutex::default(),
            written: Heads::default(),
            batches: Arc::new(Semaphore::new(MAX_FULL_BATCHES)),
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

    /// Keeps committed events in memory, then wakes the subscribers.
    pub fn publish(&self, workspace: WorkspaceId, events: &[Arc<RecordedEvent>]) {
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
            // Another process wrote in between; the gap is read first.
            false => self.gaps.reached(workspace, last.seq),
        }
        self.written.reached(workspace, last.seq);
    }

    /// Waits until this process has written events, and returns the new heads.
    pub async fn next_written_heads(&self) -> BTreeMap<WorkspaceId, Seq> {
        self.written.take().await
    }

    /// Records that another process wrote events up to `head`. The gap is read once, then the subscribers are woken.
    pub fn head_moved_elsewhere(&self, workspace: WorkspaceId, head: Seq) {
        if head > *self.log(workspace).head.borrow() {
            self.gaps.reached(workspace, head);
        }
    }

    /// Waits until this process lacks events, and returns the heads to read up to.
    pub async fn next_gaps(&self) -> BTreeMap<WorkspaceId, Seq> {
        self.gaps.take().await
    }

    /// Reads the events that this process lacks up to `head`, once for all subscribers, and wakes them. When the gap is too
    /// large or the read fails, each subscriber reads by itself.
    pub async fn fill_gap(&self, store: &Store, workspace: WorkspaceId, head: Seq) {
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
            let read =
                events::between(store, workspace, Audience::Operators, after, head, READ_BATCH, READ_BATCH_BYTES)
                    .await?;
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

    /// Moves the head of a log forward and wakes the subscribers.
    fn reached(&self, workspace: WorkspaceId, head: Seq) {
        self.log(workspace).head.send_if_modified(|known| {
            let further = head > *known;
            *known = head.max(*known);
            further
        });
    }

    /// Forgets every log, because the database was restored and has another history. Streams of the former one end.
    pub fn clear(&self) {
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
                for event in heard.filter(|event| audience.receives(event)) {
                    bytes += event.size();
                    if !items.is_empty() && (items.len() as i64 >= limit || bytes > READ_BATCH_BYTES) {
                        return Ok(Portion { items, is_cut: true });
                    }
                    items.push(Arc::clone(event));
                }
                return Ok(Portion { items, is_cut: false });
            }
        }
        events::between(store, workspace, audience, after, until, limit, READ_BATCH_BYTES).await
    }
}

/// Streams the events that an audience may receive after a cursor: first the stored ones, then live. The stream ends when the
/// epoch is not the one of the cursor any more. The subscription precedes the first read, so no event is missed in between.
pub fn follow(
    log: &Arc<LogNotifier>,
    store: &Store,
    workspace: WorkspaceId,
    audience: Audience,
    epoch: &str,
    after: Seq,
) -> impl Stream<Item = Result<Arc<RecordedEvent>, Error>> + Send + use<> {
    struct Listener {
        log: Arc<LogNotifier>,
        store: Store,
        head: watch::Receiver<Seq>,
        cursor: Seq,
        heard: VecDeque<Arc<RecordedEvent>>,
        /// The permit of a full batch, held until the batch is used up.
        batch: Option<OwnedSemaphorePermit>,
        /// The stored head when the stream began, since a process that has just started was not notified yet.
        floor: Seq,
        begun: bool,
    }
    let head = log.log(workspace).head.subscribe();
    // Compared after subscribing: `clear` runs after the epoch has changed, so a stream that subscribed too late ends here.
    let is_over = *store.epoch() != *epoch;
    let listener = Listener {
        log: Arc::clone(log),
        store: store.clone(),
        head,
        cursor: after,
        heard: VecDeque::new(),
        batch: None,
        floor: Seq(0),
        begun: false,
    };
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
                let reader = it.store.reader();
                let head = reader.read(|connection| Box::pin(workspaces::head(connection, workspace))).await?;
                it.floor = head;
            }
            let until = it.floor.max(*it.head.borrow_and_update());
            if it.cursor < until {
                let batch = Arc::clone(&it.log.batches).try_acquire_owned().ok();
                let limit = if batch.is_some() { READ_BATCH } else { 1 };
                let read = it.log.between(&it.store, workspace, audience, it.cursor, until, limit).await?;
                it.cursor = match read.items.last() {
                    Some(last) if read.is_cut => last.seq,
                    _ => until,
                };
                it.batch = batch.filter(|_| read.items.len() > 1);
                it.heard = read.items.into();
            } else if it.head.changed().await.is_err() {
                return Ok(None);
            }
        }
    })
}
