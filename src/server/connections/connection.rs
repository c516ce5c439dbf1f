//! Tracks the state of one open connection: its requests, and the responses that are being sent.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::limits::ConnectionLimits;

/// A callback that runs once a response has been sent.
pub type Departure = Box<dyn FnOnce() + Send>;

/// An open connection.
pub struct OpenConnection {
    state: Mutex<State>,
    end: CancellationToken,
}

struct State {
    /// The number of requests that are being read or answered.
    requests: usize,
    /// When the last request ended, or the connection was opened.
    idle_since: Instant,
    /// True if the connection has sent a request.
    is_known: bool,
    /// The responses that are being sent.
    answers: Vec<Weak<ResponseInProgress>>,
    /// The callbacks to run when the transport has accepted all that was written so far.
    departures: Vec<Departure>,
}

impl Default for OpenConnection {
    fn default() -> Self {
        let state =
            State { requests: 0, idle_since: Instant::now(), is_known: false, answers: vec![], departures: vec![] };
        Self { state: Mutex::new(state), end: CancellationToken::new() }
    }
}

/// A request that is being read or answered; dropped when its response has been sent or dropped.
pub struct RequestInProgress(Arc<OpenConnection>);

impl RequestInProgress {
    /// Registers the response to this request, which is being sent from now on.
    pub fn answers_with(self, body: Body, departures: Vec<Departure>) -> Arc<ResponseInProgress> {
        let is_complete = body.is_end_stream();
        let connection = Arc::clone(&self.0);
        let sent = SentBody { kept: Some((body, self)), untaken_since: None, departures, is_complete };
        let response = Arc::new(ResponseInProgress(Mutex::new(sent)));
        let mut state = connection.state();
        state.answers.retain(|response| response.strong_count() > 0);
        state.answers.push(Arc::downgrade(&response));
        response
    }

    /// Adds a callback to run when all that was written so far has been sent.
    pub fn departs(&self, departure: Departure) {
        self.0.state().departures.push(departure);
    }
}

/// A response that is being sent, until it is dropped.
pub struct ResponseInProgress(Mutex<SentBody>);

/// The body of a response, as far as it is sent.
pub struct SentBody {
    /// The body and its request; `None` once they were dropped because the client did not read.
    pub kept: Option<(Body, RequestInProgress)>,
    /// The time since when a frame is ready and the client has not asked for more.
    pub untaken_since: Option<Instant>,
    pub departures: Vec<Departure>,
    pub is_complete: bool,
}

impl ResponseInProgress {
    /// Locks the body.
    pub fn sending(&self) -> MutexGuard<'_, SentBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the body if the client has not read for `after`. Otherwise returns when the body would be dropped, or
    /// `None` if no frame waits for the client.
    pub fn drop_if_stalled(&self, after: Duration, now: Instant) -> Option<Instant> {
        let mut sending = self.sending();
        let until = sending.untaken_since? + after;
        if until > now {
            return Some(until);
        }
        let dropped = (sending.kept.take(), std::mem::take(&mut sending.departures));
        // The lock is released first, because dropping the body may take it again.
        drop(sending);
        drop(dropped);
        None
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

    /// Counts a request whose head has been read.
    pub fn begin(self: &Arc<Self>) -> RequestInProgress {
        let mut state = self.state();
        state.requests += 1;
        state.is_known = true;
        RequestInProgress(Arc::clone(self))
    }

    /// Returns since when the connection is idle, or `None` while a request is in progress.
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.requests == 0).then_some(state.idle_since)
    }

    /// Runs the callbacks that wait, because everything that was written has been sent.
    pub fn left(&self) {
        let departures = std::mem::take(&mut self.state().departures);
        departures.into_iter().for_each(|departure| departure());
    }

    /// Drops the responses that the client does not read, and returns when to check again, or `None` if the connection
    /// has been idle for too long.
    pub fn look(&self, limits: ConnectionLimits) -> Option<Instant> {
        let now = Instant::now();
        // A stall or an idle time that begins meanwhile is noticed before it has lasted twice its limit.
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
        let stalled = answers.iter().filter_map(|response| response.drop_if_stalled(limits.stalled, now));
        stalled.chain([soon]).min()
    }

    /// Ends the connection, to make room for another.
    pub fn end(&self) {
        self.end.cancel();
    }

    /// Resolves when the connection must end.
    pub fn ended(&self) -> WaitForCancellationFuture<'_> {
        self.end.cancelled()
    }
}
