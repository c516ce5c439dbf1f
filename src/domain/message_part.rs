//! Parts of messages that may be long, and how a page truncates them.

use serde::{Deserialize, Serialize};

use super::transcript::outcome::ToolOutcome;

/// A part of a message that may be long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagePart {
    Text,
    /// The raw value of a message that could not be read.
    Raw,
    Reasoning,
    Arguments,
    Result,
    /// The list of tool calls, of which a message may have thousands.
    Calls,
}

/// A part of a message that is truncated on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruncatedPart {
    /// The position of the message.
    pub position: i64,
    pub part: MessagePart,
    /// The index of the call, for arguments; the index of the last call on the page, for calls.
    pub index: usize,
    /// The number of characters, or calls, of the whole part.
    pub length: usize,
    /// True if the call failed, according to the whole result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ToolOutcome>,
}
