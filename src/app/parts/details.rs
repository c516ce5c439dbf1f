//! Details: everything else about the escalation, beside the thread.

use leptos::{html, prelude::*};

use super::{
    entries::Entry,
    pairs::{code, pairs},
    revealed::revealed,
};
use crate::{
    app::clock::clock,
    domain::{escalation::Escalation, opening::ContextItem, time::Timestamp},
};

/// Draws the details of an escalation.
#[component]
pub fn Details(
    #[prop(into)] escalation: Signal<Escalation>,
    /// Its boundaries are the timeline.
    #[prop(into)]
    entries: Signal<Vec<Entry>>,
    /// Shown or hidden by the operator; none leaves it to the width of the page.
    #[prop(into)]
    open: Signal<Option<bool>>,
    pane: NodeRef<html::Aside>,
) -> impl IntoView {
    let first = escalation.get_untracked();
    let opening = &first.opening;
    let context = (!opening.context.is_empty()).then(|| {
        let items = opening.context.iter().map(context_item);
        view! {
            <section class="details-part">
                <h2 class="details-title">"Context"</h2>
                <dl class="pairs">{items.collect::<Vec<_>>()}</dl>
            </section>
        }
    });
    let metadata = opening.metadata.as_ref().map(|metadata| {
        view! {
            <section class="details-part">
                <h2 class="details-title">"Metadata"</h2>
                {code(&metadata.clone().into())}
            </section>
        }
    });
    view! {
        <aside
            class="details"
            id="details"
            aria-label="Details"
            data-open=move || open.get() == Some(true)
            hidden=move || open.get() == Some(false)
            node_ref=pane
        >
            {customer(&first)}
            {about(escalation)}
            {context}
            {metadata}
            {outcome(escalation)}
            {timeline(entries)}
        </aside>
    }
}

fn customer(escalation: &Escalation) -> AnyView {
    let known = escalation.opening.customer().map(|it| {
        let text = |name, value: Option<&str>| value.map(|value| pair(name, value));
        view! {
            <dl class="pairs">
                {text("Name", it.name.as_ref().map(|it| it.as_str()))}
                {text("Email", it.email.as_ref().map(|it| it.as_str()))}
                {text("Id", it.external_id.as_ref().map(|it| it.as_str()))}
                {text("Language", it.locale.as_ref().map(|it| it.as_str()))}
            </dl>
        }
    });
    view! {
        <section class="details-part">
            <h2 class="details-title">"Customer"</h2>
            {match known {
                Some(known) => known.into_any(),
                None => view! { <p class="missing">"The agent named no customer."</p> }.into_any(),
            }}
        </section>
    }
    .into_any()
}

fn about(escalation: Signal<Escalation>) -> AnyView {
    let clock = clock();
    let dated = move |at: Timestamp| format!("{} {}", at.date(clock.offset()), clock.time(at));
    view! {
        <section class="details-part">
            <h2 class="details-title">"Escalation"</h2>
            {move || escalation.with(|it| {
                let (opened, claim_by) = (it.opened_at, it.deadlines.claim_by.filter(|_| it.status.is_open()));
                let (resolve_by, expires_at) = (it.deadlines.resolve_by, it.deadlines.expires_at);
                view! {
                    <dl class="pairs">
                        {pair("State", it.status.label())}
                        {pair("Kind", it.opening.ask.kind.label())}
                        {pair("Agent", it.agent.name.as_str())}
                        {pair("Queue", it.queue.name.as_str())}
                        {pair("Urgency", it.urgency.label())}
                        {it.claim.as_ref().map(|claim| pair("Claimed by", claim.operator.name.as_str()))}
                        {pair("Opened", &dated(opened))}
                        {claim_by.map(|at| pair("Claim by", &dated(at)))}
                        {resolve_by.map(|at| pair("Resolve by", &dated(at)))}
                        {expires_at.map(|at| pair("Expires", &dated(at)))}
                        {pair("Id", &it.id.to_string())}
                    </dl>
                }
            })}
        </section>
    }
    .into_any()
}

fn context_item(item: &ContextItem) -> AnyView {
    let value = item.value.as_ref().map(|value| revealed(value.as_str()));
    // Only what a browser opens without running it.
    let url = item.url.as_ref().map(|url| url.as_str()).filter(|url| {
        let url = url.trim_start().to_ascii_lowercase();
        ["https://", "http://", "mailto:"].iter().any(|scheme| url.starts_with(scheme))
    });
    let link = url.map(|url| {
        let url = url.to_owned();
        view! {
            " "
            <a href=url.clone() target="_blank" rel="noopener noreferrer nofollow">{revealed(&url)}</a>
        }
    });
    view! { <dt>{revealed(item.label.as_str())}</dt><dd dir="auto">{value} {link}</dd> }.into_any()
}

fn outcome(escalation: Signal<Escalation>) -> impl IntoView {
    let ended = Memo::new(move |_| escalation.with(|it| it.outcome.clone()));
    move || {
        ended.get().map(|outcome| {
            let resolution = &outcome.resolution;
            view! {
                <section class="details-part">
                    <h2 class="details-title">"Outcome"</h2>
                    <dl class="pairs">
                        {pair("Disposition", resolution.disposition.label())}
                        {resolution.answer.as_ref().map(|answer| pair("Answer", answer.as_str()))}
                        {resolution.note_to_agent.as_ref().map(|note| pair("Note", note.as_str()))}
                    </dl>
                    {resolution.data.as_ref().map(|data| match data.as_object() {
                        Some(object) => pairs(object),
                        None => code(data),
                    })}
                </section>
            }
        })
    }
}

fn timeline(entries: Signal<Vec<Entry>>) -> AnyView {
    let clock = clock();
    let marks = move || {
        entries.with(|entries| {
            let marks = entries.iter().filter_map(|entry| match entry {
                Entry::Boundary { at, words, .. } => {
                    let at = *at;
                    Some(view! { <li><time>{clock.time(at)}</time> " " {revealed(words)}</li> })
                }
                _ => None,
            });
            marks.collect::<Vec<_>>()
        })
    };
    view! {
        <section class="details-part">
            <h2 class="details-title">"Timeline"</h2>
            <ol class="timeline">{marks}</ol>
        </section>
    }
    .into_any()
}

fn pair(name: &'static str, value: &str) -> AnyView {
    view! { <dt>{name}</dt><dd dir="auto">{revealed(value)}</dd> }.into_any()
}
