//! The operators' stream: sends every event of the workspace after a cursor, as server-sent events.

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use futures::{FutureExt, Stream, StreamExt, stream};
use serde::Deserialize;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, Interval, MissedTickBehavior, Sleep, interval, sleep},
};

use crate::{
    domain::{
        ids::{OperatorId, WorkspaceId},
        presence::{DEAF_AFTER, Hint, PING_EVERY},
        seq::Seq,
        time::Span,
    },
    server::{
        core::{
            desk::Desk,
            log::{Audience, RecordedEvent, follow},
            open_streams::{Credential, OpenStream},
            presence::WorkspaceHint,
        },
        error::Error,
        site::{
            respond::failed,
            session::{self, ActivitySource},
            web_state::WebState,
        },
        sse,
        store::queues,
    },
};

/// The maximum number of open streams of one session, some for each of its tabs.
const STREAMS_A_SESSION: usize = 50;
/// How often a quiet stream sends a ping.
const PING: Duration = Duration::from_millis(PING_EVERY.0 as u64);
/// The lifetime of a stream. The client then opens a new one, so that load and permissions are checked again.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// The size in bytes from which no more ready events are added to a write.
const CHUNK: usize = 64 * 1024;

/// `?after=<epoch>.<seq>`
#[derive(Deserialize)]
pub struct AfterParam {
    after: Option<String>,
}

/// `GET /live`
pub async fn live(
    State(web): State<WebState>,
    headers: HeaderMap,
    uri: Uri,
    query: Result<Query<AfterParam>, QueryRejection>,
) -> Response {
    // The page opens the stream, not the person, so that a forgotten tab does not keep a session alive.
    let signed_in = match session::read(&web.desk, &web.settings, &headers, &uri, ActivitySource::Page).await {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => return (StatusCode::UNAUTHORIZED, "You are signed out.\n").into_response(),
        Err(error) => return failed(error),
    };
    let Some(open_stream) = web.desk.open_streams().register(Credential::Session(signed_in.digest), STREAMS_A_SESSION)
    else {
        let sentence = "This session has as many open streams as it may have. Close a tab.\n";
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, HeaderValue::from(15_u16))], sentence).into_response();
    };
    let read = async {
        let version = queues::version(web.desk.store(), signed_in.workspace).await?;
        Ok((version, web.desk.head(signed_in.workspace).await?))
    };
    let (version, head) = match read.await {
        Ok(read) => read,
        Err(error) => return failed(error),
    };
    let Some(members) = web.desk.open_streams().register(Credential::Members(signed_in.workspace, version), usize::MAX)
    else {
        return failed(Error::Overloaded);
    };
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let cursor = last.or_else(|| query.ok().and_then(|Query(query)| query.after));
    let epoch = web.desk.store().epoch();
    let (after, reset) = match cursor.as_deref().and_then(|cursor| after(cursor, &epoch, version, head)) {
        Some(after) => (after, None),
        // A client without a cursor of this log is sent the head of the log in a reset, and loads everything again.
        None => (head, Some(reset(&epoch, head))),
    };
    let hints = web.desk.hints().subscribe();
    let there = web.desk.hints().current_hints(signed_in.workspace, web.desk.clock().now() + Span(-DEAF_AFTER.0));
    let begin: Vec<Bytes> = reset.into_iter().chain(there.iter().map(hint)).collect();
    let events =
        follow(web.desk.log(), web.desk.store(), signed_in.workspace, Audience::Operators, &epoch, after).boxed();
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let live = Live {
        hints,
        workspace: signed_in.workspace,
        operator: signed_in.operator.who.id,
        desk: web.desk,
        open_stream,
        members,
        epoch,
        events,
        seq: after,
        ping,
        ends: Box::pin(sleep(LONGEST)),
        broken: false,
    };
    sse::response(stream::iter(begin).chain(stream::unfold(live, Live::next)))
}

fn hint(hint: &Hint) -> Bytes {
    sse::hint("hint", serde_json::to_string(hint).unwrap_or_default())
}

/// Writes the event that shows that the stream is alive, and up to date to this seq.
fn ping(seq: Seq) -> Bytes {
    sse::hint("ping", format_args!("{{\"seq\":{seq}}}"))
}

