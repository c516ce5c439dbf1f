//! Returns events of one escalation, or of all escalations of an agent: a page as JSON, or a stream of server-sent
//! events when the caller accepts one.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{
    http::{HeaderMap, HeaderName, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep_until};
use utoipa::ToSchema;

use super::{
    accept,
    documented::{EventsProblems, InPath, ReadProblems, StreamPosition},
    json_answer,
    key_auth::{CallingAgent, EscalationInPath},
    params::{AFTER_EVENT, Cursor, LIMIT, QueryParams, query_params},
    problem::{Problem, ProblemCode},
    streams::{self, StreamStart},
    wait::{self, WAIT},
};
use crate::{
    domain::seq::Seq,
    server::{
        contract::{SentEvent, TypingBody, as_rendered, cursor, written},
        core::log::{Audience, RecordedEvent, follow},
        store::{
            events,
            portion::{ANSWER, Portion},
        },
    },
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

query_params! { struct EventsParams: AFTER_EVENT, WAIT, LIMIT; }

/// Reads the events of all your escalations.
///
/// Without `after`, only events after this request are returned, so get a cursor before you open the first escalation. A
/// single such call serves a worker with any number of escalations. A client that sends
/// `Accept: text/event-stream` gets a stream instead of a page,
/// on which `wait` and `limit` have no effect.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "Events", operation_id = "list_events", params(EventsParams, StreamPosition),
    responses(
        (status = 200, description = "A page of events, or a stream of them.", content(
            (EventsPage = "application/json"), (StreamEvent = "text/event-stream"),
        )),
        EventsProblems,
    ),
)]
pub async fn of_all(caller: CallingAgent, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let request = EventsRequest::of(&caller, &headers, &uri)?;
    let head = caller.desk.head(caller.workspace).await?;
    let audience = Audience::Agent(caller.agent.id);
    // A caller that comes back with the closing event of an escalation has its outcome. A page records its own events.
    if let Some(reached) = request.came_back_with(head) {
        let (back, before) = (caller.clone(), Seq(reached.0 - 1));
        caller.desk.background_tasks().spawn(async move {
            let read = events::between(back.desk.store(), back.workspace, audience, before, reached, 1, ANSWER).await;
            let last = streams::read(read).and_then(|read| read.items.into_iter().next());
            if let Some(closed) = last.filter(|event| event.event_type.closes()).map(|event| event.escalation_id) {
                let current = streams::read(back.desk.current(back.workspace, closed).await).flatten();
                current.iter().for_each(|current| back.has(current));
            }
        });
    }
    request.answer(caller, audience, head, head, None).await
}

/// Reads the events of one escalation.
///
/// From the event that opened the escalation, or from a cursor. A client that sends `Accept: text/event-stream` gets a stream,
/// which ends after the closing event; a client that has that event is answered 204, which ends the reconnects of an
/// `EventSource`.
#[utoipa::path(
    get, path = "/api/v1/escalations/{id}/events", tag = "Events", operation_id = "list_escalation_events",
    params(InPath, EventsParams, StreamPosition),
    responses(
        (status = 200, description = "A page of events, or a stream of them.", content(
            (EventsPage = "application/json"), (StreamEvent = "text/event-stream"),
        )),
        (status = 204, description = "The caller of a stream has every event: the escalation is closed."),
        ReadProblems,
    ),
)]
pub async fn of_one(
    caller: CallingAgent,
    EscalationInPath(id): EscalationInPath,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let request = EventsRequest::of(&caller, &headers, &uri)?;
    let current = caller.current(id).await?;
    let head = caller.desk.head(caller.workspace).await?;
    let (opened, closed) = (current.escalation.opened_seq, current.escalation.closed_seq);
    let reached = request.came_back_with(head);
    if closed.is_some() && reached == closed {
        caller.has(&current);
    }
    if closed.is_some() && reached >= closed {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let audience = Audience::Escalation(caller.agent.id, id);
    request.answer(caller, audience, Seq(opened.0 - 1), head, closed).await
}

/// The parameters of a request for events.
struct EventsRequest {
    cursor: Option<Cursor>,
    is_stream: bool,
    wait: Duration,
    limit: i64,
    epoch: Arc<str>,
}

impl EventsRequest {
    fn of(caller: &CallingAgent, headers: &HeaderMap, uri: &Uri) -> Result<Self, Problem> {
        let params = QueryParams::of(uri, EventsParams::ALL)?;
        let (epoch, is_stream) = (caller.desk.store().epoch(), wants_stream(headers));
        let asked = params.cursor(&epoch)?;
        // Clients send this header automatically and cannot correct it, so an invalid value causes a reset, not an error.
        let last = headers.get(LAST_EVENT_ID).filter(|value| is_stream && !value.is_empty());
        let last = last.map(|value| value.to_str().ok().and_then(|text| Cursor::read(text, &epoch)));
        let last = last.map(|cursor| cursor.unwrap_or(Cursor::Elsewhere));
        let (wait, limit) = (wait::seconds(&params)?.unwrap_or_default(), params.limit()?);
        Ok(Self { cursor: last.or(asked), is_stream, wait, limit, epoch })
    }

    /// Returns the position that a caller of a stream comes back with.
    fn came_back_with(&self, head: Seq) -> Option<Seq> {
        self.cursor.and_then(|cursor| cursor.within(head)).filter(|_| self.is_stream)
    }

    /// Answers with a stream or a page. Without a cursor it starts after `begin`. Of an escalation that is closed,
    /// nothing is awaited after `closed`.
    async fn answer(
        self,
        caller: CallingAgent,
        audience: Audience,
        begin: Seq,
        head: Seq,
        closed: Option<Seq>,
    ) -> Result<Response, Problem> {
        let resumed = self.cursor.map(|cursor| cursor.within(head));
        if self.is_stream {
            let open_stream = caller.enter()?;
            let after = resumed.map_or(begin, |reached| reached.unwrap_or(head));
            let start = StreamStart {
                after,
                reached: resumed.flatten().unwrap_or_default(),
                is_reset: resumed == Some(None),
                is_over: closed.is_some_and(|closed| closed <= after),
            };
            return Ok(streams::open(caller, open_stream, audience, self.epoch, start));
        }
        let after = resumed.map_or(Some(begin), |reached| reached);
        let after = after.ok_or_else(|| Problem::bad_cursor(&self.epoch, head))?;
        let wait = if closed.is_some() { Duration::ZERO } else { self.wait };
        // Without a cursor the caller has received nothing yet.
        caller.heard(audience.escalation(), resumed.flatten().unwrap_or_default());
        let page = page(&caller, audience, &self.epoch, after, self.limit, wait).await?;
        Ok(json_answer(StatusCode::OK, page))
    }
}

/// Returns whether the caller prefers a stream to JSON. A caller that accepts both equally gets JSON.
fn wants_stream(headers: &HeaderMap) -> bool {
    accept::quality(headers, &accept::EVENT_STREAM) > accept::quality(headers, &accept::JSON)
}

/// A page of events.
#[derive(Serialize, ToSchema)]
struct EventsPage<'a> {
    #[schema(value_type = Vec<SentEvent<'a>>)]
    items: Vec<&'a RawValue>,
    /// Continues after these events, also if there are none: the `after` of the next request.
    cursor: String,
}

