//! One line of a list: one link, three lines of text, one number.

use leptos::prelude::*;

use super::{
    icons::icon,
    marks::{ask_icon, deadline, deadline_words, holder, urgency},
    pairs::sentence_case,
    revealed::{revealed, spelled},
};
use crate::{
    app::{clock::clock, session::me},
    domain::{
        inbox::Row,
        time::{Span, Timestamp},
    },
};

/// Draws a row. `selected` marks the one that is open beside the list.
#[component]
pub fn RowLink(
    #[prop(into)] row: Signal<Option<Row>>,
    #[prop(into)] href: Signal<String>,
    #[prop(into)] selected: Signal<bool>,
) -> impl IntoView {
    let clock = clock();
    let label = Memo::new(move |_| row.with(|row| row.as_ref().map(|row| label(row, clock.now()))));
    view! {
        <li class="row">
            <a
                class="row-link"
                href=move || href.get()
                aria-current=move || selected.get().then_some("true")
                aria-label=move || label.get()
            >
                {move || row.with(|row| row.as_ref().map(content))}
            </a>
        </li>
    }
}

fn content(row: &Row) -> impl IntoView + use<> {
    let (clock, me) = (clock(), me());
    let since = row.closed_at.unwrap_or(row.opened_at);
    let wait = Memo::new(move |_| clock.since(since).in_short());
    let (waiting, closed) = (row.opened_at, row.closed_at);
    let exactly = move || match closed {
        Some(closed) => format!("Closed {} {}", closed.date(clock.offset()), clock.time(closed)),
        None => format!("Waiting since {} {}", waiting.date(clock.offset()), clock.time(waiting)),
    };
    let by = row.claimed_by.as_ref().map(|by| holder(by, by.id == me.id()));
    view! {
        <span class="row-line">
            <span class="row-title" dir="auto">{revealed(&row.title)}</span>
            {icon(ask_icon(row.ask))}
            <span class="row-wait" title=exactly>{move || wait.get()}</span>
        </span>
        <span class="row-line">
            <span class="row-meta">
                {sentence_case(&row.reason)}
                " "
                <span class="row-agent">"· " {revealed(&row.agent)}</span>
            </span>
            <span class="row-marks">
                {row.closed_at.map(|_| row.status.label())}
                {urgency(row.urgency)}
                {row.due_at.map(|due| deadline(due, clock))}
                {by}
            </span>
        </span>
        <span class="row-preview" dir="auto">
            {match &row.last_said {
                Some(said) => revealed(&said.preview).into_any(),
                None => view! { <span class="missing">"Nothing said yet"</span> }.into_any(),
            }}
        </span>
    }
}

/// What assistive technology reads: customer, reason, waiting time, deadline, claimed by.
fn label(row: &Row, now: Timestamp) -> String {
    let ago = |at: Timestamp| Span((now - at).0.max(0)).in_short();
    let mut said = vec![spelled(&row.title), sentence_case(&row.reason)];
    said.push(match row.closed_at {
        Some(closed) => format!("{} {} ago", row.status.label().to_lowercase(), ago(closed)),
        None => format!("waiting {}", ago(row.opened_at)),
    });
    said.extend(row.due_at.map(|due| deadline_words(due, now)));
    said.extend(row.claimed_by.as_ref().map(|by| format!("claimed by {}", spelled(by.name.as_str()))));
    said.join(", ")
}
