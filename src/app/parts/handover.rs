//! The hand-over card: everything the agent said about why. What it left out is said too.

use leptos::prelude::*;
use serde_json::{Map, Value};

use super::{
    icons::{Icon, chevron, icon},
    pairs::{in_line, pairs, sentence_case},
    revealed::revealed,
    rich_text::plain_text,
};
use crate::{
    app::clock::{Clock, clock},
    domain::{
        ask::{Action, Ask},
        escalation::{Escalation, Status},
        reason::Reason,
    },
};

/// Draws the card of an escalation. `open` is how it first stands.
#[component]
pub fn Handover(
    #[prop(into)] escalation: Signal<Escalation>,
    open: bool,
    /// Whether the suggested reply can be taken.
    #[prop(into)]
    may_reply: Signal<bool>,
    on_use: Callback<String>,
) -> impl IntoView {
    let clock = clock();
    let first = escalation.get_untracked();
    let opening = &first.opening;
    let agent = first.agent.name.to_string();
    let at = first.opened_at;
    let tried = (!opening.tried.is_empty()).then(|| {
        let items = opening.tried.iter().map(|it| view! { <li dir="auto">{revealed(it.as_str())}</li> });
        view! { <ul>{items.collect::<Vec<_>>()}</ul> }.into_any()
    });
    let told = opening.customer_told.as_ref().map(|told| said(told.as_str()));
    let wants = opening.summary.as_ref().map(|summary| said(summary.as_str()));
    let asks = opening.ask.prompt.as_ref().map(|prompt| part("Agent asks", Some(said(prompt.as_str())), ""));
    view! {
        <section class="handover" aria-label="Why this was escalated">
            <details open=open>
                <summary>
                    {chevron()}
                    <h2 class="handover-title">"Why"</h2>
                    <span class="handover-reason">{sentence_case(&opening.reason.in_words())}</span>
                    <span class="handover-excerpt" dir="auto">{revealed(opening.reason.text.as_str())}</span>
                    <span class="handover-when">{revealed(&agent)} {move || format!(" · {}", clock.time(at))}</span>
                </summary>
                <dl class="handover-parts">
                    {part("In its words", Some(words(&opening.reason)), "")}
                    {part("Customer wants", wants, "The agent gave no summary.")}
                    {part("What was tried", tried, "The agent did not say what it tried.")}
                    {part("Customer was told", told, "The agent did not say what the customer was told.")}
                    {asks}
                    {part("Agent proposes", proposes(&opening.ask, may_reply, on_use), "The agent proposes nothing.")}
                    {part("If nobody comes", Some(otherwise(escalation, clock)), "")}
                </dl>
            </details>
        </section>
    }
}

fn part(name: &'static str, content: Option<AnyView>, missing: &'static str) -> impl IntoView {
    view! {
        <dt>{name}</dt>
        <dd>{content.unwrap_or_else(|| view! { <p class="missing">{missing}</p> }.into_any())}</dd>
    }
}

fn said(text: &str) -> AnyView {
    view! { <div dir="auto">{plain_text(text)}</div> }.into_any()
}

fn words(reason: &Reason) -> AnyView {
    let none = Map::new();
    let confidence = reason.confidence.map(|confidence| ("confidence".to_owned(), Value::from(confidence)));
    let evidence: Vec<_> = reason
        .evidence
        .as_ref()
        .unwrap_or(&none)
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .chain(confidence)
        .map(|(key, value)| {
            view! { <div><dt>{revealed(&key)}</dt><dd dir="auto">{revealed(&in_line(&value))}</dd></div> }
        })
        .collect();
    view! {
        <p class="handover-words" dir="auto">{revealed(reason.text.as_str())}</p>
        {(!evidence.is_empty()).then(|| view! { <dl class="evidence">{evidence}</dl> })}
    }
    .into_any()
}

fn proposes(ask: &Ask, may_reply: Signal<bool>, on_use: Callback<String>) -> Option<AnyView> {
    if ask.actions.is_empty() && ask.suggested_reply.is_none() && ask.options.is_none() {
        return None;
    }
    let options = ask.options.as_ref().map(|options| {
        let items = options.iter().map(|it| view! { <li dir="auto">{revealed(it.as_str())}</li> });
        view! { <ul>{items.collect::<Vec<_>>()}</ul> }
    });
    let suggested = ask.suggested_reply.as_ref().map(|reply| {
        let text = reply.to_string();
        view! {
            <div class="suggested">
                {said(&text)}
                {move || may_reply.get().then(|| {
                    let text = text.clone();
                    view! {
                        <button
                            class="button"
                            type="button"
                            data-size="small"
                            on:click=move |_| on_use.run(text.clone())
                        >
                            "Use as reply"
                        </button>
                    }
                })}
            </div>
        }
    });
    Some(
        view! {
            {ask.actions.iter().map(proposed).collect::<Vec<_>>()}
            {options}
            {suggested}
        }
        .into_any(),
    )
}

fn proposed(action: &Action) -> impl IntoView + use<> {
    view! {
        <div class="decision">
            <h3 class="decision-name">{icon(Icon::Decision)} {revealed(action.name.as_str())}</h3>
            {pairs(&action.arguments)}
        </div>
    }
}

/// What happens at the deadline.
fn otherwise(escalation: Signal<Escalation>, clock: Clock) -> AnyView {
    let agent = escalation.with_untracked(|it| it.agent.name.to_string());
    let stands = Memo::new(move |_| escalation.with(|it| (it.due_at(), it.status)));
    let words = move || match stands.get() {
        (Some(due), _) => view! {
            {move || format!("At {} ", clock.time(due))}
            {revealed(&agent)}
            " is told that no one answered. Nothing is approved."
        }
        .into_any(),
        (None, Status::Waiting) => "It waits until someone comes.".into_any(),
        (None, Status::Claimed) => "Someone came.".into_any(),
        (None, _) => "It is closed.".into_any(),
    };
    view! { <p>{words}</p> }.into_any()
}
