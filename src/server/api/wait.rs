//! The long-poll: answers at once when there is what the caller waits for, else when it comes, else when the time is
//! up. Woken by the log, never by looking at the database again and again.

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
    domain::{event::Seq, ids::EscalationId},
    server::{
        contract::{EscalationBody, actor_kind, as_rendered, written},
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

/// How many seconds a wait may take: many tool runtimes die at 60.
pub const SECONDS: RangeInclusive<i64> = 0..=55;
/// How many events one answer carries.
const MOST_EVENTS: i64 = 200;

/// What ends a wait, beside the escalation's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Until {
    /// Any event but the agent's own.
    #[default]
    Event,
    /// An operator has said something.
    Reply,
    /// Nothing else.
    Outcome,
}

const UNTIL: [(&str, Until); 3] = [("event", Until::Event), ("reply", Until::Reply), ("outcome", Until::Outcome)];

/// How long to wait, and for what.
#[derive(Debug, Clone, Copy)]
pub struct WaitParams {
    seconds: u64,
    until: Until,
}

impl WaitParams {
    /// For so many seconds, and for what `until` says.
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
    let door = caller.enter()?;
    Ok(json_answer(StatusCode::OK, heard(&caller, &door, id, after, patience).await?))
}

/// Waits for what happens to an escalation after a cursor, and tells it: the escalation, the events, the next cursor.
pub async fn heard(
    caller: &CallingAgent,
    door: &OpenStream,
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
    let mut later = pin!(follow(desk.clone(), caller.workspace, audience, &epoch, seen.reached(after)));
    while !seen.suffices(patience.until) {
        tokio::select! {
            biased;
            () = desk.shutdown().cancelled() => break,
            () = door.closed() => return Err(Problem::from(ProblemCode::KeyRevoked)),
            () = sleep_until(time_is_up) => break,
            event = later.next() => match event {
                Some(event) => drop(event?),
                None => break,
            },
        }
        seen = look(caller, id, after).await?;
    }
    caller.hands_over(&seen.current);
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

/// An escalation and its events after a cursor, as of one moment.
struct Seen {
    events: Vec<Arc<RecordedEvent>>,
    /// There are more than one answer carries.
    is_cut: bool,
    current: CurrentState,
}

impl Seen {
    /// The next cursor.
    fn reached(&self, after: Seq) -> Seq {
        self.events.last().map_or(after, |event| event.seq)
    }

    /// Whether there is reason to answer: what was waited for, the end, or more than one answer carries.
    fn suffices(&self, until: Until) -> bool {
        let is_by =
            |event: &RecordedEvent, actor: &str| event.agent_body.as_deref().and_then(actor_kind) == Some(actor);
        let mut events = self.events.iter();
        !self.current.escalation.status.is_open()
            || self.is_cut
            || match until {
                Until::Event => events.any(|event| !is_by(event, "agent")),
                Until::Reply => events.any(|event| event.kind == "message.created" && is_by(event, "operator")),
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
        // Something happened between the two reads: the escalation would be ahead of its events.
        if current.escalation.seq <= head {
            return Ok(Seen { events, is_cut, current });
        }
    }
}
