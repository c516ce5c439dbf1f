//! Small marks of rows and headers: kind of ask, urgency, deadline, holder. Text carries the meaning; colour is used
//! only where it means something.

use leptos::prelude::*;

use super::icons::{Icon, icon};
use crate::{
    app::{parts::revealed::revealed, state::clock::PageClock},
    domain::{
        ask::AskKind,
        operator::OperatorRef,
        queue::Urgency,
        time::{Span, Timestamp},
    },
};

/// A deadline nearer than this is highlighted.
const SOON: Span = Span::minutes(5);

/// Returns the icon of an ask.
pub fn ask_icon(kind: AskKind) -> Icon {
    match kind {
        AskKind::Takeover => Icon::Chat,
        AskKind::Question => Icon::Question,
        AskKind::Decision => Icon::Decision,
    }
}

/// Formats a deadline as `overdue 3m` or `due 1m`.
pub fn deadline_words(due: Timestamp, now: Timestamp) -> String {
    let (words, span) = if due <= now { ("overdue ", now - due) } else { ("due ", due - now) };
    words.to_owned() + &span.in_short()
}

/// Formats a moment with its date, as in `2026-11-22 14:02`.
pub fn dated(clock: PageClock, at: Timestamp) -> String {
    at.date(clock.offset(at)) + " " + &clock.time(at)
}

/// Formats a moment of today as `today 14:02`, any other with its date.
pub fn spoken(clock: PageClock, at: Timestamp) -> String {
    let now = clock.now();
    match at.day(clock.offset(at)) == now.day(clock.offset(now)) {
        true => "today ".to_owned() + &clock.time(at),
        false => dated(clock, at),
    }
}

/// Renders a deadline, highlighted when it is near or overdue.
pub fn deadline(due: Timestamp, clock: PageClock) -> impl IntoView {
    let state = move || match due - clock.now() {
        left if left <= Span(0) => "overdue",
        left if left < SOON => "soon",
        _ => "later",
    };
    view! {
        <span class="deadline" data-state=state>
            {icon(Icon::Clock)}
            {move || deadline_words(due, clock.now())}
        </span>
    }
}

/// Renders an urgency that is not normal.
pub fn urgency(urgency: Urgency) -> Option<impl IntoView> {
    (urgency != Urgency::Normal).then(|| {
        view! {
            <span class="urgency" data-urgency=urgency.as_str()>
                {(urgency == Urgency::Urgent).then(|| icon(Icon::Flag))}
                {urgency.label()}
            </span>
        }
    })
}

/// Renders the holder of an escalation.
pub fn holder(by: &OperatorRef, mine: bool) -> impl IntoView + use<> {
    let name = if mine { "You" } else { by.name.as_str() };
    view! {
        <span class="holder" data-holder=if mine { "me" } else { "other" }>
            {icon(Icon::Person)}
            {revealed(name)}
        </span>
    }
}

/// Returns the first letters of a name, two at most.
pub fn initials(name: &str) -> String {
    name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect()
}
