//! A check of a model's history against the rules of OpenAI's API, as documented and as observed in its answers.

use std::collections::HashSet;

use serde_json::Value;

/// Checks that the API would accept a model's history. The error names the message that it would refuse, and why.
pub fn accepted(history: &[Value]) -> Result<(), String> {
    let mut owed: HashSet<&str> = HashSet::new();
    for (at, message) in history.iter().enumerate() {
        let no = |why: &str| Err(format!("message {at}: {why}: {message}"));
        let role = message["role"].as_str().unwrap_or_default();
        let calls = message.get("tool_calls").map(|calls| calls.as_array().map_or(&[][..], Vec::as_slice));
        if role == "tool" {
            if !message["tool_call_id"].as_str().is_some_and(|id| owed.remove(id)) {
                return no("answers no call of the message before");
            }
        } else if !owed.is_empty() {
            return no("stands between a call and its answer");
        }
        let says = message["content"].as_str().is_some_and(|text| !text.trim().is_empty());
        match (role, calls) {
            ("assistant", Some([])) => return no("calls nothing"),
            ("assistant", Some(_)) if says || message["content"].is_null() => {}
            ("system" | "user" | "assistant" | "tool", None) if says => {}
            ("system" | "user" | "assistant" | "tool", None) => return no("has no content"),
            _ => return no("is of no known kind"),
        }
        for call in calls.unwrap_or_default() {
            let is_name = |name: &str| {
                (1..=64).contains(&name.len())
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            };
            let id = call["id"].as_str().filter(|id| (1..=40).contains(&id.chars().count()));
            if !id.is_some_and(|id| owed.insert(id)) {
                return no("has a call without an id of its own");
            }
            if call["type"] != "function" || !call["function"]["name"].as_str().is_some_and(is_name) {
                return no("calls what is no function");
            }
            if !call["function"]["arguments"].is_string() {
                return no("has arguments that are no text");
            }
        }
    }
    if owed.is_empty() { Ok(()) } else { Err("a call at the end has no answer".to_owned()) }
}

/// The control: a plain copy of a conversation with a flaw is refused.
#[test]
fn a_history_with_a_flaw_is_refused() {
    use serde_json::json;
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "look_up", "arguments": "{}"}});
    let calling = |id: &str| json!({"role": "assistant", "content": null, "tool_calls": [call(id)]});
    let answer = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "ok"});
    let user = json!({"role": "user", "content": "Hi"});
    assert_eq!(accepted(&[user.clone(), calling("a"), answer("a"), user.clone()]), Ok(()));
    for flawed in [
        vec![calling("a")],
        vec![calling("a"), user.clone(), answer("a")],
        vec![answer("a")],
        vec![calling("a"), answer("b")],
        vec![calling("a"), answer("a"), answer("a")],
        vec![calling(""), answer("")],
        vec![json!({"role": "user", "content": " "})],
        vec![json!({"role": "assistant", "content": null})],
        vec![json!({"role": "operator", "content": "Hi"})],
        vec![json!({"role": "assistant", "content": null, "tool_calls": [call("a"), call("a")]}), answer("a")],
    ] {
        assert!(accepted(&flawed).is_err(), "{flawed:?}");
    }
}
