//! What is known of one connection while it is open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::{ConnectionLimits, answer::Content};

/// What is to be done once an answer has left.
pub type Departure = Box<dyn FnOnce() + Send>;

/// One open connection.
pub struct OpenConnection {
    state: Mutex<State>,
    end: CancellationToken,
}

struct State {
    /// Requests that are being read or answered.
    requests: usize,
    /// Since when there is none.
    idle_since: Instant,
    /// Whether there has been one.
    is_known: bool,
    /// What is being sent.
    answers: Vec<Weak<Content>>,
    /// To be done when the transport has taken all that was written so far.
    departures: Vec<Departure>,
}

impl Default for OpenConnection {
    fn default() -> Self {
        let state =
            State { requests: 0, idle_since: Instant::now(), is_known: false, answers: vec![], departures: vec![] };
        Self { state: Mutex::new(state), end: CancellationToken::new() }
    }
}

/// A request that is being read or answered; dropped when its answer has been taken, or given up.
pub struct RequestInProgress(Arc<OpenConnection>);

impl RequestInProgress {
    /// Notes an answer that is being sent.
    pub fn answers(&self, content: &Arc<Content>) {
        let mut state = self.0.state();
        state.answers.retain(|content| content.strong_count() > 0);
        state.answers.push(Arc::downgrade(content));
    }

    /// Leaves what is to be done when all that was written so far has left.
    pub fn departs(&self, departure: Departure) {
        self.0.state().departures.push(departure);
    }
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        state.idle_since = Instant::now();
    }
}

impl OpenConnection {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head of a request has been read.
    pub fn begin(self: &Arc<Self>) -> RequestInProgress {
        let mut state = self.state();
        state.requests += 1;
        state.is_known = true;
        RequestInProgress(Arc::clone(self))
    }

    /// Since when nothing is asked or answered; none while something is.
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.requests == 0).then_some(state.idle_since)
    }

    /// Everything that was written has left: what waited for that is done.
    pub fn left(&self) {
        let departures = std::mem::take(&mut self.state().departures);
        departures.into_iter().for_each(|departure| departure());
    }

    /// Drops the answers that their client does not take, and says when to look again; none when the connection has been
    /// idle for too long.
    pub fn look(&self, limits: ConnectionLimits) -> Option<Instant> {
        let now = Instant::now();
        // What begins or ends meanwhile is noticed before it can have lasted twice as long as it may.
        let soon = now + limits.idle.min(limits.stalled);
        let (idle_since, within, answers) = {
            let state = self.state();
            let within = if state.is_known { limits.idle } else { limits.first_request };
            let answers: Vec<_> = state.answers.iter().filter_map(Weak::upgrade).collect();
            ((state.requests == 0).then_some(state.idle_since), within, answers)
        };
        if let Some(since) = idle_since {
            return (since + within > now).then_some((since + within).min(soon));
        }
        let stalled = answers.iter().filter_map(|content| content.drop_if_stalled(limits.stalled, now));
        stalled.chain([soon]).min()
    }

    /// Ends it, to make way for another.
    pub fn end(&self) {
        self.end.cancel();
    }

    /// Resolves when it is to end.
    pub fn ended(&self) -> WaitForCancellationFuture<'_> {
        self.end.cancelled()
    }
}
