//! Streams events (server-sent events) of one escalation, or of all escalations of an agent. A stream resumes from the
//! log at the given cursor, and begins with a `reset` event if that cursor is not valid for this log.

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, Uri},
    response::Response,
};
use futures::{Stream, StreamExt, stream};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep},
};

use super::{
    key_auth::{CallingAgent, EscalationInPath},
    params::{Cursor, QueryParams},
    problem::Problem,
};
use crate::{
    domain::{escalation::Status, ids::EscalationId, presence::Hint, seq::Seq},
    server::{
        contract::typing_json,
        core::{
            log::{Audience, RecordedEvent, follow},
            open_streams::OpenStream,
            presence::WorkspaceHint,
        },
        error::{CurrentState, Error},
        sse,
    },
};

/// The interval of `ping` events. They keep the stream alive visibly, while clients cannot see a comment.
const PING_EVERY: Duration = Duration::from_secs(15);
/// The longest life of a stream. Reconnecting balances the load and renews the authorisation.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// How many closed escalations are checked for delivery when a stream reconnects.
const LOOKED_AT: i64 = 50;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const CLOSED: [Status; 3] = [Status::Resolved, Status::Expired, Status::Cancelled];

/// `GET /events`: streams from now, or from a cursor.
pub async fn of_all(caller: CallingAgent, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let epoch = caller.desk.store().epoch();
    let cursor = cursor(&epoch, &headers, &uri)?;
    let audience = Audience::Agent(caller.agent.id);
    let head = caller.desk.head(caller.workspace).await?;
    if let Some(reached) = cursor.and_then(|cursor| cursor.within(head)) {
        let back = caller.clone();
        caller.desk.background_tasks().spawn(async move {
            let (workspace, agent) = (back.workspace, back.agent.id);
            let closed = back.desk.list_of_agent(workspace, agent, &CLOSED, None, None, LOOKED_AT).await;
            let known = read(closed)
                .into_iter()
                .flat_map(|closed| closed.items)
                .filter(|current| is_past_end(current, reached));
            known.for_each(|current| back.has(&current));
        });
    }
    open(caller, audience, epoch, cursor, head, head)
}

/// `GET /escalations/{id}/events`: streams from the opening, or from a cursor.
pub async fn of_one(
    caller: CallingAgent,
    EscalationInPath(id): EscalationInPath,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let epoch = caller.desk.store().epoch();
    let cursor = cursor(&epoch, &headers, &uri)?;
    let current = caller.current(id).await?;
    let head = caller.desk.head(caller.workspace).await?;
    if cursor.and_then(|cursor| cursor.within(head)).is_some_and(|reached| is_past_end(&current, reached)) {
        caller.has(&current);
    }
    let audience = Audience::Escalation(caller.agent.id, id);
    // The stream begins with the event that opened the escalation.
    let begin = Seq(current.escalation.opened_seq.0 - 1);
    open(caller, audience, epoch, cursor, begin, head)
}

/// Returns whether a cursor includes the end of an escalation. Events after the end do not matter.
fn is_past_end(current: &CurrentState, reached: Seq) -> bool {
    current.escalation.closed_seq.is_some_and(|closed| closed <= reached)
}

/// Reads the caller's cursor: `Last-Event-ID`, which a client sends by itself when it reconnects, else `after`.
fn cursor(epoch: &str, headers: &HeaderMap, uri: &Uri) -> Result<Option<Cursor>, Problem> {
    let asked = QueryParams::of(uri, &["after"])?.cursor("after", epoch)?;
    let last = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty());
    // Clients send this header automatically and cannot correct it, so an invalid value causes a reset, not an error.
    let last =
        last.map(|value| value.to_str().ok().and_then(|text| Cursor::read(text, epoch)).unwrap_or(Cursor::Elsewhere));
    Ok(last.or(asked))
}

fn open(
    caller: CallingAgent,
    audience: Audience,
    epoch: Arc<str>,
    cursor: Option<Cursor>,
    begin: Seq,
    head: Seq,
) -> Result<Response, Problem> {
    let open_stream = caller.enter()?;
    let resumed = cursor.map(|cursor| cursor.within(head));
    let after = match resumed {
        None => begin,
        Some(reached) => reached.unwrap_or(head),
    };
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let line = AgentStream {
        events: Box::pin(follow(caller.desk.log(), caller.desk.store(), caller.workspace, audience, &epoch, after)),
        hints: caller.desk.hints().subscribe(),
        audience,
        reached: resumed.flatten().unwrap_or_default(),
        reset: (resumed == Some(None)).then(|| sse::reset(&epoch, head)),
        epoch,
        ping,
        end: Box::pin(sleep(LONGEST)),
        closing: None,
        open_stream,
        caller,
    };
    let frames = stream::unfold(line, |mut line| async move { Some((line.next().await?, line)) });
    Ok(sse::response(frames))
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
    ping: Interval,
    end: Pin<Box<Sleep>>,
    /// The escalation whose outcome is in the last frame sent.
    closing: Option<EscalationId>,
}

impl AgentStream {
    /// Returns the next frame, or `None` if the server stops, the key is revoked, the log cannot be read, or
    /// [`LONGEST`] has passed.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(reset) = self.reset.take() {
            return Some(reset);
        }
        let desk = &self.caller.desk;
        // This call asks for the next frame, so the frame before has been sent.
        if let Some(closed) = self.closing.take() {
            let current = read(desk.current(self.caller.workspace, closed).await)?;
            current.iter().for_each(|current| self.caller.has(current));
        }
        let only = match self.audience {
            Audience::Escalation(_, id) => Some(id),
            Audience::Operators | Audience::Agent(_) => None,
        };
        self.caller.heard(only, self.reached);
        loop {
            tokio::select! {
                biased;
                () = desk.shutdown().cancelled() => return None,
                () = self.open_stream.closed() => return None,
                () = &mut self.end => return None,
                event = self.events.next() => {
                    let event = read(event?)?;
                    let Some(body) = &event.agent_body else { continue };
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
                    return Some(sse::ping(head));
                }
            }
        }
    }
}

/// Logs an error and returns `None`, which ends the stream. The client reconnects with its cursor.
fn read<T>(read: Result<T, Error>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, "a stream of an agent could not read on")).ok()
}
