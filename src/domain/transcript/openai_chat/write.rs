//! From our messages to those of a chat completion, ready to append to a model's history. OpenAI takes a history only when
//! every call of a tool is answered right behind the message that calls, and every answer has its call.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    ops::RangeInclusive,
};

use serde_json::{Value, json};

use crate::domain::{
    ids::MessageId,
    message::{Message, MessageRole},
};

/// How far behind a call its answer may be, in messages. A page is written by what is so far around it, and so each
/// page knows the same calls answered as the pages beside it.
pub const APART: i64 = 200;
/// OpenAI takes no longer ids of calls.
const MOST_OF_AN_ID: usize = 40;
/// And no longer names of tools.
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

/// A call by the places of its message and in it.
type Call = (usize, usize);

/// Which message answers which call: the first call of its id that has no answer yet, or simply the first, when the
/// answer names none.
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

/// Whether a tool answers in this message, and which call that says it answers.
fn result_of(message: &Message) -> Option<Option<&str>> {
    let says = message.role == MessageRole::Tool && message.text.is_some();
    message.tool_result.as_ref().map(|result| result.call_id.as_deref()).or(says.then_some(None))
}

/// What is said and called; nothing when that is nothing.
fn said(message: &Message, calls: Vec<Value>) -> Vec<Value> {
    let text = message.text.as_deref().filter(|text| !text.trim().is_empty());
    let (role, text) = match message.role {
        // What it was is not repeated: it came from anyone, and the system is believed.
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

/// An operator's words, which a model must not take for its own.
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
        // What a model wrote as arguments and is no JSON.
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

/// The ids of a message's calls: their own, where they have one that is taken and no other of these has.
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

/// The same every time it is asked for.
fn made_up(message: &Message, i: usize) -> String {
    let id = message.id.to_string();
    format!("call_{}_{i}", id.trim_start_matches(MessageId::PREFIX))
}
