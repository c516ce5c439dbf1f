//! Truncates long texts, results and arguments for pages: a page gets the beginning and the length, and fetches the
//! whole on request.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::domain::{
    json::Json,
    message::{Message, MessageRole, ToolResult},
    message_part::{MessagePart, TruncatedPart},
    thread::RenderedMessage,
    transcript::reasoning::reasoning,
};

/// The most characters of one text, result or argument that a page gets.
pub const MOST_SHOWN: usize = 16_000;
/// The most characters of all arguments of one message, and the most of its calls.
const MOST_ARGUMENTS: usize = 64_000;
const MOST_CALLS: usize = 200;
/// The most characters of JSON that is shown indented. Longer JSON is shown on one line.
const MOST_INDENTED: usize = 1_000_000;
/// The approximate bytes of a message, or of one tool call, in addition to its texts.
const BESIDE_TEXTS: usize = 500;

/// Returns a message as pages get it: truncated, and not yet parsed.
pub fn cut(mut message: Message) -> RenderedMessage {
    let (mut cuts, position) = (vec![], message.position);
    let mut note = |part, index, length, outcome| cuts.push(TruncatedPart { position, part, index, length, outcome });
    // The outcome of a call is read from the whole result.
    let outcome = match (&message.tool_result, &message.text) {
        (Some(result), _) => Some(result.outcome()),
        (None, Some(text)) if message.role == MessageRole::Tool => Some(ToolResult::of_text(text.clone()).outcome()),
        _ => None,
    };
    if let Some(text) = &mut message.text
        && let Some((beginning, length)) = beginning_of(text)
    {
        *text = beginning;
        note(MessagePart::Text, 0, length, outcome);
    }
    if let Some(result) = &mut message.tool_result
        && let Some((beginning, length)) = beginning_of_value(&result.output)
    {
        result.output = Value::String(beginning);
        note(MessagePart::Result, 0, length, outcome);
    }
    if message.unreadable {
        if let Some((beginning, length)) = message.raw.as_ref().and_then(beginning_of_value) {
            message.raw = Some(Value::String(beginning));
            note(MessagePart::Raw, 0, length, None);
        }
    } else if message.raw.is_some() {
        // Of the raw message, pages show only the model's reasoning.
        message.raw = reasoning(&message).map(|text| match beginning_of(&text) {
            Some((beginning, length)) => {
                note(MessagePart::Reasoning, 0, length, None);
                json!({"reasoning": beginning})
            }
            None => json!({"reasoning": text}),
        });
    }
    if message.tool_calls.len() > MOST_CALLS {
        note(MessagePart::Calls, MOST_CALLS - 1, message.tool_calls.len(), None);
        message.tool_calls.truncate(MOST_CALLS);
    }
    let mut left = MOST_ARGUMENTS;
    for (index, call) in message.tool_calls.iter_mut().enumerate() {
        if let Some((beginning, length)) = beginning_of_arguments(&call.arguments, left.min(MOST_SHOWN)) {
            call.arguments = Value::String(beginning);
            note(MessagePart::Arguments, index, length, None);
        }
        left = left.saturating_sub(counted(&call.arguments).chars);
    }
    RenderedMessage { message, blocks: vec![], cuts }
}

/// Returns the approximate number of bytes that a message takes on a page.
pub fn size(shown: &RenderedMessage) -> usize {
    let message = &shown.message;
    let bytes = |value: &Value| counted(value).bytes;
    BESIDE_TEXTS
        + message.text.as_deref().map_or(0, str::len)
        + message.tool_result.as_ref().map_or(0, |result| bytes(&result.output))
        + message.raw.as_ref().map_or(0, bytes)
        + message.tool_calls.iter().map(|it| BESIDE_TEXTS + it.name.len() + bytes(&it.arguments)).sum::<usize>()
}

/// Returns the whole text of a part of a message.
pub fn whole(message: &Message, part: MessagePart, index: usize) -> Option<String> {
    match part {
        MessagePart::Text => message.text.clone(),
        MessagePart::Result => message.tool_result.as_ref().map(|result| written(&result.output)),
        MessagePart::Raw => message.raw.as_ref().map(written),
        MessagePart::Reasoning => reasoning(message),
        MessagePart::Arguments => message.tool_calls.get(index).map(|call| written(&call.arguments)),
        MessagePart::Calls => None,
    }
}

