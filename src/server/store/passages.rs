//! Passages: the texts that search finds. Each message, note, reason and similar text is one passage, indexed by its
//! words. The index says where the text is stored, and snippets are made from the stored text.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::domain::{
    ask::{Action, Ask},
    event::{Event, EventKind},
    ids::{EscalationId, WorkspaceId},
    json::Json,
    json_text::JsonText,
    message::Message,
    opening::{ContextItem, Customer, Opening},
    outcome::Resolution,
    seq::Seq,
    text::{NoteText, Text},
    update::OpeningUpdate,
};

/// The number of passages that one event may have, as a power of two. A transcript has fewer messages.
const PASSAGES_AN_EVENT: u32 = 20;
/// The maximum bytes of a transcript's texts that are indexed, newest messages first. The writer indexes them while its
/// other callers wait.
const MOST_BYTES: usize = 256 * 1024;
/// The maximum bytes of a transcript's tool calls and results that are indexed: as many as one request can carry.
const MOST_TOOL_BYTES: usize = 8 * 1024 * 1024;
/// The maximum bytes that are indexed of one message's tool calls, of its tool results, and of each other JSON value.
const MOST_JSON: usize = 16 * 1024;

/// A text that can be found by its words.
#[derive(Debug)]
pub struct Passage {
    pub workspace: WorkspaceId,
    pub escalation: EscalationId,
    /// The seq of the event that brought the text, combined with the passage's number within that event.
    pub place: i64,
    /// The text's position among the messages, or -1 when it is not a message.
    pub position: i64,
    pub text: String,
}

/// Returns the seq of the event that brought the passage at a place.
pub fn seq_of(place: i64) -> i64 {
    place >> PASSAGES_AN_EVENT
}

impl Passage {
    /// Returns the passage of an event, if it has text.
    pub fn of_event(workspace: WorkspaceId, event: &Event) -> Option<Self> {
        let position = match &event.kind {
            EventKind::MessageCreated { message } => message.position,
            _ => -1,
        };
        let text = text_of_event(&event.kind)?;
        Some(Self {
            workspace,
            escalation: event.escalation_id,
            place: event.seq.0 << PASSAGES_AN_EVENT,
            position,
            text,
        })
    }

    /// Returns the passages of the messages with which an escalation was opened. `opened` is the seq of its opening.
    pub fn of_transcript(
        workspace: WorkspaceId,
        escalation: EscalationId,
        opened: Seq,
        transcript: &[Message],
    ) -> Vec<Self> {
        let (mut left, mut left_for_tools) = (MOST_BYTES, MOST_TOOL_BYTES);
        let mut passages = vec![];
        for message in transcript.iter().rev() {
            let Some(rest) = left.checked_sub(message.text.as_deref().map_or(0, str::len)) else { break };
            left = rest;
            // Large results have a limit of their own, so that they do not keep older texts out of the index.
            let tools = text_of_tools(message).filter(|tools| tools.len() <= left_for_tools);
            left_for_tools -= tools.as_deref().map_or(0, str::len);
            let Some(text) = in_lines([message.text.clone(), tools]) else { continue };
            let position = message.position;
            let place = (opened.0 << PASSAGES_AN_EVENT) + 1 + position;
            passages.push(Self { workspace, escalation, place, position, text });
        }
        passages.reverse();
        passages
    }
}

/// Returns the searchable text of an event.
pub fn text_of_event(kind: &EventKind) -> Option<String> {
    let note = |note: &Option<NoteText>| note.as_ref().map(ToString::to_string);
    match kind {
        EventKind::Opened { escalation } => Some(text_of_opening(&escalation.opening)),
        EventKind::MessageCreated { message } => text_of_message(message),
        EventKind::Noted { text } => Some(text.to_string()),
        EventKind::Transferred { note: said, .. } => note(said),
        EventKind::FollowedUp { follow_up } => note(&follow_up.note),
        EventKind::Cancelled { reason, .. } => Some(reason.to_string()),
        EventKind::AskedAgain { reason, summary, .. } => {
            in_lines([Some(reason.to_string()), summary.as_ref().map(ToString::to_string)])
        }
        EventKind::Updated { update, .. } => text_of_update(update),
        EventKind::Marked { tags: Some(tags), .. } => in_lines(tags.iter().map(|tag| Some(tag.to_string()))),
        EventKind::Resolved { outcome } => text_of_resolution(&outcome.resolution),
        EventKind::Claimed { .. }
        | EventKind::TakenOver { .. }
        | EventKind::Released { .. }
        | EventKind::Accepted { .. }
        | EventKind::MessageReceipt { .. }
        | EventKind::Marked { tags: None, .. }
        | EventKind::Expired { .. }
        | EventKind::Delivered { .. }
        | EventKind::NotPickedUp { .. }
        | EventKind::Acknowledged { .. } => None,
    }
}

