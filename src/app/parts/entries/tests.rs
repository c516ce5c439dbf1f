//! Tests of the order of entries: by the order of messages, regardless of their dates, with each call at its message.

use serde_json::json;

use super::*;
use crate::domain::{
    ask::AskKind,
    ids::MessageId,
    message::ToolCall,
    stage::{MORNING, Simulation},
};

const DAY: i64 = 86_400_000;

/// Returns the message at a position.
fn line(position: i64, role: MessageRole, text: &str) -> Message {
    let id = MessageId::new(uuid::Uuid::from_u128(position as u128));
    Message { text: (!text.is_empty()).then(|| text.to_owned()), ..Message::empty(id, position, role) }
}

fn calls(position: i64, text: &str, ids: &[&str]) -> Message {
    let call = |id: &&str| ToolCall {
        id: (!id.is_empty()).then(|| (*id).to_owned()),
        name: "call ".to_owned() + *id,
        arguments: json!({}),
    };
    Message { tool_calls: ids.iter().map(call).collect(), ..line(position, MessageRole::Agent, text) }
}

fn result(position: i64, id: &str, output: &str) -> Message {
    let call_id = (!id.is_empty()).then(|| id.to_owned());
    let result = ToolResult { call_id, output: json!(output), is_error: false, outcome_stated: false };
    Message { tool_result: Some(result), ..line(position, MessageRole::Tool, "") }
}

fn laid_out(messages: Vec<Message>, offset: &dyn Fn(Timestamp) -> Span) -> Vec<LogEntry> {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    let escalation = stage.of(id).clone();
    let thread = Thread {
        seq: escalation.seq,
        held_by: None,
        messages: messages
            .into_iter()
            .map(|message| RenderedMessage { message, blocks: vec![], cuts: vec![] })
            .collect(),
        happenings: vec![],
        earlier: vec![],
        escalation,
    };
    let entries = entries(&thread, OperatorId::new(uuid::Uuid::from_u128(9)), offset);
    let keys: std::collections::HashSet<String> = entries.iter().map(LogEntry::key).collect();
    assert_eq!(keys.len(), entries.len(), "every entry has a key of its own");
    entries
}

/// Formats each entry in short: a step is its name, `=` and its output, and `!` when it is the last before the
/// hand-over.
fn in_short(entries: &[LogEntry]) -> Vec<String> {
    let step = |step: &ToolStep| {
        let output = step.result.as_ref().map(|it| "=".to_owned() + it.output.as_str().unwrap_or("?"));
        step.name.clone() + &output.unwrap_or_default() + if step.is_last { "!" } else { "" }
    };
    let steps = |all: &[ToolStep]| all.iter().map(step).collect::<Vec<_>>().join(", ");
    let short = |entry: &LogEntry| match entry {
        LogEntry::Day(date, _) => date.clone(),
        LogEntry::Message { shown, steps: all, .. } => {
            let text = shown.message.text.clone().unwrap_or_default();
            if all.is_empty() { text } else { text + " > " + &steps(all) }
        }
        LogEntry::Prompt(shown) => "prompt ".to_owned() + &shown.message.text.clone().unwrap_or_default(),
        LogEntry::Reasoning(_, text, _) => "thinks ".to_owned() + text,
        LogEntry::Steps(_, all) => "> ".to_owned() + &steps(all),
        LogEntry::Boundary { .. } => "---".to_owned(),
        LogEntry::Note { text, .. } => text.clone(),
    };
    entries.iter().map(short).collect()
}

/// Formats the entries of these messages without days.
fn undated(messages: Vec<Message>) -> Vec<String> {
    let entries = laid_out(messages, &|_| Span(0));
    let entries: Vec<LogEntry> = entries.into_iter().filter(|entry| !matches!(entry, LogEntry::Day(..))).collect();
    in_short(&entries)
}

#[test]
fn a_message_dated_ahead_or_back_moves_no_other() {
    let at = |days: i64| Some(Timestamp(MORNING.0 + days * DAY));
    let said = |position, days| Message { at: at(days), ..line(position, MessageRole::Customer, "hi") };
    let entries = laid_out(vec![said(0, 0), said(1, 400), said(2, 0), said(3, -1), said(4, 0)], &|_| Span(0));
    let day = |days: i64| Timestamp(MORNING.0 + days * DAY).date(Span(0));
    let (now, ahead, back) = (day(0), day(400), day(-1));
    let (now, ahead, back) = (now.as_str(), ahead.as_str(), back.as_str());
    assert_eq!(in_short(&entries), [now, "hi", ahead, "hi", now, "hi", back, "hi", now, "hi", "---"]);
}