/// Returns the beginning of a text that is too long, and its number of characters.
fn beginning_of(text: &str) -> Option<(String, usize)> {
    let (end, _) = text.char_indices().nth(MOST_SHOWN)?;
    Some((text[..end].to_owned(), MOST_SHOWN + text[end..].chars().count()))
}

/// Returns the same for a value as it is shown: text as it is, anything else as indented JSON.
fn beginning_of_value(value: &Value) -> Option<(String, usize)> {
    match value {
        Value::String(text) => beginning_of(text),
        other => {
            let all = counted_indented(other);
            (all.chars > MOST_SHOWN).then(|| (all.text(), length(other, all.chars)))
        }
    }
}

/// Returns the beginning of arguments that take more than `most` characters, as JSON with fewer and shorter members,
/// because arguments are shown by name. For a text that is not JSON, it returns the first characters.
fn beginning_of_arguments(value: &Value, most: usize) -> Option<(String, usize)> {
    let json = match value {
        Value::String(text) => match Json::of_text(text) {
            Some(json) => json,
            None => {
                let (end, _) = text.char_indices().nth(most)?;
                return Some((text[..end].to_owned(), text.chars().count()));
            }
        },
        other => Json::from(other),
    };
    let mut left = most;
    let beginning = shortened(&json, &mut left, 0);
    if left > 0 {
        return None;
    }
    let length = match value {
        Value::String(text) => text.chars().count(),
        other => length(other, counted_indented(other).chars),
    };
    Some((beginning.to_string(), length))
}

/// Returns as much of a value as may be shown, without the rest. Each level also costs its indentation.
fn shortened(value: &Json, left: &mut usize, level: usize) -> Json {
    let taken = |left: &mut usize, text: &str| {
        let text: String = text.chars().take(*left).collect();
        *left = left.saturating_sub(text.chars().count() + 2 * level + 4);
        text
    };
    match value {
        Json::String(text) => Json::String(taken(left, text)),
        Json::Array(items) => {
            let mut kept = vec![];
            for item in items {
                if *left == 0 {
                    break;
                }
                kept.push(shortened(item, left, level + 1));
            }
            *left = left.saturating_sub(2 * level + 4);
            Json::Array(kept)
        }
        Json::Object(members) => {
            let mut kept = vec![];
            for (name, value) in members {
                *left = left.saturating_sub(name.chars().count());
                if *left == 0 {
                    break;
                }
                kept.push((name.clone(), shortened(value, left, level + 1)));
            }
            *left = left.saturating_sub(2 * level + 4);
            Json::Object(kept)
        }
        other => {
            *left = left.saturating_sub(other.to_string().len() + 2 * level + 4);
            other.clone()
        }
    }
}

/// Returns the text in which a whole value is shown.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other if counted_indented(other).chars > MOST_INDENTED => other.to_string(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// Returns the number of characters of [`written`], given that of the indented form.
fn length(value: &Value, indented: usize) -> usize {
    if indented > MOST_INDENTED { counted(value).chars } else { indented }
}

/// Writes a value in the indented form, and keeps only the beginning.
fn counted_indented(value: &Value) -> Beginning {
    let mut all = Beginning::default();
    // A `Beginning` accepts every write.
    let _ = serde_json::to_writer_pretty(&mut all, value);
    all
}

/// Writes a value on one line, and keeps only the beginning.
fn counted(value: &Value) -> Beginning {
    let mut all = Beginning::default();
    let _ = serde_json::to_writer(&mut all, value);
    all
}

/// A writer that counts what is written and keeps the beginning, because indented JSON may be many times as long as its
/// source.
#[derive(Default)]
struct Beginning {
    kept: Vec<u8>,
    chars: usize,
    bytes: usize,
}

