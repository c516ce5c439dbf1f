//! The hand-over card, which shows everything the agent said about the reason of the escalation. Missing parts are
//! named as missing.

use std::sync::Arc;

use leptos::prelude::*;
use serde_json::Value;

use super::{
    drawn::{element, words, written},
    icons::chevron,
    marks::spoken,
    pairs::{arguments, sentence_case},
    revealed::{revealed, spelled},
    rich_text::plain_text,
};
use crate::{
    app::state::clock::{PageClock, clock},
    domain::{
        actor::Actor,
        ask::Ask,
        escalation::{Escalation, Status},
        json::Json,
        json_text::JsonText,
        opening::Opening,
        reason::Reason,
        thread::EarlierEscalation,
    },
};

/// Renders the card of an escalation.
#[component]
pub fn Handover(
    #[prop(into)] escalation: Signal<Escalation>,
    /// The outcomes of earlier escalations of the same customer.
    earlier: Vec<EarlierEscalation>,
    /// True if the card is unfolded, until the operator folds or unfolds it.
    #[prop(into)]
    open: Signal<bool>,
    /// True if the suggested reply can be used.
    #[prop(into)]
    may_reply: Signal<bool>,
    on_use: Callback<String>,
) -> impl IntoView {
    let clock = clock();
    let at = escalation.with_untracked(|it| it.opened_at);
    let (reason, excerpt, agent, name) = escalation.with_untracked(|it| {
        let (reason, agent) = (&it.opening.reason, it.agent.name.as_str());
        let excerpt = revealed(reason.text.as_str());
        (sentence_case(&reason.in_words()), excerpt, revealed(agent), spelled(agent))
    });
    // The agent may correct what it said.
    let opening = Memo::new_with_compare(
        move |_: Option<&Arc<Opening>>| escalation.with(|it| Arc::clone(&it.opening)),
        |before: Option<&Arc<Opening>>, now| !before.zip(now).is_some_and(|(before, now)| Arc::ptr_eq(before, now)),
    );
    let parts = move || opening.with(|it| told(it));
    let proposed = move || opening.with(|it| proposes(&it.ask));
    let before = (!earlier.is_empty()).then(|| {
        let ended = earlier.into_iter().map(|it| ended(it, clock)).collect();
        vec![words("dt", "", "Earlier"), element("dd", "", vec![element("ul", "", ended)])]
    });
    let suggestion = move || opening.get().ask.suggested_reply.as_ref().map(ToString::to_string);
    let waiting = move || escalation.with(|it| it.status == Status::Waiting);
    let otherwise = move || match escalation.with(|it| it.due_at()) {
        Some(due) => name.clone() + " is told " + &spoken(clock, due) + " that no one answered. Nothing is approved.",
        None => "It waits until someone comes.".to_owned(),
    };
    view! {
        <section class="handover" aria-label="Why this was escalated">
            <details open=move || open.get()>
                <summary>
                    {chevron()}
                    <h2 class="handover-title">"Why"</h2>
                    <span class="handover-reason">{reason}</span>
                    <span class="handover-excerpt" dir="auto">{excerpt}</span>
                    <span class="handover-when">{agent} " · " {move || clock.time(at)}</span>
                </summary>
                <dl class="handover-parts">
                    {parts}
                    {before}
                    <dt>"Agent proposes"</dt>
                    <dd>
                        {proposed}
                        <button
                            class="button"
                            type="button"
                            data-size="small"
                            hidden=move || !(may_reply.get() && opening.with(|it| it.ask.suggested_reply.is_some()))
                            on:click=move |_| {
                                if let Some(reply) = untrack(suggestion) {
                                    on_use.run(reply);
                                }
                            }
                        >
                            "Use as reply"
                        </button>
                    </dd>
                    <dt hidden=move || !waiting()>"If nobody comes"</dt>
                    <dd hidden=move || !waiting()>{otherwise}</dd>
                </dl>
            </details>
        </section>
    }
}

/// Renders the parts of the opening, each with its name.
fn told(opening: &Opening) -> Vec<AnyView> {
    let mut parts = vec![];
    let mut part = |name: &str, content: AnyView| {
        parts.extend([words("dt", "", name), element("dd", "", vec![content])]);
    };
    let said = |text: Option<&str>, otherwise: &str| match text {
        Some(text) => written("div", "", plain_text(text)),
        None => words("p", "missing", otherwise),
    };
    let tried = match opening.tried.as_slice() {
        [] => said(None, "The agent did not say what it tried."),
        tried => items(tried.iter().map(|it| it.as_str())),
    };
    part("In its words", reason(&opening.reason));
    part("Customer wants", said(opening.summary.as_ref().map(|it| it.as_str()), "The agent gave no summary."));
    part("What was tried", tried);
    let to_customer = opening.customer_told.as_ref().map(|it| it.as_str());
    part("Customer was told", said(to_customer, "The agent did not say what the customer was told."));
    if let Some(prompt) = &opening.ask.prompt {
        part("Agent asks", said(Some(prompt.as_str()), ""));
    }
    parts
}

/// Renders how an earlier escalation ended: `Ada, today 14:09, approved with edits: “Takes 3 days”`.
fn ended(it: EarlierEscalation, clock: PageClock) -> AnyView {
    let who = match &it.by {
        Actor::Operator(operator) => spelled(operator.name.as_str()),
        Actor::Agent(agent) => spelled(agent.name.as_str()),
        Actor::System => "Nobody".to_owned(),
    };
    let note = it.note.map(|note| ": “".to_owned() + &spelled(&note) + "”").unwrap_or_default();
    let how = ", ".to_owned() + &it.disposition.label().to_ascii_lowercase() + &note;
    let href = "/e/".to_owned() + &String::from(it.id);
    view! { <li><a href=href dir="auto">{who} ", " {move || spoken(clock, it.at)} {how}</a></li> }.into_any()
}

fn items<'a>(texts: impl Iterator<Item = &'a str>) -> AnyView {
    element("ul", "", texts.map(|text| words("li", "", text)).collect())
}

fn reason(reason: &Reason) -> AnyView {
    let said = words("p", "handover-words", reason.text.as_str());
    let line = |key: &str, value: &str| element("div", "", vec![words("dt", "", key), words("dd", "", value)]);
    let mut evidence = vec![];
    if let Some(Json::Object(members)) = reason.evidence.as_ref().map(JsonText::json) {
        evidence.extend(members.iter().map(|(key, value)| match value {
            Json::String(text) => line(key, text),
            other => line(key, &other.to_string()),
        }));
    }
    evidence.extend(reason.confidence.map(|confidence| line("confidence", &Value::from(confidence).to_string())));
    match evidence.is_empty() {
        true => said,
        false => element("div", "reason", vec![said, element("dl", "evidence", evidence)]),
    }
}

/// Renders the agent's proposal, and the reply that it suggests.
fn proposes(ask: &Ask) -> Vec<AnyView> {
    let mut all: Vec<AnyView> = vec![];
    for action in &ask.actions {
        let name = words("h3", "decision-name", action.name.as_str());
        all.push(element("div", "decision", vec![name, arguments(&action.arguments)]));
    }
    if let Some(options) = &ask.options {
        all.push(items(options.iter().map(|it| it.as_str())));
    }
    if let Some(reply) = &ask.suggested_reply {
        all.push(written("div", "suggested", plain_text(reply.as_str())));
    }
    if all.is_empty() {
        all.push(words("p", "missing", "The agent proposes nothing."));
    }
    all
}
