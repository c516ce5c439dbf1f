//! One line of a list: one link, three lines of text, one number.

use leptos::prelude::*;

use super::{
    icons::icon,
    marks::{ask_icon, dated, deadline, deadline_words, holder, urgency},
    pairs::sentence_case,
    revealed::{revealed, spelled},
};
use crate::{
    app::{
        clock::{Clock, clock},
        session::me,
    },
    domain::{
        ids::EscalationId,
        inbox::Row,
        time::{Span, Timestamp},
    },
};

/// Draws the row of an escalation. `selected` is the one that is open beside the list.
pub fn row_link(
    id: EscalationId,
    row: Memo<Option<Row>>,
    href: Callback<EscalationId, String>,
    selected: Signal<Option<EscalationId>>,
) -> impl IntoView {
    let clock = clock();
    view! {
        <li class="row">
            <a
                class="row-link"
                href=move || href.run(id)
                aria-current=move || (selected.get() == Some(id)).then_some("true")
                aria-label=move || row.with(|row| row.as_ref().map(|row| label(row, clock.now())))
            >
                {move || row.with(|row| row.as_ref().map(|row| content(row, clock)))}
            </a>
        </li>
    }
}

fn content(row: &Row, clock: Clock) -> impl IntoView + use<> {
    let since = row.closed_at.unwrap_or(row.opened_at);
    let exactly = if row.closed_at.is_some() { "Closed " } else { "Waiting since " };
    let by = row.claimed_by.as_ref().map(|by| holder(by, by.id == me().id()));
    let (class, said) = match &row.last_said {
        Some(said) => ("", said.preview.as_str()),
        None => ("missing", "Nothing said yet"),
    };
    view! {
        <span class="row-line">
            <span class="row-title" dir="auto">{revealed(&row.title)}</span>
            {icon(ask_icon(row.ask))}
            <span class="row-wait" title=move || exactly.to_owned() + &dated(clock, since)>
                {move || clock.since(since).in_short()}
            </span>
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
        <span class="row-preview" dir="auto"><span class=class>{revealed(said)}</span></span>
    }
}

/// What assistive technology reads: customer, reason, waiting time, deadline, claimed by.
fn label(row: &Row, now: Timestamp) -> String {
    let ago = |at: Timestamp| Span((now - at).0.max(0)).in_short();
    let mut said = vec![spelled(&row.title), sentence_case(&row.reason)];
    said.push(match row.closed_at {
        Some(closed) => row.status.label().to_ascii_lowercase() + " " + &ago(closed) + " ago",
        None => "waiting ".to_owned() + &ago(row.opened_at),
    });
    said.extend(row.due_at.map(|due| deadline_words(due, now)));
    said.extend(row.claimed_by.as_ref().map(|by| "claimed by ".to_owned() + &spelled(by.name.as_str())));
    said.join(", ")
}
