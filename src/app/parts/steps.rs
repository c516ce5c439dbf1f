//! Renders tool calls, folded at their place in the log. Groups with a failed call, or with the last call before the
//! hand-over, are open.

use std::collections::HashSet;

use leptos::prelude::*;
use serde_json::Value;

use super::{
    drawn::{code_block, words},
    entries::ToolStep,
    icons::{Icon, chevron, icon},
    pairs::{arguments, code, pairs},
    revealed::revealed,
    whole::with_whole,
};
use crate::domain::{
    json_text::JsonText, message::ToolResult, message_part::TruncatedPart, transcript::outcome::ToolOutcome,
};

/// Renders steps, folded unless one of them failed or is the last before the hand-over.
pub fn steps_view(steps: &[ToolStep]) -> AnyView {
    let open = steps.iter().any(|step| step.is_last || step.outcome() == Some(ToolOutcome::Failed));
    let list = view! { <ol class="step-list">{steps.iter().map(step).collect::<Vec<_>>()}</ol> };
    folded(Icon::Wrench, counted(steps), open, list.into_any())
}

/// Renders a long text that is folded under its title and size.
pub fn folded_text(title: &str, text: &str, cut: Option<TruncatedPart>, content: AnyView) -> AnyView {
    let size = many(cut.map_or_else(|| text.chars().count(), |cut| cut.length), "character");
    folded(Icon::List, title.to_owned() + " · " + &size, false, content)
}

fn folded(picture: Icon, title: String, open: bool, content: AnyView) -> AnyView {
    view! {
        <details class="steps" open=open>
            <summary>{icon(picture)} <span>{title}</span> {chevron()}</summary>
            {content}
        </details>
    }
    .into_any()
}

fn step(step: &ToolStep) -> impl IntoView + use<> {
    let (state, mark, said) = match step.outcome() {
        Some(ToolOutcome::Failed) => ("failed", Icon::Alert, "answered with an error"),
        Some(ToolOutcome::Succeeded) => ("done", Icon::Check, "succeeded"),
        Some(ToolOutcome::Unknown) => ("answered", Icon::Chat, "answered"),
        None => ("called", Icon::Clock, "called, no result"),
    };
    let given = match &step.arguments {
        Some(Value::Object(object)) if object.is_empty() => None,
        Some(Value::Object(object)) => Some(pairs(object)),
        // Arguments that came as text are kept as text if parsing would change one of their numbers.
        Some(Value::String(text)) => Some(JsonText::parse(text).map_or_else(|_| code_block(text), |it| arguments(&it))),
        Some(other) => Some(code(other)),
        None => None,
    };
    view! {
        <li class="step" data-state=state>
            <p class="step-head">
                {icon(mark)}
                <code class="step-name">{revealed(&step.name)}</code>
                <span>{said}</span>
            </p>
            {given.map(|given| with_whole(given, step.cut_arguments))}
            {step.result.as_ref().map(|result| with_whole(code(&result.output), step.cut_result))}
            {(step.more > 0).then(|| words("p", "missing", &("and ".to_owned() + &many(step.more, "more call"))))}
        </li>
    }
}

impl ToolStep {
    /// Returns the known outcome of the call; `None` while it has no result.
    fn outcome(&self) -> Option<ToolOutcome> {
        // For a truncated result, the server states the outcome.
        self.cut_result.and_then(|cut| cut.outcome).or_else(|| self.result.as_ref().map(ToolResult::outcome))
    }
}

/// Formats the counts as `3 steps · 2 tools`.
fn counted(steps: &[ToolStep]) -> String {
    let tools = steps.iter().map(|step| step.name.as_str()).collect::<HashSet<_>>().len();
    many(steps.len(), "step") + " · " + &many(tools, "tool")
}

fn many(count: usize, what: &str) -> String {
    count.to_string() + " " + what + if count == 1 { "" } else { "s" }
}
