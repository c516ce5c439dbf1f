//! Conversion from a chat completion's message to a native one. Content that cannot be expressed in text becomes a
//! placeholder in the text, so that readers see that something was there.

use serde_json::{Map, Value};

use super::{
    super::{Rest, reasoning, set},
    parts::{drop_data, is_annotated, known_part, transcript_of, unknown_part, with_transcript, words_of},
};
use crate::domain::{
    field_problem::FieldProblem,
    json::pointer_name,
    message::{Author, Message, MessageRole, ToolCall, ToolResult},
};

/// The requirements of this format, for callers whose messages do not match it.
pub const NEEDS: &str =
    "a role (user, assistant, system, developer, tool or function) and one of content, tool_calls and tool_call_id";

/// Reads an object into `blank`, a message with its id and position. Returns none when the object is no message of this
/// format. Problems are added to `odd`, with pointers from the message.
pub fn read(object: &Map<String, Value>, blank: Message, odd: &mut Vec<FieldProblem>) -> Option<Message> {
    let role = match object.get("role")?.as_str()? {
        "user" => MessageRole::Customer,
        "assistant" => MessageRole::Agent,
        "system" | "developer" => MessageRole::System,
        "tool" | "function" => MessageRole::Tool,
        _ => return None,
    };
    let mut it = Reading {
        message: Message { role, ..blank },
        said: vec![],
        call_id: None,
        output: None,
        is_error: None,
        rest: Rest { raw: Map::new(), odd },
    };
    object.iter().for_each(|(name, value)| it.field(name, value));
    it.into_message()
}

struct Reading<'a> {
    message: Message,
    /// The pieces of text, once there is any content.
    said: Vec<String>,
    call_id: Option<String>,
    output: Option<Value>,
    is_error: Option<bool>,
    rest: Rest<'a>,
}

impl Reading<'_> {
    fn field(&mut self, name: &str, value: &Value) {
        let is_tool = self.message.role == MessageRole::Tool;
        match (name, value) {
            ("role", _) | (_, Value::Null) => {}
            ("content", value) if is_tool => self.output = Some(self.output(value)),
            ("content", Value::String(text)) => self.said.push(text.clone()),
            ("content", Value::Array(parts)) => self.parts(parts),
            ("content", Value::Object(_)) => self.parts(std::slice::from_ref(value)),
            ("content", scalar) => {
                self.rest.odd.push(FieldProblem::new("/content", "is no text and was taken as it is written"));
                self.said.push(scalar.to_string());
            }
            (_, Value::Array(items)) if items.is_empty() => {}
            ("refusal", Value::String(text)) => self.said.push(text.clone()),
            ("name", Value::String(name)) => self.message.author = Some(author(name)),
            ("tool_calls", Value::Array(calls)) => {
                let read: Vec<ToolCall> = calls.iter().filter_map(tool_call).collect();
                if read.len() < calls.len() {
                    self.unread(name, value);
                }
                self.message.tool_calls.extend(read);
            }
            // Some programs fill in every field that exists.
            ("function_call", call) if call["name"] == "" && call["arguments"] == "" => {}
            ("function_call", call) => match tool_call(call) {
                Some(call) => self.message.tool_calls.push(call),
                None => self.unread(name, value),
            },
            ("tool_call_id", id) if is_tool => {
                if !set(&mut self.call_id, id_of(id)) {
                    self.unread(name, value);
                }
            }
            ("is_error", Value::Bool(is_error)) if is_tool => self.is_error = Some(*is_error),
            ("refusal" | "name" | "tool_calls", _) => self.unread(name, value),
            (_, other) => {
                let kept = self.kept(other, &format!("/{}", pointer_name(name)));
                self.rest.raw.insert(name.to_owned(), kept);
            }
        }
    }

    /// Reads content in parts: texts in order, and a placeholder for each other part. The other parts are kept; so are
    /// parts whose text has annotations. Reasoning has no placeholder, because it is shown separately.
    fn parts(&mut self, parts: &[Value]) {
        let mut others = vec![];
        for (i, part) in parts.iter().enumerate() {
            let pointer = format!("/content/{i}");
            match (words_of(part), known_part(part)) {
                (Some(text), _) => {
                    self.said.push(text.to_owned());
                    if !is_annotated(part) {
                        continue;
                    }
                }
                (None, _) if reasoning::is_part(part) => {}
                (None, Some(words)) => self.said.push(words),
                (None, None) => {
                    self.said.push(unknown_part(part));
                    let detail = "is of an unknown type; its type and size are shown, and it is kept in `raw`";
                    self.rest.odd.push(FieldProblem::new(pointer.as_str(), detail));
                }
            }
            others.push(self.kept(part, &pointer));
        }
        if parts.is_empty() {
            self.said.push(String::new());
        }
        if !others.is_empty() {
            self.rest.raw.insert("content".to_owned(), Value::Array(others));
        }
    }

    /// Returns the output of a tool: text, also when it comes in parts, or any other value.
    fn output(&mut self, value: &Value) -> Value {
        let parts = value.as_array().filter(|parts| !parts.is_empty());
        let texts: Option<Vec<&str>> = parts.and_then(|parts| parts.iter().map(words_of).collect());
        match (value, texts) {
            (Value::String(text), _) => Value::String(text.clone()),
            (_, Some(texts)) => Value::String(texts.join("\n")),
            _ => self.kept(value, "/content"),
        }
    }

    fn unread(&mut self, name: &str, value: &Value) {
        let kept = self.kept(value, &format!("/{name}"));
        self.rest.unread(name, kept);
    }

    /// Returns a value as it came, without the data in it.
    fn kept(&mut self, value: &Value, pointer: &str) -> Value {
        let mut kept = value.clone();
        if drop_data(&mut kept) > 0 {
            self.rest.odd.push(FieldProblem::new(pointer, "holds data as text, which was left out"));
        }
        kept
    }

    fn into_message(mut self) -> Option<Message> {
        if let Some(audio) = self.rest.raw.get("audio").filter(|audio| audio["id"] != "") {
            let transcript = transcript_of(audio).filter(|text| !self.said.iter().any(|said| said.contains(text)));
            if transcript.is_some() || self.said.iter().all(String::is_empty) {
                let words = with_transcript(transcript);
                self.said.push(words);
            }
        }
        let words: Vec<&str> = self.said.iter().map(String::as_str).filter(|words| !words.is_empty()).collect();
        // Empty text counts as text only when there are no tool calls.
        let says = !words.is_empty() || (!self.said.is_empty() && self.message.tool_calls.is_empty());
        self.message.text = says.then(|| words.join("\n"));
        self.message.tool_result = (self.output.is_some() || self.call_id.is_some()).then(|| ToolResult {
            call_id: self.call_id,
            output: self.output.unwrap_or_default(),
            is_error: self.is_error.unwrap_or(false),
            outcome_stated: self.is_error.is_some(),
        });
        let does = !self.message.tool_calls.is_empty() || self.message.tool_result.is_some();
        self.message.raw = self.rest.into_raw();
        (says || does || reasoning::reasoning(&self.message).is_some()).then_some(self.message)
    }
}

