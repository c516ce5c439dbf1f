//! The details pane, with everything else about the escalation, shown next to the thread or, on a narrow page, over it.

use leptos::{ev, html, prelude::*};

use super::{
    drawn::{code_block, element, words, written},
    entries::LogEntry,
    icons::{Icon, icon},
    marking::listed,
    marks::dated,
    pairs::{arguments, code, pair, pairs},
    revealed::revealed,
};
use crate::{
    app::state::{
        clock::{PageClock, clock},
        typing::{composes, is_field},
    },
    domain::{
        ask::{Ask, Verdict},
        escalation::{Escalation, Status},
        opening::ContextItem,
        outcome::Outcome,
    },
};

/// Renders the details of an escalation.
#[component]
pub fn Details(
    #[prop(into)] escalation: Signal<Escalation>,
    /// The entries of the log; their boundaries are the timeline.
    #[prop(into)]
    entries: Signal<Vec<LogEntry>>,
    /// The operator's choice to show or to hide the pane; `None` leaves it to the width of the page.
    #[prop(into)]
    open: Signal<Option<bool>>,
    /// The rendered fields that an operator may set; `None` for viewers.
    marking: Option<AnyView>,
    on_close: Callback<()>,
    pane: NodeRef<html::Aside>,
) -> impl IntoView {
    let (clock, is_set_here) = (clock(), marking.is_some());
    let pressed = move |event: ev::KeyboardEvent| {
        if event.key() != "Escape" || composes(&event) {
            return;
        }
        // Escape closes only the details, and not the escalation. In a field, Escape only leaves the field.
        event.prevent_default();
        match pane.get_untracked().filter(|_| is_field(&event_target::<web_sys::Element>(&event))) {
            // A failure to focus has no consequence here.
            Some(pane) => drop(pane.focus()),
            None => on_close.run(()),
        }
    };
    view! {
        <aside
            class="details"
            id="details"
            aria-label="Details"
            tabindex="-1"
            data-open=move || open.get() == Some(true)
            hidden=move || open.get() == Some(false)
            node_ref=pane
            on:keydown=pressed
        >
            <button
                class="button details-close"
                type="button"
                data-kind="quiet"
                data-size="small"
                id="details-close"
                on:click=move |_| on_close.run(())
            >
                {icon(Icon::Close)}
                <span class="visually-hidden">"Close details"</span>
            </button>
            {marking}
            {move || escalation.with(|it| known(it, is_set_here, clock))}
            <section class="details-part">
                <h2 class="details-title">"Timeline"</h2>
                <ol class="timeline">{move || entries.with(|it| timeline(it, clock))}</ol>
            </section>
        </aside>
    }
}

/// Renders the known facts. Urgency and tags are left out where they can be set.
fn known(it: &Escalation, is_set_here: bool, clock: PageClock) -> Vec<AnyView> {
    let opening = &it.opening;
    let mut parts = vec![customer(it), part("Escalation", vec![about(it, is_set_here, clock)])];
    if !opening.context.is_empty() {
        let items = opening.context.iter().flat_map(context_item).collect();
        parts.push(part("Context", vec![element("dl", "pairs", items)]));
    }
    if let Some(metadata) = &opening.metadata {
        parts.push(part("Metadata", vec![code_block(&metadata.json().pretty())]));
    }
    if let Some(outcome) = &it.outcome {
        parts.push(part("Outcome", ended(outcome, &opening.ask)));
    }
    parts
}

fn part(title: &str, mut content: Vec<AnyView>) -> AnyView {
    content.insert(0, words("h2", "details-title", title));
    element("section", "details-part", content)
}

fn customer(escalation: &Escalation) -> AnyView {
    let known = match escalation.opening.customer() {
        Some(it) => list(&[
            ("Name", it.name.as_ref().map(|it| it.as_str())),
            ("Email", it.email.as_ref().map(|it| it.as_str())),
            ("Id", it.id.as_ref().map(|it| it.as_str())),
            ("Language", it.locale.as_ref().map(|it| it.as_str())),
        ]),
        None => words("p", "missing", "The agent named no customer."),
    };
    part("Customer", vec![known])
}

