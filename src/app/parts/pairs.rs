//! Renders keys and values that agents sent: arguments, evidence, metadata.

use leptos::prelude::*;
use serde_json::{Map, Value};

use super::{
    drawn::{code_block, element, words},
    revealed::spelled,
};
use crate::domain::{json::Json, json_text::JsonText};

/// Values other than text whose JSON is longer than this, in bytes, are indented.
const LONGEST_LINE: usize = 60;

/// Renders an object as terms and their values.
pub fn pairs(object: &Map<String, Value>) -> AnyView {
    element("dl", "pairs", object.iter().flat_map(|(key, value)| pair(key, &value_text(&Json::from(value)))).collect())
}

/// Renders arguments as terms and their values, with numbers as they were written.
pub fn arguments(text: &JsonText) -> AnyView {
    match text.json() {
        Json::Object(members) => {
            let members = members.iter().flat_map(|(key, value)| pair(key, &value_text(value)));
            element("dl", "pairs", members.collect())
        }
        other => code_block(&other.pretty()),
    }
}

/// Renders a term and its value.
pub fn pair(name: &str, value: &str) -> [AnyView; 2] {
    [words("dt", "", name), words("dd", "", value)]
}

/// Returns a value in readable form: text without its quotes, anything else as JSON, which is indented when it is long.
pub fn value_text(value: &Json) -> String {
    let line = match value {
        Json::String(text) => return text.clone(),
        other => other.to_string(),
    };
    if line.len() > LONGEST_LINE { value.pretty() } else { line }
}

/// Renders a value as code: text as it is, anything else as indented JSON.
pub fn code(value: &Value) -> AnyView {
    match value {
        Value::String(text) => code_block(text),
        other => code_block(&serde_json::to_string_pretty(other).unwrap_or_default()),
    }
}

/// Returns the text with its first letter in upper case, for text that begins a line.
pub fn sentence_case(words: &str) -> String {
    let mut words = spelled(words);
    // Only ASCII letters are changed. That covers the words that agents are asked to use; letters of other scripts
    // stay.
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}
