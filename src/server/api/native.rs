//! Reads the messages of a conversation in our own form. Nothing in here refuses: what is no message becomes a visible
//! placeholder, fields that are not ours are kept as data.

use serde_json::{Map, Value, value::RawValue};

use super::{
    checks::{Checks, beyond},
    json::escaped,
};
use crate::{
    domain::{
        ids::MessageId,
        message::{Author, Message, MessageRole, ToolCall, ToolResult},
        text::ClientMessageId,
    },
    server::{clock::mint, contract::parse_rfc3339, schema},
};

/// How many messages are kept, the latest: more is no reading for a person, and each costs memory beyond its bytes.
const MOST_MESSAGES: usize = 10_000;
const POINTER: &str = "/conversation/messages";

/// Reads them, oldest first, with positions from 0.
pub fn read(raw: &[Box<RawValue>], checks: &mut Checks) -> Vec<Message> {
    let left_out = raw.len().saturating_sub(MOST_MESSAGES);
    if left_out > 0 {
        checks.warn(POINTER, format!("the first {left_out} were left out: {MOST_MESSAGES} are kept"));
    }
    let kept = raw.iter().enumerate().skip(left_out);
    kept.zip(0..).map(|((i, raw), position)| message(raw.get(), position, &format!("{POINTER}/{i}"), checks)).collect()
}

fn message(json: &str, position: i64, pointer: &str, checks: &mut Checks) -> Message {
    let mut value = parsed(json).unwrap_or_else(|| Value::String(json.replace('\0', "\u{FFFD}")));
    let replaced = mend(&mut value);
    if replaced.nulls {
        checks.warn(pointer, "U+0000 was replaced");
    }
    if replaced.numbers {
        checks.warn(pointer, "a number beyond ±2^53 was replaced by its text");
    }
    readable(&value, position, pointer, checks).unwrap_or_else(|| {
        checks.warn(pointer, "is not a message and is shown as it came");
        let raw = Some(shallow(&value, pointer, checks));
        Message { unreadable: true, raw, ..empty(position, MessageRole::System) }
    })
}

fn empty(position: i64, role: MessageRole) -> Message {
    Message::empty(MessageId::new(mint()), position, role)
}

/// A message, when there is a role and something said or done. What of it is not ours goes to `raw`.
fn readable(value: &Value, position: i64, pointer: &str, checks: &mut Checks) -> Option<Message> {
    let object = value.as_object()?;
    let mut message = empty(position, role(object.get("role")?.as_str()?)?);
    let mut raw = Map::new();
    for (name, value) in object {
        let taken = match (name.as_str(), value) {
            ("role" | "id" | "unreadable", _) | (_, Value::Null) => true,
            ("text", Value::String(text)) => set(&mut message.text, Some(text.clone())),
            ("client_message_id", Value::String(id)) => {
                set(&mut message.client_message_id, ClientMessageId::parse(id.as_str()).ok())
            }
            ("at", Value::String(at)) => set(&mut message.at, parse_rfc3339(at)),
            ("author", value) => set(&mut message.author, author(value)),
            ("tool_calls", Value::Array(calls)) => {
                let calls_at = calls.iter().enumerate().map(|(i, call)| (call, format!("{pointer}/tool_calls/{i}")));
                message.tool_calls = calls_at.filter_map(|(call, at)| tool_call(call, &at, checks)).collect();
                message.tool_calls.len() == calls.len()
            }
            ("tool_result", value) => {
                set(&mut message.tool_result, tool_result(value, &format!("{pointer}/tool_result"), checks))
            }
            ("attachments", Value::Array(items)) => items.is_empty(),
            _ => false,
        };
        if !taken {
            let at = format!("{pointer}/{}", escaped(name));
            raw.insert(name.clone(), shallow(value, &at, checks));
            if OURS.contains(&name.as_str()) {
                checks.warn(format!("{pointer}/{name}"), "could not be read and is kept in `raw`");
            }
        }
    }
    let says = message.text.is_some() || !message.tool_calls.is_empty() || message.tool_result.is_some();
    message.raw = (!raw.is_empty()).then_some(Value::Object(raw));
    says.then_some(message)
}

/// The fields whose content is worth a warning when it cannot be read.
const OURS: [&str; 7] = ["text", "client_message_id", "at", "author", "tool_calls", "tool_result", "attachments"];

fn set<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    *field = value;
    field.is_some()
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

/// A value as it came; one that is nested too deep to be stored as its JSON text.
fn shallow(value: &Value, pointer: &str, checks: &mut Checks) -> Value {
    if !schema::is_too_deep(value) {
        return value.clone();
    }
    checks.warn(pointer, format!("is nested deeper than {} and is kept as its JSON text", schema::DEEPEST));
    Value::String(value.to_string())
}

/// Arguments written as text are read when they are JSON; a model's other text stays text, and so does what is nested
/// too deep.
fn tool_call(value: &Value, pointer: &str, checks: &mut Checks) -> Option<ToolCall> {
    let object = value.as_object()?;
    let arguments = match object.get("arguments") {
        Some(Value::String(text)) => match parsed(text).filter(|json| !schema::is_too_deep(json)) {
            Some(mut json @ (Value::Object(_) | Value::Array(_))) => {
                mend(&mut json);
                json
            }
            _ => Value::String(text.clone()),
        },
        Some(arguments) => shallow(arguments, &format!("{pointer}/arguments"), checks),
        None => Value::Null,
    };
    Some(ToolCall { id: text_of(object, "id"), name: text_of(object, "name")?, arguments })
}