impl Beginning {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).chars().take(MOST_SHOWN).collect()
    }
}

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chars <= MOST_SHOWN {
            // A single write may be long, so only its beginning is kept.
            self.kept.extend_from_slice(&bytes[..bytes.len().min(4 * (MOST_SHOWN + 1))]);
        }
        self.bytes += bytes.len();
        self.chars += bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{ids::MessageId, message::ToolCall, transcript::outcome::ToolOutcome};

    fn empty(role: MessageRole) -> Message {
        Message::empty(MessageId::new(Uuid::nil()), 3, role)
    }

    fn calls(arguments: Vec<Value>) -> Message {
        let call = |arguments| ToolCall { id: None, name: "find".to_owned(), arguments };
        Message { tool_calls: arguments.into_iter().map(call).collect(), ..empty(MessageRole::Agent) }
    }

    fn result(output: Value) -> Message {
        let result = ToolResult { call_id: None, output, is_error: false, outcome_stated: false };
        Message { tool_result: Some(result), ..empty(MessageRole::Tool) }
    }

    #[test]
    fn every_long_part_is_cut_and_can_be_had_whole() {
        let long = "ä".repeat(70_000);
        let said = Message { text: Some(long.clone()), ..empty(MessageRole::Customer) };
        let raw = Message { raw: Some(json!({"odd": long})), unreadable: true, ..empty(MessageRole::System) };
        let thought = Message { raw: Some(json!({"reasoning": long})), ..empty(MessageRole::Agent) };
        for (message, part) in [
            (said, MessagePart::Text),
            (raw, MessagePart::Raw),
            (thought, MessagePart::Reasoning),
            (result(json!(long)), MessagePart::Result),
            (result(json!([long])), MessagePart::Result),
            (calls(vec![json!({"q": long})]), MessagePart::Arguments),
            (calls(vec![json!(long)]), MessagePart::Arguments),
            (calls(vec![json!("{\"eur\": 1.50, \"q\": \"".to_owned() + &long + "\"}")]), MessagePart::Arguments),
        ] {
            let shown = cut(message.clone());
            let whole = whole(&message, part, 0).expect("a whole");
            assert!(whole.contains(&long), "{part:?}");
            let length = whole.chars().count();
            assert_eq!(
                shown.cuts,
                [TruncatedPart { outcome: shown.cuts[0].outcome, position: 3, part, index: 0, length }]
            );
            let json = serde_json::to_string(&shown).expect("JSON");
            assert!(json.chars().count() < MOST_SHOWN + 1_000, "{part:?}: {}", json.len());
        }
    }

    #[test]
    fn what_is_short_is_whole() {
        let raw = Some(json!({"reasoning": "Hm.", "other": 1}));
        let text = Some("x".repeat(MOST_SHOWN));
        let shown =
            cut(Message { raw, text: text.clone(), ..calls(vec![json!({"q": [1, {}]}), json!("{\"a\": 1.50}")]) });
        assert_eq!((shown.cuts, &shown.message.text), (vec![], &text));
        assert_eq!(shown.message.tool_calls[0].arguments, json!({"q": [1, {}]}));
        assert_eq!(shown.message.tool_calls[1].arguments, json!("{\"a\": 1.50}"));
        assert_eq!(reasoning(&shown.message).as_deref(), Some("Hm."));
    }

    #[test]
    fn whether_a_call_failed_is_read_from_the_whole_result() {
        let rows = "x".repeat(70_000);
        let outcome = |output: Value| cut(result(output)).cuts[0].outcome;
        assert_eq!(outcome(json!({"rows": rows, "error": "no"})), Some(ToolOutcome::Failed));
        assert_eq!(outcome(json!({"error": null, "rows": rows})), Some(ToolOutcome::Succeeded));
        assert_eq!(outcome(json!(rows)), Some(ToolOutcome::Unknown));
    }

    #[test]
    fn deep_and_many_values_stay_small() {
        let deep = (0..60).fold(json!(vec![1; 5_000]), |it, _| json!([it]));
        let many: serde_json::Map<String, Value> = (0..20_000).map(|i| (i.to_string(), json!(i))).collect();
        for value in [deep, Value::Object(many)] {
            let shown = cut(calls(vec![value.clone(); 300]));
            assert!(size(&shown) < 2 * MOST_ARGUMENTS + MOST_CALLS * (BESIDE_TEXTS + 200), "{}", size(&shown));
            let calls = TruncatedPart {
                position: 3,
                part: MessagePart::Calls,
                index: MOST_CALLS - 1,
                length: 300,
                outcome: None,
            };
            assert_eq!((shown.message.tool_calls.len(), shown.cuts[0]), (MOST_CALLS, calls));
            let text = shown.message.tool_calls[0].arguments.as_str().expect("a text");
            let drawn = Json::parse(text).expect("JSON").pretty();
            assert!(drawn.chars().count() < 2 * MOST_SHOWN, "{}", drawn.len());
            assert!(size(&cut(result(value))) < 5 * MOST_SHOWN);
        }
    }
}
