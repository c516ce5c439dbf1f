//! Conversion from native messages to those of a chat completion, ready to append to a model's history. OpenAI accepts
//! a history only when every tool call is answered directly after the message that calls, and every answer has its
//! call.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    ops::RangeInclusive,
};

use serde_json::{Value, json};

use crate::domain::{
    ids::MessageId,
    message::{Message, MessageRole},
};

/// The maximum distance between a call and its answer, in messages. A page is written with so many messages around it,
/// so that adjacent pages agree on which calls are answered.
pub const APART: i64 = 200;
/// The maximum length of a call id that OpenAI accepts.
const MOST_OF_AN_ID: usize = 40;
/// The maximum length of a tool name that OpenAI accepts.
const MOST_OF_A_NAME: usize = 64;

/// Writes the messages with these positions, given also those around them, in order.
pub fn write(around: &[Message], page: RangeInclusive<i64>) -> Vec<Value> {
    let answers = answers(around);
    let answering: HashSet<usize> = answers.values().copied().collect();
    let mut written = vec![];
    for (at, message) in around.iter().enumerate().filter(|(_, message)| page.contains(&message.position)) {
        let ids = ids(message);
        let calls = ids.iter().zip(&message.tool_calls);
        written.extend(said(message, calls.map(|(id, call)| called(id, &call.name, &call.arguments)).collect()));
        written.extend(ids.iter().enumerate().map(|(i, id)| match answers.get(&(at, i)) {
            Some(answer) => answered(id, &output(&around[*answer])),
            None => answered(id, "No result of this call is known."),
        }));
        if result_of(message).is_some() && !answering.contains(&at) {
            let (id, tool) = (made_up(message, ids.len()), message.author.as_ref());
            let call = called(&id, tool.map_or("tool", |tool| tool.name.as_str()), &Value::Null);
            written.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
            written.push(answered(&id, &output(message)));
        }
    }
    written
}

/// A call, by the index of its message and its index in the message.
type Call = (usize, usize);

/// Returns which message answers which call: the first call with the id of the answer that has no answer yet, or simply
/// the first without an answer, when the answer names no id.
fn answers(messages: &[Message]) -> HashMap<Call, usize> {
    let mut open: BTreeSet<Call> = BTreeSet::new();
    let mut named: HashMap<&str, VecDeque<Call>> = HashMap::new();
    let mut answers = HashMap::new();
    for (at, message) in messages.iter().enumerate() {
        if let Some(call_id) = result_of(message) {
            let is_far = |(caller, _): &Call| message.position - messages[*caller].position > APART;
            while open.first().is_some_and(is_far) {
                open.pop_first();
            }
            let call = match call_id {
                None => open.first().copied(),
                Some(id) => named.get_mut(id).and_then(|calls| {
                    let first = calls.iter().position(|call| open.contains(call))?;
                    calls.drain(..=first).next_back()
                }),
            };
            if let Some(call) = call {
                open.remove(&call);
                answers.insert(call, at);
            }
        }
        for (i, call) in message.tool_calls.iter().enumerate() {
            open.insert((at, i));
            if let Some(id) = &call.id {
                named.entry(id).or_default().push_back((at, i));
            }
        }
    }
    answers
}

/// Returns whether this message is the answer of a tool, and which call it says it answers.
fn result_of(message: &Message) -> Option<Option<&str>> {
    let says = message.role == MessageRole::Tool && message.text.is_some();
    message.tool_result.as_ref().map(|result| result.call_id.as_deref()).or(says.then_some(None))
}

/// Returns what a message says and calls; nothing when it does neither.
fn said(message: &Message, calls: Vec<Value>) -> Vec<Value> {
    let text = message.text.as_deref().filter(|text| !text.trim().is_empty());
    let (role, text) = match message.role {
        // The content is not repeated, because it came from anyone, and models trust system messages.
        _ if message.unreadable => ("system", Some("A message of this conversation could not be read.".to_owned())),
        MessageRole::Tool => ("tool", None),
        MessageRole::Customer => ("user", text.map(str::to_owned)),
        MessageRole::System => ("system", text.map(str::to_owned)),
        MessageRole::Agent => ("assistant", text.map(str::to_owned)),
        MessageRole::Operator => ("assistant", text.map(|text| spoken(message, text))),
    };
    let mut said = vec![];
    match (role, text) {
        ("assistant", text) if !calls.is_empty() => {
            return vec![json!({"role": role, "content": text, "tool_calls": calls})];
        }
        (role, Some(text)) => said.push(json!({"role": role, "content": text})),
        (_, None) => {}
    }
    if !calls.is_empty() {
        said.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
    }
    said
}

/// Labels an operator's words, which a model must not take for its own.
fn spoken(message: &Message, text: &str) -> String {
    match &message.author {
        Some(author) => format!("[{}, human operator] {text}", author.public_name),
        None => format!("[human operator] {text}"),
    }
}

fn called(id: &str, name: &str, arguments: &Value) -> Value {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let name: String = name.chars().map(letter).take(MOST_OF_A_NAME).collect();
    let name = if name.is_empty() { "tool" } else { &name };
    let arguments = match arguments {
        Value::Null => "{}".to_owned(),
        // Arguments as a model wrote them, which may not be JSON.
        Value::String(text) if !text.trim().is_empty() => text.clone(),
        Value::String(_) => "{}".to_owned(),
        json => json.to_string(),
    };
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn answered(id: &str, content: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": content})
}

fn output(message: &Message) -> String {
    let text = match message.tool_result.as_ref().map(|result| &result.output) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) => String::new(),
        Some(json) => json.to_string(),
        None => message.text.clone().unwrap_or_default(),
    };
    let text = if text.trim().is_empty() { "(no output)".to_owned() } else { text };
    let failed = message.tool_result.as_ref().is_some_and(|result| result.is_error);
    if failed { format!("Error: {text}") } else { text }
}

/// Returns the ids of a message's calls: their own where OpenAI accepts it and no earlier call of the message has it,
/// otherwise a generated one.
fn ids(message: &Message) -> Vec<String> {
    let mut seen = HashSet::new();
    let calls = message.tool_calls.iter().enumerate();
    calls
        .map(|(i, call)| match &call.id {
            Some(id) if !id.trim().is_empty() && id.chars().count() <= MOST_OF_AN_ID && seen.insert(id) => id.clone(),
            _ => made_up(message, i),
        })
        .collect()
}

/// Generates the id of a call, which is the same every time.
fn made_up(message: &Message, i: usize) -> String {
    let id = message.id.to_string();
    format!("call_{}_{i}", id.trim_start_matches(MessageId::PREFIX))
}
