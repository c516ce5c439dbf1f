//! Defines the published JSON for agents. The writer renders events and outcomes once and stores them, and every
//! transport sends the stored bytes. Escalations are rendered per response. Renaming a field here breaks agents.

mod escalation;
mod event;
mod message;
mod openapi;
mod outcome;
mod problem;
mod problem_code;
mod schemas;
mod tool;

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

pub use escalation::{AtDesk, EscalationBody, escalation_json};
pub use event::{SentEvent, TypingBody, event_json, lacks_ids, sent_event, typing_json, with_ids};
pub use message::MessageBody;
pub use openapi::openapi;
pub use outcome::outcome_json;
pub use problem::{PROBLEM_JSON, ProblemBody, problem_path, problem_type};
pub use problem_code::ProblemCode;
pub(crate) use schemas::publish_words;
pub use schemas::{AnyJson, AnyObject, one_of};
pub use tool::{ToolFormat, tool};

use crate::domain::{
    actor::Actor,
    agent::AgentRef,
    ids::{AgentId, EscalationId, OperatorId},
    operator::OperatorRef,
    seq::Seq,
    text::Name,
    time::Timestamp,
};

/// The base path of the API for agents; every path below it belongs to the API.
pub const API: &str = "/api/v1";

/// A builder of links. They are absolute if the public address is known, else paths.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// `https://desk.example`, without a slash at its end.
    pub public_url: Option<String>,
}

impl Links {
    /// Returns a link that people open; absolute if the public address is known.
    pub fn public(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_deref().unwrap_or_default().trim_end_matches('/'))
    }
}

/// How many characters of a caller's own text a response repeats.
const MOST_TOLD_BACK: usize = 300;

/// Truncates a text that may repeat input of the caller to a readable length.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(MOST_TOLD_BACK) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the path of an escalation.
pub fn path_of(id: EscalationId) -> String {
    format!("{API}/escalations/{id}")
}

/// Returns the cursor of a position in the log with this epoch. To agents it is an opaque text.
pub fn cursor(epoch: &str, seq: Seq) -> String {
    format!("{epoch}.{seq}")
}

/// A timestamp in the published format: RFC 3339 in UTC, always with milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct At(pub Timestamp);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No timestamp that could be parsed is out of the calendar's range.
        let at = jiff::Timestamp::from_millisecond(self.0.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{at:.3}")
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Formats a timestamp like [`At`].
pub fn rfc3339(at: Timestamp) -> String {
    At(at).to_string()
}

/// Parses RFC 3339. Returns `None` if the text is not that, or lies before the year 0.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    const YEAR_0: i64 = -62_167_219_200_000;
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(at.as_millisecond())).filter(|at| at.0 >= YEAR_0)
}

/// The kinds of actor.
struct ActorKind;

publish_words! { ActorKind as "ActorKind" = ["agent", "operator", "system"]; }

/// The actor of an event, by the public name.
#[derive(Serialize, ToSchema)]
#[schema(as = Actor)]
struct ActorBody<'a> {
    #[schema(value_type = ActorKind)]
    kind: &'static str,
    id: Option<String>,
    name: Option<&'a str>,
}

impl<'a> From<&'a Actor> for ActorBody<'a> {
    fn from(actor: &'a Actor) -> Self {
        match actor {
            Actor::Agent(agent) => {
                Self { kind: "agent", id: Some(agent.id.to_string()), name: Some(agent.name.as_str()) }
            }
            Actor::Operator(operator) => {
                Self { kind: "operator", id: Some(operator.id.to_string()), name: Some(operator.public_name.as_str()) }
            }
            Actor::System => Self { kind: "system", id: None, name: None },
        }
    }
}

/// The agent that opened the escalation.
#[derive(Serialize, ToSchema)]
#[schema(as = Agent)]
struct AgentBody<'a> {
    id: AgentId,
    name: &'a Name,
}

impl<'a> From<&'a AgentRef> for AgentBody<'a> {
    fn from(agent: &'a AgentRef) -> Self {
        Self { id: agent.id, name: &agent.name }
    }
}

/// An operator, by the public name.
#[derive(Serialize, ToSchema)]
#[schema(as = Operator)]
struct OperatorBody<'a> {
    id: OperatorId,
    name: &'a str,
}

impl<'a> From<&'a OperatorRef> for OperatorBody<'a> {
    fn from(operator: &'a OperatorRef) -> Self {
        Self { id: operator.id, name: operator.public_name.as_str() }
    }
}

/// Wraps JSON that was rendered before, so that it is included unchanged.
pub fn as_rendered(json: &str) -> Option<&RawValue> {
    serde_json::from_str(json).ok()
}

/// Serializes a body of this API. That cannot fail, because all keys are text.
pub fn written<T: Serialize>(body: &T) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_always_have_milliseconds() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Timestamp(1_795_384_800_007)), "2026-11-22T22:00:00.007Z");
    }

    #[test]
    fn moments_are_read_with_any_offset_and_nothing_else_is() {
        assert_eq!(parse_rfc3339("2026-11-23T01:00:00.007+03:00"), Some(Timestamp(1_795_384_800_007)));
        assert_eq!(parse_rfc3339("2026-11-22T22:00:00Z"), Some(Timestamp(1_795_384_800_000)));
        for text in ["", "now", "2026-11-22", "2026-11-22T22:00:00", "-000001-01-01T00:00:00Z"] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_are_absolute_when_the_public_one_is_known() {
        assert_eq!(Links::default().public("/e/1"), "/e/1");
        let links = Links { public_url: Some("https://desk.example/".into()) };
        assert_eq!(links.public("/e/1"), "https://desk.example/e/1");
    }
}
