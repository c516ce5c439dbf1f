//! The agents' published JSON. Events and outcomes are rendered here once, by the writer, stored, and sent from there
//! by every transport; escalations are rendered per answer. Renaming a field here breaks somebody's agent.

mod escalation;
mod event;
mod message;
mod outcome;

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

pub use escalation::{AtDesk, EscalationBody, escalation_json};
pub use event::{actor_kind, event_json, typing_json};
pub use message::MessageBody;
pub use outcome::outcome_json;

use crate::domain::{event::Actor, ids::EscalationId, time::Timestamp};

/// Where agents reach this API; every path below it is theirs.
pub const API: &str = "/api/v1";

/// Makes addresses: paths, absolute ones when the public address is known.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// `https://desk.example`, without a slash at its end.
    pub public_url: Option<String>,
}

impl Links {
    /// An address that people open: absolute when it can be.
    pub fn public(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_deref().unwrap_or_default().trim_end_matches('/'))
    }
}

/// How much of a caller's own text is told back.
const MOST_TOLD_BACK: usize = 300;

/// A text that may repeat what a caller sent, cut to what a person reads.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(MOST_TOLD_BACK) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The path of an escalation.
pub fn path_of(id: EscalationId) -> String {
    format!("{API}/escalations/{id}")
}

/// A moment as agents read it: RFC 3339 in UTC, always with milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct At(pub Timestamp);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Out of the calendar's range is only what nobody could have written.
        let at = jiff::Timestamp::from_millisecond(self.0.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{at:.3}")
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A moment as agents read it.
pub fn rfc3339(at: Timestamp) -> String {
    At(at).to_string()
}

/// Reads RFC 3339; none when it is not that, or lies before the year 0.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    const YEAR_0: i64 = -62_167_219_200_000;
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(at.as_millisecond())).filter(|at| at.0 >= YEAR_0)
}

/// A person or machine, by the name agents may know.
#[derive(Serialize)]
struct ActorBody<'a> {
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

/// An id and a public name.
#[derive(Serialize)]
struct Named<'a, Id: Serialize> {
    id: Id,
    name: &'a str,
}

/// JSON that was rendered before, to be put in as it is.
pub fn as_rendered(json: &str) -> Option<&RawValue> {
    serde_json::from_str(json).ok()
}

/// Writes one of our own bodies, which have only text as keys and so always can be written.
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
