//! Long-polling for a change of an escalation: the response leaves at once if the awaited event is there, else when it
//! happens, else at the timeout. It is the escalation as it then is. The log wakes the handler, so it does not poll the
//! database.

use std::{pin::pin, time::Duration};

use futures::StreamExt;
use tokio::time::{Instant, sleep_until};

use super::{
    key_auth::CallingAgent,
    params::{Cursor, ParamValues, QueryParam, QueryParams, names},
    problem::{Problem, ProblemCode},
};
use crate::{
    domain::{actor::Actor, event::EventType, ids::EscalationId, seq::Seq},
    server::{
        core::{
            log::{Audience, RecordedEvent, follow},
            open_streams::OpenStream,
        },
        error::CurrentState,
    },
};

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

/// The parameter of [`seconds`]. Many tool runtimes have a timeout of 60 seconds.
pub const WAIT: QueryParam = QueryParam {
    name: "wait",
    about: "The most seconds that the server waits before it answers.",
    values: ParamValues::Whole(0, 55),
};
/// The parameter of [`Until`].
pub const UNTIL_WORD: QueryParam = QueryParam {
    name: "until",
    about: "The event that ends the wait; the end of the escalation always does. `event` (the default): any event that \
            the agent did not cause. `reply`: a message of an operator. `outcome`: only the end.",
    values: ParamValues::Words(&names(&UNTIL)),
};

/// Returns how long the caller waits, by the `wait` parameter in seconds.
pub fn seconds(params: &QueryParams) -> Result<Option<Duration>, Problem> {
    Ok(params.number(&WAIT)?.map(|seconds| Duration::from_secs(seconds.unsigned_abs())))
}

/// Returns the position of a cursor in the log of the caller's workspace.
pub async fn position(caller: &CallingAgent, cursor: Cursor) -> Result<Seq, Problem> {
    let head = caller.desk.head(caller.workspace).await?;
    cursor.within(head).ok_or_else(|| Problem::bad_cursor(&caller.desk.store().epoch(), head))
}

/// The wait that a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    seconds: Duration,
    until: Until,
}

impl Wait {
    /// Reads the parameters `wait` and `until`. `until` is checked even without `wait`, so that a wrong value is always
    /// refused.
    pub fn of(params: &QueryParams) -> Result<Option<Self>, Problem> {
        let until = params.word("until", &UNTIL)?.unwrap_or_default();
        Ok(seconds(params)?.map(|seconds| Self { seconds, until }))
    }

    /// Waits for an event of an escalation after a position, or for its end. Returns the escalation as it then is.
    pub async fn run(
        self,
        caller: &CallingAgent,
        open_stream: &OpenStream,
        id: EscalationId,
        after: Seq,
    ) -> Result<CurrentState, Problem> {
        let desk = &caller.desk;
        let time_is_up = Instant::now() + self.seconds;
        caller.heard(Some(id), after);
        let audience = Audience::Escalation(caller.agent.id, id);
        let epoch = desk.store().epoch();
        let mut later = pin!(follow(desk.log(), desk.store(), caller.workspace, audience, &epoch, after));
        // The state is read after the subscription, so an end in between is not missed.
        let current = caller.current(id).await?;
        if !current.escalation.status.is_open() {
            return Ok(current);
        }
        let awaited = async {
            while let Some(event) = later.next().await {
                if self.until.is_met_by(&*event?) {
                    break;
                }
            }
            Ok::<_, Problem>(())
        };
        tokio::select! {
            biased;
            () = open_stream.closed() => return Err(Problem::from(ProblemCode::KeyRevoked)),
            awaited = awaited => awaited?,
            () = desk.shutdown().cancelled() => {}
            () = sleep_until(time_is_up) => {}
        }
        caller.current(id).await
    }
}

impl Until {
    /// Returns whether an event ends the wait.
    fn is_met_by(self, event: &RecordedEvent) -> bool {
        if event.event_type.closes() {
            return true;
        }
        match self {
            // The actor of an event that cannot be read is unknown, so the event ends the wait.
            Self::Event => !matches!(event.actor(), Ok(Actor::Agent(_))),
            Self::Reply => {
                event.event_type == EventType::MessageCreated && matches!(event.actor(), Ok(Actor::Operator(_)))
            }
            Self::Outcome => false,
        }
    }
}
