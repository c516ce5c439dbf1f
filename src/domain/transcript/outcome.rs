//! Detection of failed tool calls by their results. Most formats have no field for a failure, so it is most often only
//! written in the output.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{
    json_values::{MOST_IN_TEXT, values_in_text},
    message::ToolResult,
};

/// The outcome of an answered call, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    Failed,
    Succeeded,
    /// Neither the agent nor the output states it.
    Unknown,
}

impl ToolResult {
    /// Returns whether the call failed. An output that reads as an error counts as a failure whatever the agent said,
    /// because agents state success for calls whose tool caught its own exception.
    pub fn outcome(&self) -> ToolOutcome {
        match stated(&self.output) {
            _ if self.is_error => ToolOutcome::Failed,
            Some(true) => ToolOutcome::Failed,
            Some(false) => ToolOutcome::Succeeded,
            None if self.outcome_stated => ToolOutcome::Succeeded,
            None => ToolOutcome::Unknown,
        }
    }
}

/// Returns whether an output states that it is a failure, or none when it states nothing of the kind.
fn stated(output: &Value) -> Option<bool> {
    match output {
        Value::String(text) => stated_in_text(text),
        Value::Object(object) => stated_in_fields(object),
        Value::Array(items) => match items.as_slice() {
            [Value::Object(part), ..] if part.get("type").is_some_and(|kind| kind == "text") => {
                stated_in_text(part.get("text")?.as_str()?)
            }
            [only @ (Value::Object(_) | Value::String(_))] => stated(only),
            _ => None,
        },
        _ => None,
    }
}

fn stated_in_fields(object: &Map<String, Value>) -> Option<bool> {
    let mut failed = None;
    for (name, value) in object {
        let says = match (name.to_ascii_lowercase().as_str(), value) {
            ("error" | "errors" | "traceback", value) => !is_nothing(value),
            ("iserror" | "is_error", Value::Bool(is_error)) => *is_error,
            ("success" | "ok", Value::Bool(is_success)) => !*is_success,
            ("status", Value::String(status)) if status.eq_ignore_ascii_case("error") => true,
            _ => continue,
        };
        failed = Some(says || failed == Some(true));
    }
    failed
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}

fn stated_in_text(text: &str) -> Option<bool> {
    let text = text.trim_start();
    if values_in_text(text, MOST_IN_TEXT).is_some()
        && let Ok(value) = serde_json::from_slice::<Value>(text.as_bytes())
    {
        return stated(&value);
    }
    begins_as_failure(text).then_some(true)
}

/// Returns whether the first word is one of failure, as in `Error: …`, `[ERROR] …`, `Failed to …` or `ValueError: …`.
fn begins_as_failure(text: &str) -> bool {
    let is_mark = |letter: char| {
        letter.is_ascii_punctuation() || letter.is_whitespace() || "❌❗⚠✗✖🚨🛑\u{FE0F}".contains(letter)
    };
    let text = text.trim_start_matches(is_mark);
    let end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || "_.".contains(letter)));
    let (word, after) = text.split_at(end.unwrap_or(text.len()));
    let small = word.to_ascii_lowercase();
    let begins = ["error", "exception", "traceback", "failed", "failure"].into_iter().any(|failure| {
        // `exceptional` and `errors` are other words; `Error_404` and `ErrorCode` are not.
        small.starts_with(failure) && !word[failure.len()..].starts_with(|letter: char| letter.is_ascii_lowercase())
    });
    // The names of exception classes, as Python, Java and JavaScript print them.
    let is_class = small.ends_with("error") || small.ends_with("exception");
    begins || (is_class && after.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(output: Value, stated: Option<bool>) -> ToolOutcome {
        let is_error = stated == Some(true);
        ToolResult { call_id: None, output, is_error, outcome_stated: stated.is_some() }.outcome()
    }

    #[test]
    fn a_result_that_reads_as_an_error_has_failed() {
        for output in [
            json!("Error: payment amount does not add up"),
            json!("error"),
            json!("ERROR: no such user"),
            json!("Error_404"),
            json!("\n[ERROR] out of stock"),
            json!("❌ Failed to refund"),
            json!("Failed."),
            json!("Exception in thread \"main\""),
            json!("Traceback (most recent call last):"),
            json!("ValueError: 5"),
            json!("requests.exceptions.HTTPError: 404"),
            json!({"error": "not found"}),
            json!({"Error": {"code": 5}}),
            json!({"id": 1, "errors": ["a"], "success": true}),
            json!({"content": [], "isError": true}),
            json!({"success": false}),
            json!({"status": "error", "message": "x"}),
            json!("{\"error\": \"x\", \"total\": 1.50}"),
            json!([{"type": "text", "text": "Error: x"}]),
            json!([{"error": "x"}]),
        ] {
            for stated in [None, Some(false), Some(true)] {
                assert_eq!(outcome(output.clone(), stated), ToolOutcome::Failed, "{output}");
            }
        }
        assert_eq!(outcome(json!("fine"), Some(true)), ToolOutcome::Failed);
    }

    #[test]
    fn success_is_only_what_somebody_stated() {
        for output in [
            json!("Transfer successful"),
            json!("Exceptional service"),
            json!("Errors were not found"),
            json!("A terror: none"),
            json!("Ошибка Error"),
            json!(""),
            json!(255.5),
            json!(null),
            json!({"charges": 2}),
            json!({"order": "A-1", "status": "failed"}),
            json!([{"error": "x"}, {"error": null}]),
        ] {
            assert_eq!(outcome(output.clone(), None), ToolOutcome::Unknown, "{output}");
            assert_eq!(outcome(output.clone(), Some(false)), ToolOutcome::Succeeded, "{output}");
        }
        for output in [json!({"error": null}), json!({"ok": true}), json!("{\"error\": null, \"eur\": 1.50}")] {
            assert_eq!(outcome(output.clone(), None), ToolOutcome::Succeeded, "{output}");
        }
    }
}
