//! Reads the messages of a conversation in each supported format. Single messages are never refused: an unreadable one
//! becomes a visible placeholder, and content that cannot be stored is repaired. The domain parses the formats.

use serde_json::{Value, value::RawValue};

use super::{checks::Checks, lenient::whole_characters, numbers};
use crate::{
    domain::{
        ids::MessageId,
        json::{MAX_DEPTH, pointer_name},
        json_values::{MOST_IN_TEXT, change_values, values_in_text},
        message::{Message, MessageRole},
        transcript::{native, openai_chat},
    },
    server::{clock::mint, contract::parse_rfc3339, schema},
};

/// How many messages are kept, the latest ones. Nobody reads more, and each costs memory beyond its bytes.
const MOST_MESSAGES: usize = 10_000;
const POINTER: &str = "/conversation/messages";

/// The transcript formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TranscriptReader {
    Native,
    OpenaiChat,
}

impl TranscriptReader {
    /// Returns the name of the format in `conversation.format`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::OpenaiChat => "openai.chat",
        }
    }

    /// Describes the required fields of a message in this format.
    fn needs(self) -> &'static str {
        match self {
            Self::Native => native::NEEDS,
            Self::OpenaiChat => openai_chat::NEEDS,
        }
    }

    /// Returns the other format.
    fn other(self) -> Self {
        match self {
            Self::Native => Self::OpenaiChat,
            Self::OpenaiChat => Self::Native,
        }
    }
}

/// Reads messages, oldest first, with positions from 0. If none of them is in this format, the error says which format
/// to set, or which fields are required.
pub fn read(raw: &[Box<RawValue>], form: TranscriptReader, checks: &mut Checks) -> Result<Vec<Message>, String> {
    let messages = read_all(raw, form, checks);
    if messages.is_empty() || messages.iter().any(|message| !message.unreadable) {
        return Ok(messages);
    }
    let (is, other) = (form.name(), form.other());
    let is_other = read_all(raw, other, &mut Checks::default()).iter().any(|message| !message.unreadable);
    Err(match is_other {
        true => format!("the messages look like `{0}` and were sent as `{is}`: set `{0}`", other.name()),
        false => format!("none of the messages can be read as `{is}`: each needs {}", form.needs()),
    })
}

fn read_all(raw: &[Box<RawValue>], form: TranscriptReader, checks: &mut Checks) -> Vec<Message> {
    let left_out = raw.len().saturating_sub(MOST_MESSAGES);
    if left_out > 0 {
        checks.warn(POINTER, format!("the first {left_out} were left out: {MOST_MESSAGES} are kept"));
    }
    let kept = raw.iter().enumerate().skip(left_out);
    let mut messages: Vec<_> = kept
        .zip(0..)
        .map(|((i, raw), place)| message(raw.get(), place, form, &format!("{POINTER}/{i}"), checks))
        .collect();
    let mut left = MOST_IN_TEXT;
    // The latest messages come first, because an operator reads those.
    messages.iter_mut().rev().for_each(|message| unwrap_texts(message, form, &mut left));
    messages
}

/// Parses the JSON that a message contains as text.
fn unwrap_texts(message: &mut Message, form: TranscriptReader, left: &mut usize) {
    let arguments = message.tool_calls.iter_mut().map(|call| &mut call.arguments);
    // In OpenAI's format every tool result is a text.
    let output = message.tool_result.as_mut().filter(|_| form == TranscriptReader::OpenaiChat);
    for value in arguments.chain(output.map(|result| &mut result.output)) {
        *value = unwrapped(value.take(), left);
    }
}

fn message(json: &str, position: i64, form: TranscriptReader, pointer: &str, checks: &mut Checks) -> Message {
    let quoted = numbers::quoted(json);
    let json = quoted.as_deref().unwrap_or(json);
    let mut value = parsed(json).unwrap_or_else(|| Value::String(json.replace('\0', "\u{FFFD}")));
    if mend(&mut value) {
        checks.warn(pointer, "U+0000 was replaced");
    }
    // A lone number gets no second warning: the one that it is not a message is enough.
    if quoted.is_some() && !value.is_string() {
        checks.warn(pointer, "a number beyond ±2^53, or with more digits than a float holds, was replaced by its text");
    }
    let blank = Message::empty(MessageId::new(mint()), position, MessageRole::System);
    let mut odd = vec![];
    let read = value.as_object().and_then(|object| match form {
        TranscriptReader::Native => native::read(object, blank.clone(), parse_rfc3339, &mut odd),
        TranscriptReader::OpenaiChat => openai_chat::read(object, blank.clone(), &mut odd),
    });
    odd.into_iter().for_each(|it| checks.warn(format!("{pointer}{}", it.pointer), it.detail));
    match read {
        Some(message) => settled(message, form, pointer, checks),
        None => {
            checks.warn(pointer, "is not a message and is shown as it came");
            Message { unreadable: true, raw: Some(shallow(value, pointer, checks)), ..blank }
        }
    }
}

/// Prepares a message for storage: a value that is nested too deep becomes text.
fn settled(mut message: Message, form: TranscriptReader, pointer: &str, checks: &mut Checks) -> Message {
    for (i, call) in message.tool_calls.iter_mut().enumerate() {
        call.arguments = shallow(call.arguments.take(), &format!("{pointer}/tool_calls/{i}/arguments"), checks);
    }
    if let Some(result) = &mut message.tool_result {
        let place = if form == TranscriptReader::Native { "tool_result/output" } else { "content" };
        result.output = shallow(result.output.take(), &format!("{pointer}/{place}"), checks);
    }
    for (name, value) in message.raw.iter_mut().filter_map(Value::as_object_mut).flatten() {
        *value = shallow(value.take(), &format!("{pointer}/{}", pointer_name(name)), checks);
    }
    message
}

