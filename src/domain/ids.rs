//! Typed ids: a prefix and 26 lower-case Crockford base-32 characters of a UUIDv7, so that ids sort by creation as text
//! too. The server generates them; the domain only carries them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The alphabet of Crockford's base 32, in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The number of characters for 128 bits in steps of five.
const LENGTH: usize = 26;

/// The error for a text that is not an id of this kind. Callers answer "not found", because a malformed id names
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct InvalidId;

fn encode(uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    (0..LENGTH).rev().map(|i| char::from(ALPHABET[(bits >> (5 * i)) as usize & 31])).collect()
}

fn decode(text: &str) -> Result<Uuid, InvalidId> {
    if text.len() != LENGTH {
        return Err(InvalidId);
    }
    let mut bits: u128 = 0;
    for (i, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte).ok_or(InvalidId)? as u128;
        // 26 × 5 = 130 bits: the first character carries only three.
        if i == 0 && digit > 7 {
            return Err(InvalidId);
        }
        bits = bits << 5 | digit;
    }
    Ok(Uuid::from_u128(bits))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix of every id of this kind.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a newly generated UUIDv7.
            pub fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                decode(text.strip_prefix($prefix).ok_or(InvalidId)?).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    )+};
}

ids! {
    /// The id of a workspace, a tenant with its own event log.
    WorkspaceId = "ws_";
    /// The id of an agent, a machine that may escalate.
    AgentId = "agt_";
    /// The id of an operator, a person who answers.
    OperatorId = "op_";
    /// The id of a queue, where escalations wait.
    QueueId = "que_";
    /// The id of an escalation, a conversation handed over.
    EscalationId = "esc_";
    /// The id of a message.
    MessageId = "msg_";
    /// The id of an event.
    EventId = "evt_";
    /// The id of a request, to find it in the log.
    RequestId = "req_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_journey_through_text() {
        for bits in [0, 1, u128::MAX, 0x0197_0000_1234_7abc_8def_0123_4567_89ab] {
            let id = EscalationId::new(Uuid::from_u128(bits));
            let text = id.to_string();
            assert_eq!(text.len(), 30);
            assert_eq!(text.parse(), Ok(id));
        }
    }

    #[test]
    fn ids_sort_as_their_text_does() {
        let (early, late) = (MessageId::new(Uuid::from_u128(31)), MessageId::new(Uuid::from_u128(32)));
        assert!(early < late && early.to_string() < late.to_string());
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "esc_",
            "msg_00000000000000000000000000",
            "esc_0000000000000000000000000i",
            "esc_8zzzzzzzzzzzzzzzzzzzzzzzzz",
        ] {
            assert_eq!(text.parse::<EscalationId>(), Err(InvalidId), "{text}");
        }
    }
}