/// Returns the searchable text of a message: its text, and the arguments and results of its tools.
pub fn text_of_message(message: &Message) -> Option<String> {
    in_lines([message.text.clone(), text_of_tools(message)])
}

/// Returns the searchable text of a message's tool calls, tool result and unreadable raw data.
fn text_of_tools(message: &Message) -> Option<String> {
    let (mut calls, mut results) = (ReadableJson::new(), ReadableJson::new());
    for call in &message.tool_calls {
        calls.line(&call.name);
        calls.value(&unwrapped(&call.arguments));
    }
    if let Some(result) = &message.tool_result {
        results.value(&unwrapped(&result.output));
    }
    if let Some(raw) = message.raw.as_ref().filter(|_| message.unreadable) {
        results.value(raw);
    }
    in_lines([Some(calls.text), Some(results.text)])
}

/// Returns the customer, the reason, the summary, the facts, and the actions that the agent proposes.
fn text_of_opening(it: &Opening) -> String {
    let words = it.reason.in_words();
    let known = [
        Some(words.as_str()),
        Some(it.reason.text.as_str()),
        it.summary.as_ref().map(Text::as_str),
        it.customer_told.as_ref().map(Text::as_str),
        it.conversation_id(),
    ];
    let known = known.into_iter().flatten().chain(it.tried.iter().map(Text::as_str)).map(|text| Some(text.to_owned()));
    let objects = [&it.reason.evidence, &it.metadata].into_iter().flatten().map(text_of_json);
    let customer = it.customer().and_then(text_of_customer);
    let parts = [text_of_context(&it.context), text_of_ask(&it.ask)];
    in_lines([customer].into_iter().chain(known).chain(parts).chain(objects)).unwrap_or_default()
}

/// Returns the searchable text of an update: its new values.
fn text_of_update(it: &OpeningUpdate) -> Option<String> {
    let summary = it.summary.as_ref().map(ToString::to_string);
    let tried = it.tried.iter().flatten().map(|text| Some(text.to_string()));
    let parts = [
        summary,
        it.customer.as_ref().and_then(text_of_customer),
        it.context.as_deref().and_then(text_of_context),
        it.ask.as_ref().and_then(text_of_ask),
    ];
    in_lines(tried.chain(parts))
}

fn given<const N: usize>(text: &Option<Text<N>>) -> Option<String> {
    text.as_ref().map(ToString::to_string)
}

fn text_of_customer(it: &Customer) -> Option<String> {
    in_lines([given(&it.name), given(&it.email), given(&it.id)])
}

fn text_of_context(all: &[ContextItem]) -> Option<String> {
    in_lines(all.iter().flat_map(|it| [Some(it.label.to_string()), given(&it.value), given(&it.url)]))
}

fn text_of_ask(it: &Ask) -> Option<String> {
    let options = it.options.iter().flatten().map(|option| Some(option.to_string()));
    let action = |action: &Action| [Some(action.name.to_string()), text_of_json(&action.arguments)];
    let texts = [given(&it.prompt), given(&it.suggested_reply)];
    in_lines(texts.into_iter().chain(options).chain(it.actions.iter().flat_map(action)))
}

/// Returns the searchable text of a resolution: the answer, the data, the note, and the comment and arguments of each
/// action.
fn text_of_resolution(it: &Resolution) -> Option<String> {
    let note = |note: &Option<NoteText>| note.as_ref().map(ToString::to_string);
    let data = it.data.as_ref().map(|data| {
        let mut text = ReadableJson::new();
        text.value(data);
        text.text
    });
    let actions = it
        .actions
        .iter()
        .flat_map(|action| [action.comment.as_ref().map(ToString::to_string), text_of_json(&action.arguments)]);
    in_lines([note(&it.answer), data, note(&it.note_to_agent)].into_iter().chain(actions))
}

/// Parses JSON that was stored as text, so that its escapes are not indexed as letters. Other text is unchanged.
fn unwrapped(value: &Value) -> Cow<'_, Value> {
    match value.as_str().and_then(Json::of_text) {
        Some(json) => Cow::Owned(readable(json)),
        None => Cow::Borrowed(value),
    }
}