/// Writes the event for a client without a cursor of this log: it must load everything again, as of `head`.
fn reset(epoch: &str, head: Seq) -> Bytes {
    sse::hint("reset", format_args!("{{\"seq\":{head},\"epoch\":\"{epoch}\"}}"))
}

/// Returns the seq of a cursor that belongs to this log. Returns `None` when the cursor is of another log or beyond the
/// head, or when its lists were made with another version of the queues, as in `<epoch>~<version>.<seq>`.
fn after(cursor: &str, epoch: &str, version: i64, head: Seq) -> Option<Seq> {
    let (of, seq) = cursor.rsplit_once('.')?;
    let (of, by) = of.split_once('~').map_or((of, None), |(of, by)| (of, Some(by)));
    let seq = Seq(seq.parse().ok()?);
    let is_ours = of == epoch && by.is_none_or(|by| by == version.to_string());
    (is_ours && (Seq(0)..=head).contains(&seq)).then_some(seq)
}

/// An open stream.
struct Live {
    desk: Desk,
    workspace: WorkspaceId,
    operator: OperatorId,
    open_stream: OpenStream,
    members: OpenStream,
    epoch: Arc<str>,
    events: Pin<Box<dyn Stream<Item = Result<Arc<RecordedEvent>, Error>> + Send>>,
    hints: Receiver<Arc<WorkspaceHint>>,
    /// The last event sent.
    seq: Seq,
    ping: Interval,
    ends: Pin<Box<Sleep>>,
    broken: bool,
}

impl Live {
    /// Returns the next bytes; `None` when the stream is over.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        if self.broken {
            return None;
        }
        let event = loop {
            tokio::select! {
                biased;
                () = self.open_stream.closed() => return None,
                // The client reconnects with a cursor that is no longer valid, and loads everything again.
                () = self.members.closed() => return None,
                () = self.desk.shutdown().cancelled() => return None,
                () = &mut self.ends => return None,
                event = self.events.next() => break event?,
                told = self.hints.recv() => match told {
                    Ok(told) if told.0 == self.workspace => {
                        return Some((hint(&told.1), self));
                    }
                    // Hints of another workspace, or missed ones, are ignored: they are ephemeral.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                // The first tick comes at once, and tells the client that it is connected and up to date to this seq.
                _ = self.ping.tick() => {
                    self.seen();
                    return Some((ping(self.seq), self));
                }
            }
        };
        let first = self.frame(event)?;
        // Other events that are ready go into the same write.
        let mut rest = Vec::new();
        while first.len() + rest.len() < CHUNK {
            let Some(Some(event)) = self.events.next().now_or_never() else { break };
            let Some(frame) = self.frame(event) else { break };
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&frame);
        }
        self.ping.reset_at(Instant::now() + PING);
        self.seen();
        let bytes = if rest.is_empty() { first } else { rest.into() };
        Some((bytes, self))
    }

    /// Records that the operator's page receives the stream.
    fn seen(&self) {
        self.desk.hints().operator_seen(self.workspace, self.operator, self.desk.clock().now());
    }

    /// Returns an event's bytes. A failure ends the stream; the browser reconnects with its cursor.
    fn frame(&mut self, event: Result<Arc<RecordedEvent>, Error>) -> Option<Bytes> {
        match event.and_then(|event| Ok((event.seq, event.frame(&self.epoch)?))) {
            Ok((seq, frame)) => {
                self.seq = seq;
                Some(frame)
            }
            Err(error) => {
                tracing::error!(%error, "an operators' stream ended early");
                self.broken = true;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_ours_or_none() {
        let head = Seq(31);
        for ours in ["e1.31", "e1~4.31"] {
            assert_eq!(after(ours, "e1", 4, head), Some(Seq(31)), "{ours}");
        }
        assert_eq!(after("e1.0", "e1", 4, head), Some(Seq(0)));
        for foreign in [
            "e1~3.31",
            "e1~.31",
            "e2~4.31",
            "e2.31",
            "e1.32",
            "e1.-1",
            "e1.",
            "31",
            "",
            "e1.31x",
            "e1.99999999999999999999",
        ] {
            assert_eq!(after(foreign, "e1", 4, head), None, "{foreign}");
        }
    }
}
