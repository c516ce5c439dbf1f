//! Long-polling: the response leaves at once if the awaited event is there, else when it happens, else at the timeout.
//! The log wakes the handler, so it does not poll the database.

use std::{ops::RangeInclusive, pin::pin, sync::Arc, time::Duration};

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};
use futures::StreamExt;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep_until};

use super::{
    json_answer,
    key_auth::{CallingAgent, EscalationInPath},
    params::QueryParams,
    problem::{Problem, ProblemCode},
};
use crate::{
    domain::{
        actor::Actor,
        event::{Event, EventType},
        ids::EscalationId,
        seq::Seq,
    },
    server::{
        contract::{EscalationBody, as_rendered, written},
        core::{
            log::{Audience, RecordedEvent, follow},
            open_streams::OpenStream,
        },
        error::CurrentState,
        store::{
            events,
            portion::{ANSWER, Portion},
        },
    },
};

/// How many seconds a wait may take. Many tool runtimes have a timeout of 60 seconds.
pub const SECONDS: RangeInclusive<i64> = 0..=55;
/// The most events in one response.
const MOST_EVENTS: i64 = 200;

/// The event that ends a wait, in addition to the end of the escalation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Until {
    /// Any event that the agent did not cause.
    #[default]
    Event,
    /// A message of an operator.
    Reply,
    /// No event but the end of the escalation.
    Outcome,
}

const UNTIL: [(&str, Until); 3] = [("event", Until::Event), ("reply", Until::Reply), ("outcome", Until::Outcome)];

/// The timeout of a wait and the event it waits for.
#[derive(Debug, Clone, Copy)]
pub struct WaitParams {
    seconds: u64,
    until: Until,
}

impl WaitParams {
    /// Combines a timeout in seconds with the `until` parameter.
    pub fn new(params: &QueryParams, seconds: i64) -> Result<Self, Problem> {
        let until = params.word("until", &UNTIL)?.unwrap_or_default();
        Ok(Self { seconds: seconds.unsigned_abs(), until })
    }
}

/// `GET /escalations/{id}/wait`
pub async fn wait(caller: CallingAgent, EscalationInPath(id): EscalationInPath, uri: Uri) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, &["after", "seconds", "until"])?;
    let patience = WaitParams::new(&params, params.number("seconds", SECONDS)?.unwrap_or(30))?;
    let cursor = params.cursor("after", &caller.desk.store().epoch())?;
    let current = caller.current(id).await?;
    let after = match cursor {
        None => current.escalation.opened_seq,
        Some(cursor) => {
            let head = caller.desk.head(caller.workspace).await?;
            cursor.within(head).ok_or_else(|| Problem::bad_cursor(head))?
        }
    };
    let open_stream = caller.enter()?;
    Ok(json_answer(StatusCode::OK, heard(&caller, &open_stream, id, after, patience).await?))
}

/// Waits for events of an escalation after a cursor and renders the escalation, the events and the next cursor.
pub async fn heard(
    caller: &CallingAgent,
    open_stream: &OpenStream,
    id: EscalationId,
    after: Seq,
    patience: WaitParams,
) -> Result<String, Problem> {
    let desk = &caller.desk;
    let epoch = desk.store().epoch();
    caller.heard(Some(id), after);
    let time_is_up = Instant::now() + Duration::from_secs(patience.seconds);
    let mut seen = look(caller, id, after).await?;
    let audience = Audience::Escalation(caller.agent.id, id);
    let mut later = pin!(follow(desk.log(), desk.store(), caller.workspace, audience, &epoch, seen.reached(after)));
    while !seen.suffices(patience.until) {
        tokio::select! {
            biased;
            () = desk.shutdown().cancelled() => break,
            () = open_stream.closed() => return Err(Problem::from(ProblemCode::KeyRevoked)),
            () = sleep_until(time_is_up) => break,
            event = later.next() => match event {
                Some(event) => drop(event?),
                None => break,
            },
        }
        seen = look(caller, id, after).await?;
    }
    caller.record_delivery_of(&seen.current);
    caller.heard(Some(id), seen.reached(after));
    let at_desk = caller.at_desk(&seen.current).await?;
    Ok(written(&HeardBody {
        escalation: EscalationBody::in_answer(&seen.current, at_desk, desk.links()),
        events: seen.events.iter().filter_map(|event| as_rendered(event.agent_body.as_deref()?)).collect(),
        seq: seen.reached(after),
    }))
}

#[derive(Serialize)]
struct HeardBody<'a> {
    escalation: EscalationBody<'a>,
    events: Vec<&'a RawValue>,
    seq: Seq,
}

/// A snapshot of an escalation and its events after a cursor.
struct Seen {
    events: Vec<Arc<RecordedEvent>>,
    /// True when there are more events than one response carries.
    is_cut: bool,
    current: CurrentState,
}

impl Seen {
    /// Returns the next cursor.
    fn reached(&self, after: Seq) -> Seq {
        self.events.last().map_or(after, |event| event.seq)
    }

    /// Returns whether to respond now: the awaited event is there, the escalation is closed, or the events fill a
    /// response.
    fn suffices(&self, until: Until) -> bool {
        let mut events = self.events.iter();
        !self.current.escalation.status.is_open()
            || self.is_cut
            || match until {
                // The actor of an event that cannot be read is unknown, so the event ends the wait.
                Until::Event => events.any(|it| !matches!(it.event(), Ok(Event { actor: Actor::Agent(_), .. }))),
                Until::Reply => events.any(|it| {
                    it.event_type == EventType::MessageCreated
                        && matches!(it.event(), Ok(Event { actor: Actor::Operator(_), .. }))
                }),
                Until::Outcome => false,
            }
    }
}

async fn look(caller: &CallingAgent, id: EscalationId, after: Seq) -> Result<Seen, Problem> {
    let (desk, workspace) = (&caller.desk, caller.workspace);
    let audience = Audience::Escalation(caller.agent.id, id);
    loop {
        let head = desk.head(workspace).await?;
        let Portion { items: events, is_cut } =
            events::between(desk.store(), workspace, audience, after, head, MOST_EVENTS, ANSWER).await?;
        let current = caller.current(id).await?;
        // If an event was committed between the two reads, the escalation is newer than its events, so both are read
        // again.
        if current.escalation.seq <= head {
            return Ok(Seen { events, is_cut, current });
        }
    }
}