#[test]
fn only_messages_of_the_next_minutes_share_a_heading() {
    let said = |position, minutes| {
        let at = MORNING + Span::minutes(minutes);
        Message { at: Some(at), ..line(position, MessageRole::Customer, "hi") }
    };
    let entries = laid_out(vec![said(0, 0), said(1, 4), said(2, -60), said(3, -59), said(4, 0)], &|_| Span(0));
    let grouped = entries.iter().filter_map(|entry| match entry {
        LogEntry::Message { grouped, .. } => Some(*grouped),
        _ => None,
    });
    assert_eq!(grouped.collect::<Vec<_>>(), [false, true, false, true, false]);
}

#[test]
fn a_day_begins_by_the_offset_of_its_own_date() {
    let (winter, summer) = (1_768_516_200_000, 1_784_154_600_000); // 2026-01-15T22:30:00Z and 2026-07-15T22:30:00Z
    let berlin = |at: Timestamp| Span::hours(if at.0 < 1_774_746_000_000 { 1 } else { 2 }); // until 2026-03-29T01:00:00Z
    let said = |position, at| Message { at: Some(Timestamp(at)), ..line(position, MessageRole::Customer, "hi") };
    let entries = laid_out(vec![said(0, winter), said(1, summer)], &berlin);
    assert_eq!(in_short(&entries)[..4], ["2026-01-15", "hi", "2026-07-16", "hi"]);
}

#[test]
fn steps_stand_where_they_happened() {
    let messages = vec![
        line(0, MessageRole::Customer, "Where is it?"),
        calls(1, "I look.", &["a", "b"]),
        result(2, "b", "lost"),
        result(3, "a", "found"),
        calls(4, "", &["c"]),
        result(5, "c", "sent"),
        calls(6, "", &["d"]),
        line(7, MessageRole::Customer, "Hello?"),
        result(8, "d", "late"),
        line(9, MessageRole::Agent, "It is sent."),
        calls(10, "", &["e"]),
    ];
    assert_eq!(
        undated(messages),
        [
            "Where is it?",
            "I look. > call a=found, call b=lost",
            "> call c=sent, call d=late",
            "Hello?",
            "It is sent.",
            "> call e!",
            "---",
        ]
    );
}

#[test]
fn results_without_an_id_answer_the_latest_calls_and_others_stand_for_themselves() {
    let named = Message {
        author: Some(crate::domain::message::Author {
            id: None,
            name: "weather".into(),
            public_name: "weather".into(),
        }),
        ..result(6, "x", "sunny")
    };
    let messages = vec![
        calls(0, "", &["lost"]),
        line(1, MessageRole::Agent, "Hm."),
        calls(2, "", &["", ""]),
        result(3, "", "one"),
        result(4, "", "two"),
        result(5, "nobody's", "odd"),
        named,
    ];
    let steps = "> call =one, call =two, tool=odd, weather=sunny!";
    assert_eq!(undated(messages), ["> call lost", "Hm.", steps, "---"]);
}

#[test]
fn prompts_and_reasoning_stand_apart() {
    let thought = |position, text: &str| Message {
        raw: Some(json!({"reasoning_content": "Hm."})),
        ..line(position, MessageRole::Agent, text)
    };
    let long = "x".repeat(LONG_PROMPT + 1);
    let later = Message { seq: Some(Seq(99)), ..line(6, MessageRole::System, &long) };
    let messages = vec![
        line(0, MessageRole::System, "Be brief."),
        line(1, MessageRole::Customer, "Hi"),
        thought(2, "Hello"),
        line(3, MessageRole::System, "The customer opened the invoice."),
        line(4, MessageRole::System, &long),
        thought(5, ""),
        later,
    ];
    let prompt = "prompt ".to_owned() + &long;
    let expected = [
        "prompt Be brief.",
        "Hi",
        "thinks Hm.",
        "Hello",
        "The customer opened the invoice.",
        prompt.as_str(),
        "thinks Hm.",
        "---",
        long.as_str(),
    ];
    assert_eq!(undated(messages), expected);
}