fn tool_result(value: &Value, pointer: &str, checks: &mut Checks) -> Option<ToolResult> {
    let object = value.as_object()?;
    let output = shallow(object.get("output")?, &format!("{pointer}/output"), checks);
    let is_error = object.get("is_error").and_then(Value::as_bool).unwrap_or(false);
    Some(ToolResult { call_id: text_of(object, "call_id"), output, is_error })
}

/// Reads JSON, if need be after mending half characters: text that a program cut in the middle of an emoji.
fn parsed(json: &str) -> Option<Value> {
    serde_json::from_str(json).or_else(|_| serde_json::from_str(&whole_characters(json))).ok()
}

/// Replaces every escaped surrogate that has no partner by U+FFFD, as JSON escapes.
fn whole_characters(json: &str) -> String {
    let unit = |rest: &str| {
        let digits = rest.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match unit(rest) {
            Some(0xD800..0xDC00) if unit(&rest[6..]).is_some_and(|low| (0xDC00..0xE000).contains(&low)) => 12,
            Some(0xD800..0xE000) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            Some(_) => 6,
            // The backslash and what it escapes, which may be a backslash.
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    mended + rest
}

/// What was replaced in a value.
#[derive(Default)]
struct Replaced {
    nulls: bool,
    numbers: bool,
}

/// Replaces what cannot be stored or given back: U+0000 in texts and names, numbers that are too large.
fn mend(value: &mut Value) -> Replaced {
    let mut replaced = Replaced::default();
    mend_into(value, &mut replaced);
    replaced
}

fn mend_into(value: &mut Value, replaced: &mut Replaced) {
    match value {
        Value::String(text) if text.contains('\0') => {
            *text = text.replace('\0', "\u{FFFD}");
            replaced.nulls = true;
        }
        Value::Number(number) if beyond(number) => {
            *value = Value::String(number.to_string());
            replaced.numbers = true;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mend_into(item, replaced)),
        Value::Object(object) => {
            if object.keys().any(|name| name.contains('\0')) {
                let old = std::mem::take(object);
                object.extend(old.into_iter().map(|(name, value)| (name.replace('\0', "\u{FFFD}"), value)));
                replaced.nulls = true;
            }
            object.values_mut().for_each(|value| mend_into(value, replaced));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_one(json: &str) -> (Message, usize) {
        let mut checks = Checks::default();
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        let message = read(&[raw], &mut checks).remove(0);
        (message, checks.into_warnings().len())
    }

    #[test]
    fn a_message_is_read_whole() {
        let (message, warnings) = read_one(
            r#"{"role": "agent", "text": "hi", "at": "2026-11-22T22:00:00Z", "author": {"id": null, "name": "Bo"},
                "tool_calls": [{"id": "c1", "name": "look_up", "arguments": "{\"a\": 1}"}], "mood": "good"}"#,
        );
        assert_eq!((message.role, message.text.as_deref(), warnings), (MessageRole::Agent, Some("hi"), 0));
        assert_eq!(message.tool_calls[0].arguments, json!({"a": 1}));
        assert_eq!(message.raw, Some(json!({"mood": "good"})));
        assert!(message.at.is_some() && message.author.is_some());
    }

    #[test]
    fn what_is_no_message_becomes_a_placeholder() {
        for json in ["5", "null", "[]", "{}", "1e999", r#"{"role": "agent"}"#, r#"{"role": "user", "text": "a"}"#] {
            let (message, warnings) = read_one(json);
            assert!(message.unreadable && message.raw.is_some(), "{json}");
            assert_eq!((message.role, warnings), (MessageRole::System, 1), "{json}");
        }
    }

    #[test]
    fn odd_content_is_mended_and_said() {
        let (message, warnings) =
            read_one(r#"{"role": "tool", "tool_result": {"output": [9007199254740993, "a\u0000b"]}}"#);
        let output = message.tool_result.map(|result| result.output);
        assert_eq!((output, warnings), (Some(json!(["9007199254740993", "a\u{FFFD}b"])), 2));
        let (message, warnings) =
            read_one(r#"{"role": "customer", "text": 5, "tool_calls": [{"name": "a", "arguments": "{oops"}]}"#);
        assert_eq!((message.raw, warnings), (Some(json!({"text": 5})), 1));
        assert_eq!(message.tool_calls[0].arguments, json!("{oops"));
    }

    #[test]
    fn what_is_nested_too_deep_becomes_text() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let call = |arguments: &str| {
            format!(r#"{{"role": "agent", "tool_calls": [{{"name": "a", "arguments": {arguments}}}]}}"#)
        };
        let (message, warnings) = read_one(&call(&deep));
        assert_eq!((&message.tool_calls[0].arguments, warnings), (&json!(deep), 1));
        let (message, warnings) = read_one(&call(&format!("\"{deep}\"")));
        assert_eq!((&message.tool_calls[0].arguments, warnings), (&json!(deep), 0));
        let (message, warnings) =
            read_one(&format!(r#"{{"role": "tool", "tool_result": {{"output": {deep}}}, "x/y": {deep}}}"#));
        assert_eq!((message.tool_result.map(|it| it.output), warnings), (Some(json!(deep)), 2));
        assert_eq!(message.raw, Some(json!({"x/y": deep})));
        let (message, warnings) = read_one(&deep);
        assert_eq!((message.raw, warnings), (Some(json!(deep)), 2));
    }

    #[test]
    fn half_characters_are_mended() {
        let (message, _) = read_one(r#"{"role": "customer", "text": "a\\\\ud83d \ud83d\ude00 \ud83d"}"#);
        assert_eq!(message.text.as_deref(), Some("a\\\\ud83d \u{1F600} \u{FFFD}"));
    }
}
