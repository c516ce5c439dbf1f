//! Drafts: what an operator has begun to write and not sent. Kept by the server, so that a closed page loses nothing.

use serde::{Deserialize, Serialize};

use super::{ids::EscalationId, text::ClientMessageId};

/// The most characters of a draft: the longest text of all fields, or decisions on twenty cards.
pub const LONGEST: usize = 100_000;

/// What it is that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftMode {
    /// To the customer.
    Reply,
    /// To the agent, as the end of a question or a decision: the form as JSON.
    Answer,
    /// To colleagues.
    Note,
}

impl DraftMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Reply, Self::Answer, Self::Note];

    /// The mode as SQL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Answer => "answer",
            Self::Note => "note",
        }
    }
}

/// What is written of it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub escalation: EscalationId,
    pub mode: DraftMode,
    /// The name it will be sent under, so that sending it again after a crash says nothing twice.
    pub client_message_id: ClientMessageId,
    pub text: String,
}
