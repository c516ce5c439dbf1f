//! Keys and values that agents sent: arguments, evidence, metadata.

use leptos::prelude::*;
use serde_json::{Map, Value};

use super::revealed::{revealed, spelled};

/// Draws an object as terms and their values.
pub fn pairs(object: &Map<String, Value>) -> AnyView {
    let rows = object.iter().map(|(key, value)| {
        view! {
            <dt>{revealed(key)}</dt>
            <dd dir="auto">{revealed(&in_line(value))}</dd>
        }
    });
    view! { <dl class="pairs">{rows.collect::<Vec<_>>()}</dl> }.into_any()
}

/// A value on one line: text without its quotes, anything else as JSON.
pub fn in_line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Draws a value as code: text as it is, anything else as indented JSON.
pub fn code(value: &Value) -> AnyView {
    let text = match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    view! { <pre class="code" tabindex="0"><code>{revealed(&text)}</code></pre> }.into_any()
}

/// The first letter large, for words that begin a line.
pub fn sentence_case(words: &str) -> String {
    let words = spelled(words);
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}