fn about(it: &Escalation, is_set_here: bool, clock: PageClock) -> AnyView {
    let dated = |at| dated(clock, at);
    let claim_by = it.deadlines.claim_by.filter(|_| it.status == Status::Waiting).map(dated);
    list(&[
        ("State", Some(it.status.label())),
        ("Kind", Some(it.opening.ask.kind.label())),
        ("Agent", Some(it.agent.name.as_str())),
        ("Queue", Some(it.queue.name.as_str())),
        ("Urgency", (!is_set_here || !it.status.is_open()).then(|| it.urgency.label())),
        ("Tags", (!is_set_here && !it.tags.is_empty()).then(|| listed(&it.tags)).as_deref()),
        ("Claimed by", it.claim.as_ref().map(|claim| claim.operator.name.as_str())),
        ("Opened", Some(&dated(it.opened_at))),
        ("Claim by", claim_by.as_deref()),
        ("Resolve by", it.deadlines.resolve_by.map(dated).as_deref()),
        ("Expires", it.deadlines.expires_at.map(dated).as_deref()),
        ("Id", Some(&it.id.to_string())),
    ])
}

fn context_item(item: &ContextItem) -> [AnyView; 2] {
    // Only URLs with schemes that a browser opens without executing them become links.
    let url = item.url.as_ref().map(|url| url.as_str()).filter(|url| {
        let url = url.trim_start().to_ascii_lowercase();
        ["https://", "http://", "mailto:"].iter().any(|scheme| url.starts_with(scheme))
    });
    let mut value = vec![];
    if let Some(text) = &item.value {
        value.push(revealed(text.as_str()));
        value.push(revealed(" "));
    }
    if let Some(url) = url {
        let (url, shown) = (url.to_owned(), revealed(url));
        value.push(view! { <a href=url target="_blank" rel="noopener noreferrer nofollow">{shown}</a> }.into_any());
    }
    [words("dt", "", item.label.as_str()), written("dd", "", value)]
}

fn ended(outcome: &Outcome, ask: &Ask) -> Vec<AnyView> {
    let resolution = &outcome.resolution;
    let mut content = vec![list(&[
        ("Disposition", Some(resolution.disposition.label())),
        ("Answer", resolution.answer.as_ref().map(|answer| answer.as_str())),
        ("Note", resolution.note_to_agent.as_ref().map(|note| note.as_str())),
    ])];
    content.extend(resolution.data.as_ref().map(|data| match data.as_object() {
        Some(object) => pairs(object),
        None => code(data),
    }));
    for made in &resolution.actions {
        let name = ask.actions.iter().find(|action| action.id == made.id).map_or("", |action| action.name.as_str());
        let decided = match made.decision {
            Verdict::Approve => "Approved",
            Verdict::Edit => "Approved with edits",
            Verdict::Reject => "Rejected",
            Verdict::Respond => "Answered instead",
        };
        let comment = made.comment.as_ref().map(|comment| comment.as_str());
        let label = if made.decision == Verdict::Respond { "Answer" } else { "Because" };
        content.push(list(&[(name, Some(decided)), (label, comment)]));
        if made.decision.is_go_ahead() {
            content.push(arguments(&made.arguments));
        }
    }
    content
}

fn timeline(entries: &[LogEntry], clock: PageClock) -> Vec<AnyView> {
    let marks = entries.iter().filter_map(|entry| match entry {
        LogEntry::Boundary { at, words, .. } => Some((*at, words)),
        _ => None,
    });
    let mark = |(at, words): (_, &String)| {
        let time = element("time", "", vec![revealed(&clock.time(at))]);
        element("li", "", vec![time, revealed(" "), revealed(words)])
    };
    marks.map(mark).collect()
}

/// Renders the pairs whose value is known.
fn list(all: &[(&str, Option<&str>)]) -> AnyView {
    let known = all.iter().filter_map(|(name, value)| Some(pair(name, (*value)?)));
    element("dl", "pairs", known.flatten().collect())
}
