//! The native format: the published message, of which only the role and something said or done are required.

use serde_json::{Map, Value};

use super::{Rest, set};
use crate::domain::{
    field_problem::FieldProblem,
    message::{Author, Message, MessageRole, ToolCall, ToolResult},
    text::ClientMessageId,
    time::Timestamp,
};

/// The requirements of this format, for callers whose messages do not match it.
pub const NEEDS: &str =
    "a role (customer, agent, operator, tool or system) and one of text, tool_calls and tool_result";

/// The known fields, which cause a warning when their content cannot be read.
const OURS: [&str; 7] = ["text", "client_message_id", "at", "author", "tool_calls", "tool_result", "attachments"];

/// Reads an object into `blank`, a message with its id and position. `moment` parses RFC 3339 texts. Returns none when
/// the object is no message of this format. Problems are added to `odd`, with pointers from the message.
pub fn read(
    object: &Map<String, Value>,
    blank: Message,
    moment: fn(&str) -> Option<Timestamp>,
    odd: &mut Vec<FieldProblem>,
) -> Option<Message> {
    let mut message = Message { role: role(object.get("role")?.as_str()?)?, ..blank };
    let mut rest = Rest { raw: Map::new(), odd };
    for (name, value) in object {
        let taken = match (name.as_str(), value) {
            ("role" | "id" | "unreadable", _) | (_, Value::Null) => true,
            ("text", Value::String(text)) => set(&mut message.text, Some(text.clone())),
            ("client_message_id", Value::String(id)) => {
                set(&mut message.client_message_id, ClientMessageId::parse(id.as_str()).ok())
            }
            ("at", Value::String(at)) => set(&mut message.at, moment(at)),
            ("author", value) => set(&mut message.author, author(value)),
            ("tool_calls", Value::Array(calls)) => {
                message.tool_calls = calls.iter().filter_map(tool_call).collect();
                message.tool_calls.len() == calls.len()
            }
            ("tool_result", value) => set(&mut message.tool_result, tool_result(value)),
            ("attachments", Value::Array(items)) => items.is_empty(),
            _ => false,
        };
        match taken {
            true => {}
            false if OURS.contains(&name.as_str()) => rest.unread(name, value.clone()),
            false => drop(rest.raw.insert(name.clone(), value.clone())),
        }
    }
    message.raw = rest.into_raw();
    let says = message.text.is_some() || !message.tool_calls.is_empty() || message.tool_result.is_some();
    says.then_some(message)
}

fn role(word: &str) -> Option<MessageRole> {
    use MessageRole::{Agent, Customer, Operator, System, Tool};
    [Customer, Agent, Operator, Tool, System].into_iter().find(|role| role.as_str() == word)
}

fn text_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

fn author(value: &Value) -> Option<Author> {
    let object = value.as_object()?;
    let name = text_of(object, "name")?;
    Some(Author { id: text_of(object, "id"), public_name: name.clone(), name })
}

fn tool_call(value: &Value) -> Option<ToolCall> {
    let object = value.as_object()?;
    let arguments = object.get("arguments").cloned().unwrap_or_default();
    Some(ToolCall { id: text_of(object, "id"), name: text_of(object, "name")?, arguments })
}

fn tool_result(value: &Value) -> Option<ToolResult> {
    let object = value.as_object()?;
    let stated = object.get("is_error").and_then(Value::as_bool);
    Some(ToolResult {
        call_id: text_of(object, "call_id"),
        output: object.get("output")?.clone(),
        is_error: stated.unwrap_or(false),
        outcome_stated: stated.is_some(),
    })
}