/// Converts JSON, with the digits of its numbers as they were written.
fn readable(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(text) | Json::String(text) => Value::String(text),
        Json::Array(items) => items.into_iter().map(readable).collect(),
        Json::Object(members) => members.into_iter().map(|(name, value)| (name, readable(value))).collect(),
    }
}

/// Returns the searchable text of JSON, with the digits of its numbers as they were written.
fn text_of_json(json: &JsonText) -> Option<String> {
    let mut text = ReadableJson::new();
    text.value(&readable(json.json()));
    Some(text.text)
}

/// Joins the non-empty texts by newlines. Returns `None` when there is none.
fn in_lines(texts: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let texts: Vec<String> = texts.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// JSON as readable text, up to [`MOST_JSON`] bytes: a line for each name and value. The text has no quotes and
/// escapes, because `\n` before a word would become part of the word.
struct ReadableJson {
    text: String,
    left: usize,
}

impl ReadableJson {
    fn new() -> Self {
        Self { text: String::new(), left: MOST_JSON }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(object) => self.object(object),
            Value::Array(items) => items.iter().for_each(|item| self.value(item)),
            Value::String(text) => self.line(text),
            other => self.line(&other.to_string()),
        }
    }

    fn object(&mut self, object: &Map<String, Value>) {
        for (name, value) in object {
            self.push(name);
            match value {
                Value::Object(_) | Value::Array(_) => self.push("\n"),
                _ => self.push(": "),
            }
            self.value(value);
        }
    }

    fn line(&mut self, text: &str) {
        self.push(text);
        self.push("\n");
    }

    /// Appends as much of a text as fits.
    fn push(&mut self, text: &str) {
        let mut end = text.len().min(self.left);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&text[..end]);
        // A character that does not fit ends the text.
        self.left = if end < text.len() { 0 } else { self.left - end };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        ids::MessageId,
        message::{MessageRole, ToolCall, ToolResult},
    };

    fn message(position: i64) -> Message {
        Message::empty(MessageId::new(Uuid::nil()), position, MessageRole::Agent)
    }

    fn answering(position: i64, output: Value) -> Message {
        Message {
            tool_result: Some(ToolResult { call_id: None, output, is_error: false, outcome_stated: false }),
            ..message(position)
        }
    }

    #[test]
    fn calls_and_results_of_tools_are_read_as_text() {
        let arguments = json!({"order": "A-4721", "items": [{"sku": "x\ny"}, 2.50], "note": null});
        let call = ToolCall { id: None, name: "refund".to_owned(), arguments };
        let it = Message { text: Some("One moment".to_owned()), tool_calls: vec![call], ..message(0) };
        let text = text_of_message(&it).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["One moment", "refund"]);
        for line in ["order: A-4721", "items", "sku: x", "y", "2.5", "note: null"] {
            assert!(lines.contains(&line), "{line}: {lines:?}");
        }
        assert_eq!(
            text_of_message(&answering(0, json!("Error: no such \"order\""))).unwrap().trim(),
            "Error: no such \"order\""
        );
        assert_eq!(text_of_message(&message(0)), None);
        let odd = Message { unreadable: true, raw: Some(json!({"who": "knows"})), ..message(0) };
        assert_eq!(text_of_message(&odd).unwrap().trim(), "who: knows");
    }

    #[test]
    fn of_one_message_sixteen_kibibytes_of_results_are_read() {
        let text = |hay: usize| text_of_message(&answering(0, json!(format!("{}needle", "é".repeat(hay))))).unwrap();
        assert!(text(8_189).contains("needle"));
        let cut = text(8_190);
        assert!(!cut.contains("needle") && cut.len() <= MOST_JSON, "{}", cut.len());
        // A character that does not fit completely is left out.
        assert_eq!(
            text_of_message(&answering(0, json!(format!("a{}", "é".repeat(9_000))))).unwrap().len(),
            MOST_JSON - 1
        );
    }

    #[test]
    fn large_results_do_not_keep_older_words_out() {
        let opened = Seq(1);
        let (workspace, escalation) = (WorkspaceId::new(Uuid::nil()), EscalationId::new(Uuid::nil()));
        let mut transcript = vec![Message { text: Some("The first words".to_owned()), ..message(0) }];
        transcript.extend((1..40).map(|at| answering(at, json!("hay ".repeat(5_000)))));
        let passages = Passage::of_transcript(workspace, escalation, opened, &transcript);
        assert_eq!(passages[0].text, "The first words");
        assert_eq!((passages.len(), passages.last().map(|it| it.position)), (40, Some(39)));
        assert!(passages.is_sorted_by_key(|it| it.place) && passages.iter().all(|it| seq_of(it.place) == 1));
    }
}
