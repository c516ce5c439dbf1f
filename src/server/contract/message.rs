//! Renders messages for agents.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{At, schemas::AnyJson};
use crate::domain::{
    ids::MessageId,
    message::{Author, Message, MessageRole, ToolCall, ToolResult},
    text::ClientMessageId,
};

/// A message of the conversation.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub struct MessageBody<'a> {
    id: MessageId,
    client_message_id: Option<&'a ClientMessageId>,
    role: MessageRole,
    text: Option<&'a str>,
    at: Option<At>,
    author: Option<AuthorBody<'a>>,
    tool_calls: &'a [ToolCall],
    tool_result: Option<ToolResultBody<'a>>,
    /// Reserved: always empty.
    #[schema(value_type = Vec<AnyJson>)]
    attachments: [(); 0],
    /// True for an operator's message, which the agent's app shows to the customer; null for others.
    relay: Option<bool>,
    /// True if the message that the agent sent could not be read; `raw` holds it.
    unreadable: bool,
    #[schema(value_type = Option<AnyJson>)]
    raw: Option<&'a Value>,
}

/// The person or machine that wrote a message.
#[derive(Serialize, ToSchema)]
#[schema(as = Author)]
struct AuthorBody<'a> {
    id: Option<&'a str>,
    name: &'a str,
}

/// The result of a tool call.
#[derive(Serialize, ToSchema)]
#[schema(as = ToolResult)]
struct ToolResultBody<'a> {
    call_id: Option<&'a str>,
    #[schema(value_type = AnyJson)]
    output: &'a Value,
    is_error: bool,
}

impl<'a> From<&'a ToolResult> for ToolResultBody<'a> {
    fn from(it: &'a ToolResult) -> Self {
        Self { call_id: it.call_id.as_deref(), output: &it.output, is_error: it.is_error }
    }
}

impl<'a> From<&'a Author> for AuthorBody<'a> {
    fn from(author: &'a Author) -> Self {
        Self { id: author.id.as_deref(), name: &author.public_name }
    }
}

impl<'a> From<&'a Message> for MessageBody<'a> {
    fn from(it: &'a Message) -> Self {
        Self {
            id: it.id,
            client_message_id: it.client_message_id.as_ref(),
            role: it.role,
            text: it.text.as_deref(),
            at: it.at.map(At),
            author: it.author.as_ref().map(AuthorBody::from),
            tool_calls: &it.tool_calls,
            tool_result: it.tool_result.as_ref().map(ToolResultBody::from),
            attachments: [],
            relay: (it.role == MessageRole::Operator).then_some(true),
            unreadable: it.unreadable,
            raw: it.raw.as_ref(),
        }
    }
}
