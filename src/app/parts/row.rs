//! A row of a list: one link with three lines of text and one number, which depends on the sort order of the list.

use leptos::prelude::*;

use super::{
    drawn::words,
    icons::icon,
    marks::{ask_icon, dated, deadline, deadline_words, holder, initials, urgency},
    pairs::sentence_case,
    revealed::{revealed, spelled},
};
use crate::{
    app::{
        session::me,
        state::{
            clock::{PageClock, clock},
            displayed_rows::DisplayedRow,
        },
    },
    domain::{
        escalation::{Shelf, Status},
        ids::EscalationId,
        inbox::{Row, SortOrder},
        time::{Span, Timestamp},
    },
};

/// Renders the row of an escalation. `stands` returns the row's position and `size` the number of rows; `sort` is the
/// order on which the row's number depends, `selected` is the open escalation.
pub fn row_link(
    id: EscalationId,
    line: Memo<Option<DisplayedRow>>,
    (stands, size): (Callback<EscalationId, String>, Memo<String>),
    sort: Memo<SortOrder>,
    href: Callback<EscalationId, String>,
    selected: Signal<Option<EscalationId>>,
) -> impl IntoView {
    let clock = clock();
    let gone = move || line.with(|line| line.as_ref().is_some_and(|line| line.gone));
    view! {
        <li
            class="row"
            aria-posinset=move || stands.run(id)
            aria-setsize=move || size.get()
            data-taken=move || gone().then_some("true")
        >
            <a
                class="row-link"
                href=move || href.run(id)
                aria-current=move || (selected.get() == Some(id)).then_some("true")
                aria-label=move || line.with(|line| line.as_ref().map(|line| label(line, clock.now())))
            >
                {move || line.with(|line| line.as_ref().map(|line| content(line, sort.get(), clock)))}
            </a>
        </li>
    }
}

/// Returns the moment from which a row's number counts, and its label; `None` while nobody waits.
fn counted(row: &Row) -> Option<(&'static str, Timestamp)> {
    match row.closed_at {
        Some(closed) => Some(("Closed ", closed)),
        None => row
            .waits_since
            .map(|since| (if row.status == Status::Claimed { "Owed a reply since " } else { "Waiting since " }, since)),
    }
}

fn content(DisplayedRow { row, gone, activity }: &DisplayedRow, sort: SortOrder, clock: PageClock) -> AnyView {
    let due = row.due_at.map(|due| deadline(due, clock).into_any());
    let (number, due) = match (sort, counted(row)) {
        (SortOrder::Deadline, _) => (due.unwrap_or_else(|| "no deadline".into_any()), None),
        (_, None) => ("replied".into_any(), due),
        (_, Some((exactly, since))) => {
            let number = view! {
                <span title=move || exactly.to_owned() + &dated(clock, since)>
                    {move || clock.since(since).in_short()}
                </span>
            };
            (number.into_any(), due)
        }
    };
    let by = row.claimed_by.as_ref().map(|by| match *gone && row.status == Status::Claimed {
        true => {
            view! { <span class="holder">{"Claimed by ".to_owned() + &spelled(by.name.as_str())}</span> }.into_any()
        }
        false => holder(by, by.id == me().id()).into_any(),
    });
    let (class, said) = match (&row.contact, &row.last_said) {
        _ if activity.typing => ("row-typing", "typing…"),
        _ if !activity.draft.is_empty() => ("row-draft", activity.draft.as_str()),
        (Some(contact), _) => ("row-contact", contact.as_str()),
        (None, Some(said)) => ("", said.preview.as_str()),
        (None, None) => ("missing", "Nothing said yet"),
    };
    let state = match row.shelf() {
        Shelf::NotPickedUp => "Not picked up",
        _ if row.followed_up => "Followed up",
        _ => row.status.label(),
    };
    view! {
        <span class="row-line">
            {activity.unread.then(|| words("span", "row-unread", ""))}
            <span class="row-title" dir="auto">{revealed(&row.title)}</span>
            {icon(ask_icon(row.ask))}
            <span class="row-wait">{number}</span>
        </span>
        <span class="row-line">
            <span class="row-meta">
                {sentence_case(&row.reason)}
                " "
                <span class="row-agent">"· " {revealed(row.agent.name.as_str())}</span>
            </span>
            <span class="row-marks">
                {row.earlier.then(|| words("span", "", "Earlier"))}
                {row.closed_at.map(|_| words("span", if row.shelf() == Shelf::NotPickedUp { "failed" } else { "" }, state))}
                {urgency(row.urgency)}
                {due}
                {by}
            </span>
        </span>
        <span class="row-line">
            <span class="row-preview" dir="auto"><span class=class>{revealed(said)}</span></span>
            {here(&activity.here)}
        </span>
    }
    .into_any()
}

/// Renders the initials of the colleagues who are viewing the escalation.
fn here(names: &[String]) -> Option<AnyView> {
    let initials: Vec<String> = names.iter().map(|name| initials(name)).collect();
    let names = names.iter().map(|name| spelled(name)).collect::<Vec<_>>().join(", ") + " looking";
    (!initials.is_empty()).then(|| view! { <span class="row-here" title=names>{initials.join(" ")}</span> }.into_any())
}

/// Returns the row's label for assistive technology: customer, reason, waiting time, deadline, claimed by, contact,
/// whether the outcome was not picked up, whether there are unread messages, and whether the customer was here earlier.
fn label(DisplayedRow { row, activity, .. }: &DisplayedRow, now: Timestamp) -> String {
    let ago = |at: Timestamp| Span((now - at).0.max(0)).in_short();
    let mut said = vec![spelled(&row.title), sentence_case(&row.reason)];
    said.push(match (row.closed_at, row.waits_since) {
        (Some(closed), _) => {
            let more = if row.followed_up { "followed up, " } else { "" };
            more.to_owned() + &row.status.label().to_ascii_lowercase() + " " + &ago(closed) + " ago"
        }
        (None, Some(since)) => "waiting ".to_owned() + &ago(since),
        (None, None) => "replied".to_owned(),
    });
    said.extend(row.due_at.map(|due| deadline_words(due, now)));
    said.extend(row.claimed_by.as_ref().map(|by| "claimed by ".to_owned() + &spelled(by.name.as_str())));
    said.extend(row.contact.as_ref().map(|contact| "contact ".to_owned() + &spelled(contact)));
    said.extend((row.shelf() == Shelf::NotPickedUp).then(|| "not picked up".to_owned()));
    said.extend(activity.unread.then(|| "unread".to_owned()));
    said.extend(row.earlier.then(|| "was here earlier".to_owned()));
    said.join(", ")
}