/// Returns the value unchanged, or its JSON text if it is nested too deep to be stored.
fn shallow(value: Value, pointer: &str, checks: &mut Checks) -> Value {
    if !schema::is_too_deep(&value) {
        return value;
    }
    checks.warn(pointer, format!("is nested deeper than {} and is kept as its JSON text", MAX_DEPTH));
    Value::String(value.to_string())
}

/// Parses an object or a list that is written as text. Other text of a model stays text (`1.50` is not a number there).
/// So does JSON that is nested too deep, that would lose a digit or a field, or that has more values than are left.
fn unwrapped(value: Value, left: &mut usize) -> Value {
    let Value::String(text) = &value else { return value };
    let Some(count) = values_in_text(text, *left) else { return value };
    match parsed(text).filter(|json| !schema::is_too_deep(json) && numbers::survive(text, json)) {
        Some(mut json @ (Value::Object(_) | Value::Array(_))) => {
            *left -= count;
            mend(&mut json);
            json
        }
        _ => value,
    }
}

/// Parses JSON. If that fails, unpaired surrogates are replaced first: a program may have cut text within an emoji.
fn parsed(json: &str) -> Option<Value> {
    serde_json::from_str(json).or_else(|_| serde_json::from_str(&whole_characters(json))).ok()
}

/// Replaces U+0000 in texts and names, because it cannot be stored. Returns whether there was any.
fn mend(value: &mut Value) -> bool {
    let mut is_mended = false;
    change_values(value, &mut |value| match value {
        Value::String(text) if text.contains('\0') => {
            *text = text.replace('\0', "\u{FFFD}");
            is_mended = true;
        }
        Value::Object(members) if members.keys().any(|name| name.contains('\0')) => {
            let old = std::mem::take(members);
            members.extend(old.into_iter().map(|(name, value)| (name.replace('\0', "\u{FFFD}"), value)));
            is_mended = true;
        }
        _ => {}
    });
    is_mended
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_as(form: TranscriptReader, json: &str) -> (Message, usize) {
        let mut checks = Checks::default();
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        let message = read_all(&[raw], form, &mut checks).remove(0);
        (message, checks.into_warnings().len())
    }

    fn read_one(json: &str) -> (Message, usize) {
        read_as(TranscriptReader::Native, json)
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
    fn no_digit_of_a_number_is_lost() {
        let long = "123456789012345678901234567890";
        let (message, warnings) = read_one(&format!(
            r#"{{"role": "agent", "tool_calls": [{{"name": "a", "arguments": {{"n": {long}, "eur": 1.50}}}}], "x": 0.1234567890123456789}}"#
        ));
        assert_eq!((&message.tool_calls[0].arguments, warnings), (&json!({"n": long, "eur": 1.5}), 1));
        assert_eq!(message.raw, Some(json!({"x": "0.1234567890123456789"})));
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

    #[test]
    fn text_in_openai_chat_that_is_json_is_read() {
        let call = |arguments: &str| json!({"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "a", "arguments": arguments}}]});
        for (arguments, read) in [
            (r#"{"a": 1}"#, json!({"a": 1})),
            ("{oops", json!("{oops")),
            ("", json!("")),
            ("7", json!("7")),
            (r#"{"n": 9007199254740992, "eur": 19.9}"#, json!({"n": 9_007_199_254_740_992_u64, "eur": 19.9})),
            (r#"{"n": 9007199254740993}"#, json!(r#"{"n": 9007199254740993}"#)),
            (r#"{"eur": 19.90}"#, json!(r#"{"eur": 19.90}"#)),
            (r#"{"a": 1, "a": 2}"#, json!(r#"{"a": 1, "a": 2}"#)),
        ] {
            let (message, warnings) = read_as(TranscriptReader::OpenaiChat, &call(arguments).to_string());
            assert_eq!((&message.tool_calls[0].arguments, warnings), (&read, 0), "{arguments}");
        }
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let result = json!({"role": "tool", "tool_call_id": "c", "content": deep}).to_string();
        assert_eq!(read_as(TranscriptReader::OpenaiChat, &result).0.tool_result.map(|it| it.output), Some(json!(deep)));
        let result = format!(r#"{{"role": "tool", "tool_call_id": "c", "content": {deep}, "extra": {deep}}}"#);
        let (message, warnings) = read_as(TranscriptReader::OpenaiChat, &result);
        assert_eq!((message.tool_result.map(|it| it.output), warnings), (Some(json!(deep)), 2));
    }

    #[test]
    fn what_came_in_another_form_says_which_to_set() {
        let read_as = |form, json: &str| {
            let raw: Vec<Box<RawValue>> = serde_json::from_str(json).unwrap();
            read(&raw, form, &mut Checks::default())
        };
        let (ours, theirs) = (r#"[{"role": "customer", "text": "a"}]"#, r#"[{"role": "user", "content": "a"}]"#);
        assert!(read_as(TranscriptReader::Native, theirs).unwrap_err().contains("set `openai.chat`"));
        assert!(read_as(TranscriptReader::OpenaiChat, ours).unwrap_err().contains("set `native`"));
        assert!(read_as(TranscriptReader::OpenaiChat, "[1]").unwrap_err().contains("each needs a role (user"));
        for (form, json) in
            [(TranscriptReader::Native, ours), (TranscriptReader::OpenaiChat, theirs), (TranscriptReader::Native, "[]")]
        {
            assert!(read_as(form, json).is_ok(), "{json}");
        }
        let mixed = r#"[{"role": "customer", "text": "a"}, {"role": "user", "content": "a"}]"#;
        assert_eq!(read_as(TranscriptReader::Native, mixed).unwrap().iter().filter(|it| it.unreadable).count(), 1);
    }
}