/// The `data` line of one frame of a stream, as JSON. The `event` line names its type: that of the event, `typing` (an operator
/// is typing to the customer), `ping` (every 15 seconds, with the position that the log has reached), or `reset` (your cursor is
/// of another log: read your open escalations again, and continue from the cursor of this frame). Events and `reset` have an `id`
/// line with their cursor: send it as `Last-Event-ID` to continue. The server ends a stream after 30 minutes; connect again.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used: streams send stored texts")]
enum StreamEvent<'a> {
    Event(Box<SentEvent<'a>>),
    Typing(TypingBody<'a>),
    Position { cursor: String },
}

/// Returns the events after a position, and waits for the first if there is none.
async fn page(
    caller: &CallingAgent,
    audience: Audience,
    epoch: &str,
    after: Seq,
    limit: i64,
    wait: Duration,
) -> Result<String, Problem> {
    let (desk, workspace) = (&caller.desk, caller.workspace);
    let open_stream = (!wait.is_zero()).then(|| caller.enter()).transpose()?;
    let time_is_up = Instant::now() + wait;
    let (mut events, mut reached) = look(caller, audience, after, limit).await?;
    if let (Some(open_stream), true) = (&open_stream, events.is_empty()) {
        let mut later = pin!(follow(desk.log(), desk.store(), workspace, audience, epoch, reached));
        tokio::select! {
            biased;
            () = open_stream.closed() => return Err(Problem::from(ProblemCode::KeyRevoked)),
            event = later.next() => {
                event.transpose()?;
                (events, reached) = look(caller, audience, after, limit).await?;
            }
            () = desk.shutdown().cancelled() => {}
            () = sleep_until(time_is_up) => {}
        }
    }
    let ended = events.iter().filter(|event| event.event_type.closes()).map(|event| event.escalation_id);
    caller.record_deliveries_of(ended.collect()).await?;
    let sent: Vec<String> = events.iter().filter_map(|event| event.for_agent(epoch)).collect();
    let items = sent.iter().filter_map(|event| as_rendered(event)).collect();
    Ok(written(&EventsPage { items, cursor: cursor(epoch, reached) }))
}

/// Returns events after a position, and the position that they reach. Of one escalation, that is the last event: a
/// caller may go on with the events of all its escalations from there, and miss none.
async fn look(
    caller: &CallingAgent,
    audience: Audience,
    after: Seq,
    limit: i64,
) -> Result<(Vec<Arc<RecordedEvent>>, Seq), Problem> {
    let (desk, workspace) = (&caller.desk, caller.workspace);
    let head = desk.head(workspace).await?;
    let read = events::between(desk.store(), workspace, audience, after, head, limit, ANSWER).await?;
    let Portion { items, is_cut } = read;
    let last = items.last().map(|event| event.seq);
    let reached = match audience {
        Audience::Escalation(..) => last.unwrap_or(after),
        Audience::Operators | Audience::Agent(_) => last.filter(|_| is_cut).unwrap_or(head),
    };
    Ok((items, reached))
}

#[cfg(test)]
mod tests {
    use axum::http::header::ACCEPT;

    use super::*;

    #[test]
    fn a_stream_is_sent_to_those_who_ask_for_one() {
        for (accept, is_stream) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/event-stream, */*;q=0.1", true),
            ("application/json, text/event-stream", false),
            ("application/json;q=0.5, text/event-stream;q=0.4", false),
            ("*/*", false),
            ("text/html, application/json", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(wants_stream(&headers), is_stream, "{accept}");
        }
        assert!(!wants_stream(&HeaderMap::new()));
    }
}
