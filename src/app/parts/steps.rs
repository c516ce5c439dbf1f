//! What the agent did before it spoke: calls of tools, folded under the message they led to. Errors stand open.

use std::collections::HashSet;

use leptos::prelude::*;
use serde_json::Value;

use super::{
    entries::Step,
    icons::{Icon, chevron, icon},
    pairs::{code, pairs},
    revealed::revealed,
};

/// Draws steps, folded unless one failed.
pub fn steps_view(steps: &[Step]) -> AnyView {
    let failed = steps.iter().any(Step::failed);
    view! {
        <details class="steps" open=failed>
            <summary>{icon(Icon::Wrench)} <span>{counted(steps)}</span> {chevron()}</summary>
            <ol class="step-list">{steps.iter().map(step).collect::<Vec<_>>()}</ol>
        </details>
    }
    .into_any()
}

fn step(step: &Step) -> impl IntoView + use<> {
    let (state, mark, words) = match &step.result {
        Some(result) if result.is_error => ("failed", Icon::Alert, "failed"),
        Some(_) => ("done", Icon::Check, "called"),
        None => ("called", Icon::Clock, "called, no result"),
    };
    let arguments = match &step.arguments {
        Some(Value::Object(object)) if object.is_empty() => None,
        Some(Value::Object(object)) => Some(pairs(object)),
        Some(other) => Some(code(other)),
        None => None,
    };
    view! {
        <li class="step" data-state=state>
            <p class="step-head">
                {icon(mark)}
                <code class="step-name">{revealed(&step.name)}</code>
                <span>{words}</span>
            </p>
            {arguments}
            {step.result.as_ref().map(|result| code(&result.output))}
        </li>
    }
}

impl Step {
    fn failed(&self) -> bool {
        self.result.as_ref().is_some_and(|result| result.is_error)
    }
}

/// `3 steps · 2 tools`.
fn counted(steps: &[Step]) -> String {
    let tools = steps.iter().map(|step| step.name.as_str()).collect::<HashSet<_>>().len();
    many(steps.len(), "step") + " · " + &many(tools, "tool")
}

fn many(count: usize, what: &str) -> String {
    count.to_string() + " " + what + if count == 1 { "" } else { "s" }
}
