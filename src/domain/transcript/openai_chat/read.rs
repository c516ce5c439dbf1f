//! From a chat completion's message to ours. What cannot be said in text is a placeholder in the text, so that whoever
//! reads the conversation sees that something was there.

use serde_json::{Map, Value};

use super::super::{Rest, set};
use crate::domain::{
    ask::FieldProblem,
    message::{Author, Message, MessageRole, ToolCall, ToolResult},
};

/// What a message of this form needs, for those whose messages have none of it.
pub const NEEDS: &str =
    "a role (user, assistant, system, developer, tool or function) and one of content, tool_calls and tool_call_id";

/// Longer text in base64, or a longer address that holds what it is of, is a picture or a sound: nothing for a reader, and
/// too large to carry along.
const MOST_DATA: usize = 4_096;
/// How much of a stranger's word a placeholder repeats, in characters.
const MOST_OF_A_WORD: usize = 60;

/// Reads into a message that has its id and place; none when this is no message of this form. What is odd is told with
/// pointers from the message.
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
        rest: Rest { raw: Map::new(), odd },
    };
    object.iter().for_each(|(name, value)| it.field(name, value));
    it.into_message()
}

struct Reading<'a> {
    message: Message,
    /// Piece by piece, once there is any content.
    said: Vec<String>,
    call_id: Option<String>,
    output: Option<Value>,
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
            ("function_call", call) => match tool_call(call) {
                Some(call) => self.message.tool_calls.push(call),
                None => self.unread(name, value),
            },
            ("tool_call_id", id) if is_tool => {
                if !set(&mut self.call_id, id_of(id)) {
                    self.unread(name, value);
                }
            }
            ("refusal" | "name" | "tool_calls", _) => self.unread(name, value),
            (_, other) => {
                // As RFC 6901 wants it.
                let kept = self.kept(other, &format!("/{}", name.replace('~', "~0").replace('/', "~1")));
                self.rest.raw.insert(name.to_owned(), kept);
            }
        }
    }

    /// The texts of content in parts, in order, each other part as a placeholder. The other parts are kept.
    fn parts(&mut self, parts: &[Value]) {
        let mut others = vec![];
        for (i, part) in parts.iter().enumerate() {
            match words_of(part) {
                Some(text) => self.said.push(text.to_owned()),
                None => {
                    self.said.push(placeholder(part));
                    others.push(self.kept(part, &format!("/content/{i}")));
                }
            }
        }
        if parts.is_empty() {
            self.said.push(String::new());
        }
        if !others.is_empty() {
            self.rest.raw.insert("content".to_owned(), Value::Array(others));
        }
    }

    /// What a tool answered: text, also when it comes in parts, or whatever else it is.
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

    /// A value as it came, but for data in it.
    fn kept(&mut self, value: &Value, pointer: &str) -> Value {
        let mut kept = value.clone();
        if drop_data(&mut kept) > 0 {
            self.rest.odd.push(FieldProblem::new(pointer, "holds data as text, which was left out"));
        }
        kept
    }

    fn into_message(mut self) -> Option<Message> {
        if self.said.iter().all(String::is_empty)
            && let Some(audio) = self.rest.raw.get("audio")
        {
            self.said.push("[audio]".to_owned());
            self.said.extend(audio.get("transcript").and_then(Value::as_str).map(str::to_owned));
        }
        let words: Vec<&str> = self.said.iter().map(String::as_str).filter(|words| !words.is_empty()).collect();
        // Nothing but empty words is something only where there is nothing else.
        let says = !words.is_empty() || (!self.said.is_empty() && self.message.tool_calls.is_empty());
        self.message.text = says.then(|| words.join("\n"));
        self.message.tool_result = (self.output.is_some() || self.call_id.is_some()).then(|| ToolResult {
            call_id: self.call_id,
            output: self.output.unwrap_or_default(),
            is_error: false,
        });
        let does = !self.message.tool_calls.is_empty() || self.message.tool_result.is_some();
        self.message.raw = self.rest.into_raw();
        (says || does).then_some(self.message)
    }
}

fn author(name: &str) -> Author {
    Author { id: None, name: name.to_owned(), public_name: name.to_owned() }
}

/// An id, which some programs number.
fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// A call of a function or of a custom tool; the legacy `function_call` is only what is inside.
fn tool_call(value: &Value) -> Option<ToolCall> {
    let call = value.as_object()?;
    let inside = ["function", "custom"].into_iter().find_map(|kind| call.get(kind)?.as_object()).unwrap_or(call);
    let arguments = inside.get("arguments").or(inside.get("input")).cloned().unwrap_or_default();
    Some(ToolCall { id: call.get("id").and_then(id_of), name: inside.get("name")?.as_str()?.to_owned(), arguments })
}

/// The words of a part that is words.
fn words_of(part: &Value) -> Option<&str> {
    let words = match part.get("type").and_then(Value::as_str) {
        Some("text" | "input_text" | "output_text") => part.get("text")?,
        Some("refusal") => part.get("refusal")?,
        _ => part,
    };
    words.as_str()
}

/// What stands in the text for a part that is no words.
fn placeholder(part: &Value) -> String {
    let word =
        |value: Option<&Value>| value?.as_str().map(|word| word.chars().take(MOST_OF_A_WORD).collect::<String>());
    match word(part.get("type")).as_deref() {
        Some("image_url" | "input_image" | "image") => "[image]".to_owned(),
        Some("input_audio" | "output_audio" | "audio") => "[audio]".to_owned(),
        Some("file" | "input_file") => {
            let file = part.get("file").unwrap_or(part);
            word(file.get("filename")).map_or("[file]".to_owned(), |name| format!("[file: {name}]"))
        }
        Some(other) => format!("[{other}]"),
        None => "[part]".to_owned(),
    }
}

/// Replaces data by a word on how much there was; how often it did.
fn drop_data(value: &mut Value) -> usize {
    match value {
        Value::String(text) if is_data(text) => {
            *text = format!("({} characters of data)", text.len());
            1
        }
        Value::Array(items) => items.iter_mut().map(drop_data).sum(),
        Value::Object(object) => object.values_mut().map(drop_data).sum(),
        _ => 0,
    }
}

fn is_data(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(&byte);
    text.len() > MOST_DATA && (text.starts_with("data:") || text.bytes().all(is_base64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::MessageId;

    /// The message, and the pointers of what is odd.
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
        // Ours, which it must not be mistaken for.
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
    fn what_is_no_text_is_a_placeholder_and_kept() {
        let picture = json!({"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}});
        let message = readable(json!({"role": "user", "content": [
            {"type": "text", "text": "Look:"}, picture, {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
            {"type": "file", "file": {"filename": "bill.pdf", "file_id": "file_1"}}, {"type": "hologram"}, "and", 7,
        ]}));
        assert_eq!(message.text.as_deref(), Some("Look:\n[image]\n[audio]\n[file: bill.pdf]\n[hologram]\nand\n[part]"));
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
        // What people and programs write has spaces, marks, or letters that base64 has not.
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