fn author(name: &str) -> Author {
    Author { id: None, name: name.to_owned(), public_name: name.to_owned() }
}

/// Reads an id, which some programs send as a number.
fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// Reads a call of a function or of a custom tool. The legacy `function_call` is only the inner object.
fn tool_call(value: &Value) -> Option<ToolCall> {
    let call = value.as_object()?;
    let inside = ["function", "custom"].into_iter().find_map(|kind| call.get(kind)?.as_object()).unwrap_or(call);
    let arguments = inside.get("arguments").or(inside.get("input")).cloned().unwrap_or_default();
    Some(ToolCall { id: call.get("id").and_then(id_of), name: inside.get("name")?.as_str()?.to_owned(), arguments })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::MessageId;

    /// Returns the message, and the pointers of the problems.
    fn read_one(value: Value) -> (Option<Message>, Vec<String>) {
        let mut odd = vec![];
        let blank = Message::empty(MessageId::new(Uuid::nil()), 0, MessageRole::System);
        let message = read(value.as_object().unwrap(), blank, &mut odd);
        (message, odd.into_iter().map(|it| it.pointer).collect())
    }

    fn readable(value: Value) -> Message {
        let (message, odd) = read_one(value);
        assert_eq!(odd, [""; 0]);
        message.unwrap()
    }

    #[test]
    fn every_role_has_its_own() {
        for (word, role) in [
            ("user", MessageRole::Customer),
            ("assistant", MessageRole::Agent),
            ("system", MessageRole::System),
            ("developer", MessageRole::System),
        ] {
            let message = readable(json!({"role": word, "content": "Hi", "name": "dana"}));
            assert_eq!((message.role, message.text.as_deref(), &message.raw), (role, Some("Hi"), &None));
            assert_eq!(message.author.map(|author| author.public_name).as_deref(), Some("dana"));
        }
        for value in [json!({"role": "wizard", "content": "?"}), json!({"content": "?"}), json!({"role": "user"})] {
            assert_eq!(read_one(value).0, None);
        }
        // Native messages, which must not be mistaken for this format.
        for value in [json!({"role": "system", "text": "x"}), json!({"role": "tool", "tool_result": {"output": 1}})] {
            assert_eq!(read_one(value).0, None);
        }
    }

    #[test]
    fn calls_and_their_results_keep_their_ids() {
        let calls = json!([
            {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{\"a\": 1}"}},
            {"id": 7, "type": "custom", "custom": {"name": "run", "input": "ls"}},
        ]);
        let message = readable(json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls}));
        let call = |id: &str, name: &str, arguments: &str| ToolCall {
            id: Some(id.to_owned()),
            name: name.to_owned(),
            arguments: json!(arguments),
        };
        assert_eq!(message.tool_calls, [call("call_1", "look_up", "{\"a\": 1}"), call("7", "run", "ls")]);
        assert_eq!(message.text, None);
        let result = |value| readable(value).tool_result.map(|it| (it.call_id, it.output));
        assert_eq!(
            result(json!({"role": "tool", "tool_call_id": 7, "content": "ok"})),
            Some((Some("7".into()), json!("ok")))
        );
        let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        assert_eq!(result(json!({"role": "tool", "tool_call_id": "c", "content": parts})).unwrap().1, json!("a\nb"));
        assert_eq!(
            result(json!({"role": "tool", "tool_call_id": "c", "content": {"n": 1}})).unwrap().1,
            json!({"n": 1})
        );
        assert_eq!(result(json!({"role": "tool", "tool_call_id": "c", "content": null})).unwrap().1, Value::Null);
    }

    #[test]
    fn the_legacy_function_call_is_a_call_without_id() {
        let message = readable(
            json!({"role": "assistant", "content": null, "function_call": {"name": "weather", "arguments": "{}"}}),
        );
        assert_eq!(message.tool_calls, [ToolCall { id: None, name: "weather".to_owned(), arguments: json!("{}") }]);
        let message = readable(json!({"role": "function", "name": "weather", "content": "sunny"}));
        assert_eq!((message.role, message.tool_result.unwrap().output), (MessageRole::Tool, json!("sunny")));
    }

    #[test]
    fn words_are_read_from_every_shape_that_holds_them() {
        let wrapped = json!({"type": "text", "text": {"value": "Wrapped", "annotations": []}});
        let cited = json!({"type": "text", "text": {"value": "Cited", "annotations": [{"type": "file_citation"}]}});
        let sounds = json!([
            {"type": "input_audio", "input_audio": {"data": "UklG", "transcript": "One"}},
            {"type": "output_audio", "transcript": "Two"}, {"type": "audio", "audio": {"transcript": " "}},
        ]);
        let message = readable(json!({"role": "user", "content": [wrapped, cited, {"text": "Bare"}]}));
        assert_eq!(message.text.as_deref(), Some("Wrapped\nCited\nBare"));
        assert_eq!(message.raw, Some(json!({"content": [cited]})));
        let message = readable(json!({"role": "user", "content": sounds}));
        assert_eq!(message.text.as_deref(), Some("[audio]\nOne\n[audio]\nTwo\n[audio]"));
        let result = readable(json!({"role": "tool", "tool_call_id": "c", "content": [wrapped], "is_error": false}));
        let result = result.tool_result.unwrap();
        assert_eq!((result.output, result.is_error, result.outcome_stated), (json!("Wrapped"), false, true));
    }

    #[test]
    fn reasoning_is_kept_apart_from_what_was_said() {
        let thinking = json!({"type": "thinking", "thinking": [{"type": "text", "text": "Two and two."}]});
        let message = readable(json!({"role": "assistant", "content": [thinking, {"type": "text", "text": "4"}]}));
        assert_eq!((message.text.as_deref(), &message.raw), (Some("4"), &Some(json!({"content": [thinking]}))));
        assert_eq!(reasoning::reasoning(&message).as_deref(), Some("Two and two."));
        let message = readable(json!({"role": "assistant", "content": null, "reasoning_content": "Hm."}));
        assert_eq!((message.text.as_deref(), reasoning::reasoning(&message).as_deref()), (None, Some("Hm.")));
    }

    #[test]
    fn empty_fields_that_a_program_fills_in_are_nothing() {
        let audio = json!({"data": "", "expires_at": 0, "id": "", "transcript": ""});
        let call = json!({"arguments": "", "name": ""});
        let message = readable(json!({"role": "assistant", "content": "Hi", "audio": audio, "function_call": call}));
        assert_eq!((message.text.as_deref(), message.tool_calls.len()), (Some("Hi"), 0));
    }

    #[test]
    fn what_is_no_text_is_a_placeholder_and_kept() {
        let picture = json!({"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}});
        let (message, odd) = read_one(json!({"role": "user", "content": [
            {"type": "text", "text": "Look:"}, picture, {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
            {"type": "file", "file": {"filename": "bill.pdf", "file_id": "file_1"}}, {"type": "hologram"}, "and", 7,
        ]}));
        let message = message.unwrap();
        let text = "Look:\n[image]\n[audio]\n[file: bill.pdf]\n[hologram, 19 bytes]\nand\n[part, 1 byte]";
        assert_eq!(
            (message.text.as_deref(), odd),
            (Some(text), vec!["/content/4".to_owned(), "/content/6".to_owned()])
        );
        let raw = message.raw.unwrap();
        assert_eq!((&raw["content"][0], raw["content"].as_array().map(Vec::len)), (&picture, Some(5)));
    }

    #[test]
    fn data_is_left_out_and_said() {
        let url = format!("data:image/png;base64,{}", "A".repeat(10_000));
        let parts = json!([{"type": "image_url", "image_url": {"url": url, "detail": "high"}}]);
        let (message, odd) = read_one(json!({"role": "user", "content": parts}));
        let message = message.unwrap();
        assert_eq!((message.text.as_deref(), odd), (Some("[image]"), vec!["/content/0".to_owned()]));
        let image = json!({"url": "(10022 characters of data)", "detail": "high"});
        assert_eq!(message.raw, Some(json!({"content": [{"type": "image_url", "image_url": image}]})));
        // Text that people and programs write has spaces, marks, or letters that base64 does not have.
        let raw =
            json!({"note": "a word ".repeat(1_000), "kana": "ア".repeat(5_000), "json": "{\"n\":1}".repeat(1_000)});
        let mut value = json!({"role": "user", "content": "a"});
        value.as_object_mut().unwrap().extend(raw.as_object().unwrap().clone());
        assert_eq!(readable(value).raw, Some(raw));
    }

    #[test]
    fn sounds_and_refusals_are_said() {
        let audio = json!({"id": "audio_1", "data": "A".repeat(5_000), "transcript": "Hello there."});
        let (message, odd) = read_one(json!({"role": "assistant", "content": null, "audio": audio}));
        assert_eq!(message.unwrap().text.as_deref(), Some("[audio]\nHello there."));
        assert_eq!(odd, ["/audio"]);
        for (content, text) in [("Hello there.", "Hello there."), ("Hm.", "Hm.\n[audio]\nHello there.")] {
            let audio = json!({"id": "audio_1", "transcript": "Hello there."});
            let message = readable(json!({"role": "assistant", "content": content, "audio": audio}));
            assert_eq!(message.text.as_deref(), Some(text));
        }
        let (_, odd) = read_one(json!({"role": "user", "content": "a", "a/b": "A".repeat(5_000)}));
        assert_eq!(odd, ["/a~1b"]);
        let message =
            readable(json!({"role": "assistant", "content": null, "refusal": "I cannot.", "annotations": []}));
        assert_eq!((message.text.as_deref(), message.raw), (Some("I cannot."), None));
        let cited = json!({"annotations": [{"type": "url_citation"}]});
        let message = readable(json!({"role": "assistant", "content": "See.", "annotations": cited["annotations"]}));
        assert_eq!((message.text.as_deref(), message.raw), (Some("See."), Some(cited)));
        let message = readable(json!({"role": "assistant", "content": "", "refusal": "I cannot."}));
        assert_eq!(message.text.as_deref(), Some("I cannot."));
        let refusal = json!([{"type": "refusal", "refusal": "No."}]);
        assert_eq!(readable(json!({"role": "assistant", "content": refusal})).text.as_deref(), Some("No."));
    }

    #[test]
    fn what_makes_no_sense_is_kept_and_said() {
        let (message, odd) = read_one(json!({"role": "user", "content": 42, "name": {"first": "Dana"}}));
        let message = message.unwrap();
        assert_eq!((message.text.as_deref(), message.raw), (Some("42"), Some(json!({"name": {"first": "Dana"}}))));
        assert_eq!(odd, ["/content", "/name"]);
        let broken = json!([{"id": "c", "function": {"arguments": "{}"}}, {"id": "d", "function": {"name": "ok"}}]);
        let (message, odd) = read_one(json!({"role": "assistant", "content": "", "tool_calls": &broken}));
        let message = message.unwrap();
        assert_eq!((message.text, message.tool_calls.len()), (None, 1));
        assert_eq!((message.raw, odd), (Some(json!({"tool_calls": broken})), vec!["/tool_calls".to_owned()]));
    }
}
