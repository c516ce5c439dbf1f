//! The reasoning of a model before it answered. Readers keep it in `raw`, because it is no part of the conversation.
//! Operators see it from there.

use serde_json::Value;

use crate::domain::message::Message;

/// Fields of a message that hold reasoning, in the dialects of `openai.chat`.
const FIELDS: [&str; 3] = ["reasoning_content", "reasoning", "thinking"];
/// Types of parts that hold reasoning, and the fields of a part that may hold its text.
const PART_TYPES: [&str; 2] = ["thinking", "reasoning"];
const PART_TEXTS: [&str; 4] = ["thinking", "reasoning", "text", "summary"];

/// Returns the reasoning of a message, when any came with it.
pub fn reasoning(message: &Message) -> Option<String> {
    let raw = message.raw.as_ref().filter(|_| !message.unreadable)?;
    let fields = FIELDS.into_iter().filter_map(|name| raw.get(name));
    let parts = raw.get("content").and_then(Value::as_array).into_iter().flatten().filter(|part| is_part(part));
    let mut texts: Vec<String> = vec![];
    for value in fields.chain(parts) {
        let text = text_of(value);
        // Some programs send the same reasoning under two names.
        if !text.trim().is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

/// Returns whether a part of a message's content is reasoning.
pub(super) fn is_part(part: &Value) -> bool {
    part.get("type").and_then(Value::as_str).is_some_and(|kind| PART_TYPES.contains(&kind)) && !text_of(part).is_empty()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect(),
        Value::Object(part) => PART_TEXTS.into_iter().find_map(|name| part.get(name)).map(text_of).unwrap_or_default(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{ids::MessageId, message::MessageRole};

    #[test]
    fn reasoning_is_found_under_each_of_its_names() {
        let of = |raw: Value| {
            let blank = Message::empty(MessageId::new(Uuid::nil()), 0, MessageRole::Agent);
            reasoning(&Message { raw: Some(raw), ..blank })
        };
        let thought = Some("Two and two.".to_owned());
        let part = json!({"type": "thinking", "thinking": [{"type": "text", "text": "Two and two."}], "closed": true});
        for raw in [
            json!({"reasoning_content": "Two and two."}),
            json!({"reasoning": "Two and two.", "reasoning_content": "Two and two."}),
            json!({"content": [{"type": "image"}, part]}),
            json!({"content": [{"type": "reasoning", "text": "Two and two."}]}),
        ] {
            assert_eq!(of(raw.clone()), thought, "{raw}");
        }
        for raw in
            [json!({"reasoning": {"effort": "low"}}), json!({"reasoning": " "}), json!({"mood": "x"}), json!([1])]
        {
            assert_eq!(of(raw.clone()), None, "{raw}");
        }
    }
}
