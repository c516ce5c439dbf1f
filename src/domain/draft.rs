//! Drafts: text that an operator has begun to write and not sent. The server stores drafts, so a closed page loses
//! nothing.

use serde::{Deserialize, Serialize};

use super::{ids::EscalationId, text::ClientMessageId, words::words};

/// The maximum length of a draft in characters: the longest text of all fields, or decisions on twenty cards.
pub const LONGEST: usize = 100_000;

/// The kind of text that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftMode {
    /// A reply to the customer.
    Reply,
    /// An answer to the agent that ends a question or a decision: the form as JSON.
    Answer,
    /// A note to colleagues.
    Note,
}

words!(DraftMode {
    Reply = "reply",
    Answer = "answer",
    Note = "note",
});

/// A draft as it is written so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub escalation: EscalationId,
    pub mode: DraftMode,
    /// The id under which the draft will be sent, so that a retry after a crash does not create a second message.
    pub client_message_id: ClientMessageId,
    pub text: String,
}
