//! Messages of a customer, an agent, an operator, a tool or the system.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ids::MessageId,
    operator::OperatorRef,
    seq::Seq,
    text::{ClientMessageId, Text},
    time::Timestamp,
    words::words,
};

/// The speaker of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageRole {
    Customer,
    Agent,
    Operator,
    Tool,
    System,
}

words!(MessageRole {
    Customer = "customer",
    Agent = "agent",
    Operator = "operator",
    Tool = "tool",
    System = "system",
});

impl MessageRole {
    /// Returns whether messages of this role are the conversation itself, which outcomes repeat, and not what surrounds
    /// it.
    pub fn is_speech(self) -> bool {
        matches!(self, Self::Customer | Self::Agent | Self::Operator)
    }
}

/// The person or machine behind a message, as colleagues and as agents see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub id: Option<String>,
    pub name: String,
    /// The name that agents and customers see.
    pub public_name: String,
}

impl From<&OperatorRef> for Author {
    fn from(operator: &OperatorRef) -> Self {
        Self {
            id: Some(operator.id.to_string()),
            name: operator.name.to_string(),
            public_name: operator.public_name.to_string(),
        }
    }
}

/// A tool call of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    pub id: Option<String>,
    pub name: String,
    /// The arguments, usually an object. They are text when the model did not write JSON, or wrote a number that would
    /// change.
    pub arguments: Value,
}

/// The result of a tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    pub call_id: Option<String>,
    pub output: Value,
    pub is_error: bool,
    /// True if the agent said if the call failed. Otherwise `is_error: false` means that the outcome is unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outcome_stated: bool,
}

impl ToolResult {
    /// Wraps the text of a tool message that came without a result. The result names no call, and does not state its
    /// outcome.
    pub fn of_text(text: String) -> Self {
        Self { call_id: None, output: Value::String(text), is_error: false, outcome_stated: false }
    }
}

/// True if an operator's message reached the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    Shown,
    Failed,
}

words!(ReceiptState {
    Shown = "shown",
    Failed = "failed",
});

/// The receipt for an operator's message, from the agent that shows it to the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub state: ReceiptState,
    pub detail: Option<Text<500>>,
}

/// A message of an escalation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    /// The position in the escalation, from 0.
    pub position: i64,
    /// The event that created the message; none for the transcript with which the escalation was opened.
    pub seq: Option<Seq>,
    pub client_message_id: Option<ClientMessageId>,
    pub role: MessageRole,
    pub text: Option<String>,
    /// The time at which the message was said, when it is known.
    pub at: Option<Timestamp>,
    pub author: Option<Author>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_result: Option<ToolResult>,
    /// True if the message that the agent sent could not be read; `raw` holds it.
    #[serde(default)]
    pub unreadable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Value>,
    /// The latest receipt, for an operator's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

impl Message {
    /// Creates a message with an id, a position and a role, and nothing else.
    pub fn empty(id: MessageId, position: i64, role: MessageRole) -> Self {
        Self {
            id,
            position,
            seq: None,
            client_message_id: None,
            role,
            text: None,
            at: None,
            author: None,
            tool_calls: vec![],
            tool_result: None,
            unreadable: false,
            raw: None,
            receipt: None,
        }
    }

    /// Returns the first 140 characters of the text, on one line and without Markdown marks, for a list row.
    pub fn preview(&self) -> String {
        preview(self.text.as_deref().unwrap_or_default().split_whitespace())
    }
}

/// Returns the preview of a text. The text may have megabytes, so its words are read lazily, without a copy, up to the last
/// one that is needed.
fn preview<'a>(words: impl Iterator<Item = &'a str>) -> String {
    // An underscore within a word belongs to the word, as in order_id; #3 is no heading, and >5 no quotation.
    let words = words.map(|word| word.trim_matches(['_', '*', '`']));
    let words = words.filter(|word| word.contains(|it: char| !matches!(it, '#' | '>' | '*' | '`')));
    let letters = words.enumerate().flat_map(|(i, word)| {
        let blank = (i > 0).then_some(' ');
        blank.into_iter().chain(word.chars().filter(|it| !matches!(it, '*' | '`')))
    });
    letters.take(140).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_preview_is_one_line_without_marks() {
        let preview = |text: &str| {
            let empty = Message::empty(MessageId::new(Uuid::nil()), 0, MessageRole::Agent);
            Message { text: Some(text.to_owned()), ..empty }.preview()
        };
        assert_eq!(
            preview("## Your **refund**\n\n> of _5 EUR_ for `#3`, order_id 7"),
            "Your refund of 5 EUR for #3, order_id 7"
        );
        assert_eq!(preview(&"a ".repeat(200)).chars().count(), 140);
        assert_eq!(preview(" **\n"), "");
        assert_eq!(preview("_*a*_ `__b__` #_# >*> c_"), "a b #_# c");
    }

    #[test]
    fn a_preview_of_a_long_text_reads_only_its_beginning() {
        let words = (1..).map(|words| {
            assert!(words <= 140, "the preview reads on when it is full");
            "w"
        });
        assert_eq!(preview(words).len(), 140);
    }
}
