//! Streams events (server-sent events) of one escalation, or of all escalations of an agent. A stream resumes from the
//! log at the given position, and begins with a `reset` event if the caller's cursor is not valid for this log.

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::{body::Bytes, response::Response};
use futures::{Stream, StreamExt, stream};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep},
};

use super::key_auth::CallingAgent;
use crate::{
    domain::{ids::EscalationId, presence::Hint, seq::Seq},
    server::{
        contract::{cursor, typing_json},
        core::{
            log::{Audience, RecordedEvent, follow},
            open_streams::OpenStream,
            presence::WorkspaceHint,
        },
        error::Error,
        sse,
    },
};

/// The interval of `ping` events. They keep the stream alive visibly, while clients cannot see a comment.
const PING_EVERY: Duration = Duration::from_secs(15);
/// The longest life of a stream. Reconnecting balances the load and renews the authorisation.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Where a stream begins.
pub struct StreamStart {
    /// The position after which events are sent.
    pub after: Seq,
    /// The position that the caller has received, or 0.
    pub reached: Seq,
    /// True if the caller's cursor is not valid for this log: the first frame is a reset.
    pub is_reset: bool,
    /// True if nothing follows, because the escalation is closed.
    pub is_over: bool,
}

/// Opens a stream.
pub fn open(
    caller: CallingAgent,
    open_stream: OpenStream,
    audience: Audience,
    epoch: Arc<str>,
    start: StreamStart,
) -> Response {
    let StreamStart { after, reached, is_reset, is_over } = start;
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let line = AgentStream {
        events: Box::pin(follow(caller.desk.log(), caller.desk.store(), caller.workspace, audience, &epoch, after)),
        hints: caller.desk.hints().subscribe(),
        audience,
        reached,
        reset: is_reset.then(|| sse::event(&epoch, after, "reset", place(&epoch, after))),
        is_over,
        epoch,
        ping,
        end: Box::pin(sleep(LONGEST)),
        closing: None,
        open_stream,
        caller,
    };
    let frames = stream::unfold(line, |mut line| async move { Some((line.next().await?, line)) });
    sse::response(frames)
}

/// Renders the data of an event that tells only how far the log reaches.
fn place(epoch: &str, seq: Seq) -> String {
    format!("{{\"cursor\":\"{}\"}}", cursor(epoch, seq))
}

/// An open stream of an agent.
struct AgentStream {
    caller: CallingAgent,
    open_stream: OpenStream,
    epoch: Arc<str>,
    events: Pin<Box<dyn Stream<Item = Result<Arc<RecordedEvent>, Error>> + Send>>,
    hints: Receiver<Arc<WorkspaceHint>>,
    audience: Audience,
    /// The seq of the last event sent; at first the valid cursor of the client, or 0.
    reached: Seq,
    /// The first frame, if the cursor was not valid for this log.
    reset: Option<Bytes>,
    is_over: bool,
    ping: Interval,
    end: Pin<Box<Sleep>>,
    /// The escalation whose outcome is in the last frame sent.
    closing: Option<EscalationId>,
}

impl AgentStream {
    /// Returns the next frame, or `None` if the escalation of the stream is closed, the server stops, the key is
    /// revoked, the log cannot be read, or [`LONGEST`] has passed.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(reset) = self.reset.take() {
            return Some(reset);
        }
        let (desk, only) = (&self.caller.desk, self.audience.escalation());
        // This call asks for the next frame, so the frame before has been sent.
        if let Some(closed) = self.closing.take() {
            let current = read(desk.current(self.caller.workspace, closed).await)?;
            current.iter().for_each(|current| self.caller.has(current));
            self.is_over = only.is_some();
        }
        if self.is_over {
            return None;
        }
        self.caller.heard(only, self.reached);
        loop {
            tokio::select! {
                biased;
                () = desk.shutdown().cancelled() => return None,
                () = self.open_stream.closed() => return None,
                () = &mut self.end => return None,
                event = self.events.next() => {
                    let event = read(event?)?;
                    let Some(body) = event.for_agent(&self.epoch) else { continue };
                    self.closing = event.event_type.closes().then_some(event.escalation_id);
                    self.reached = event.seq;
                    return Some(sse::event(&self.epoch, event.seq, event.event_type.as_str(), body));
                }
                told = self.hints.recv() => match told {
                    Ok(told) if told.0 == self.caller.workspace => match &told.1 {
                        Hint::Viewing { agent, escalation, viewer }
                            if viewer.typing && *agent == self.caller.agent.id && only.is_none_or(|id| id == *escalation) =>
                        {
                            return Some(sse::hint("typing", typing_json(*escalation, &viewer.operator)));
                        }
                        _ => {}
                    },
                    // The hint is of another workspace, or the stream lagged: hints are ephemeral, so missing some is
                    // allowed.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                _ = self.ping.tick() => {
                    let head = read(desk.head(self.caller.workspace).await)?;
                    return Some(sse::hint("ping", place(&self.epoch, head)));
                }
            }
        }
    }
}

/// Logs an error and returns `None`, which ends the stream. The client reconnects with its cursor.
pub fn read<T>(read: Result<T, Error>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, "a stream of an agent could not read on")).ok()
}
