//! One message of the log, a note, or a reply that is still on its way.

use leptos::prelude::*;

use super::{
    entries::Step,
    icons::{Icon, icon},
    pairs::code,
    revealed::{revealed, spelled},
    rich_text::{plain_text, rich_text},
    steps::steps_view,
};
use crate::{
    app::{
        clock::{Clock, clock},
        live::{Pending, Sending},
        session::me,
    },
    domain::{
        message::{Message, MessageRole},
        operator::OperatorRef,
        thread::Shown,
        time::Timestamp,
    },
};

/// The names that messages fall back on when they carry none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    pub customer: String,
    pub agent: String,
}

/// Draws a message.
pub fn message(shown: &Shown, steps: &[Step], grouped: bool, names: &Names) -> AnyView {
    let (it, clock) = (&shown.message, clock());
    let (label, author) = called(it, names);
    let body = match (&it.raw, it.text.as_deref()) {
        (Some(raw), _) if it.unreadable => view! {
            <p class="missing">"The agent sent this as a message; it could not be read as one."</p>
            {code(raw)}
        }
        .into_any(),
        (_, Some(text)) if shown.blocks.is_empty() => plain_text(text),
        _ => rich_text(&shown.blocks),
    };
    let steps = (!steps.is_empty()).then(|| steps_view(steps));
    let at = it.at;
    view! {
        <article
            class="message"
            data-role=it.role.as_str()
            data-state="sent"
            data-grouped=grouped
            aria-label=move || timed(&label, at, clock)
        >
            <header class="message-head">
                {(it.role == MessageRole::Agent).then(|| icon(Icon::Agent))}
                <span class="message-author" dir="auto">{revealed(&author)}</span>
                {at.map(|at| view! { <time>{move || clock.time(at)}</time> })}
            </header>
            <div class="message-body" dir="auto">{body}</div>
            {steps}
        </article>
    }
    .into_any()
}

/// Draws a note among operators.
pub fn note(at: Timestamp, by: &OperatorRef, text: &str) -> AnyView {
    let clock = clock();
    let author = format!("Note by {}", spelled(by.name.as_str()));
    let label = author.clone();
    view! {
        <article
            class="message"
            data-role="operator"
            data-state="sent"
            data-note=true
            aria-label=move || timed(&label, Some(at), clock)
        >
            <header class="message-head">
                {icon(Icon::Lock)}
                <span class="message-author" dir="auto">{author}</span>
                <time>{move || clock.time(at)}</time>
            </header>
            <div class="message-body" dir="auto">{plain_text(text)}</div>
        </article>
    }
    .into_any()
}

/// Draws a reply that has not come back yet.
#[component]
pub fn PendingMessage(
    #[prop(into)] pending: Signal<Option<Pending>>,
    on_retry: Callback<()>,
    on_copy: Callback<()>,
) -> impl IntoView {
    let (clock, who) = (clock(), me().who());
    let name = who.public_name.to_string();
    let author = format!("You, as {}", spelled(&name));
    let at = Memo::new(move |_| pending.with(|it| it.as_ref().map(|it| it.at)));
    let text = Memo::new(move |_| pending.with(|it| it.as_ref().map(|it| it.text.clone()).unwrap_or_default()));
    let state = Memo::new(move |_| pending.with(|it| it.as_ref().map_or(Sending::Taken, |it| it.state.clone())));
    let failed = move || state.with(|state| matches!(state, Sending::Failed(_)));
    let foot = move || match state.get() {
        Sending::Underway => view! { {icon(Icon::Clock)} <span>"sending…"</span> }.into_any(),
        Sending::Taken => view! { {icon(Icon::Check)} <span>"sent"</span> }.into_any(),
        Sending::Failed(why) => view! {
            <span class="message-cause" role="alert">"failed: " {why}</span>
            <button class="button" type="button" data-size="small" on:click=move |_| on_retry.run(())>"Retry"</button>
            <button
                class="button"
                type="button"
                data-kind="quiet"
                data-size="small"
                on:click=move |_| on_copy.run(())
            >
                "Copy"
            </button>
        }
        .into_any(),
    };
    view! {
        <article
            class="message"
            data-role="operator"
            data-state=move || if failed() { "failed" } else { "pending" }
            aria-label=move || timed(&name, at.get(), clock)
        >
            <header class="message-head">
                <span class="message-author" dir="auto">{author}</span>
                {move || at.get().map(|at| view! { <time>{move || clock.time(at)}</time> })}
            </header>
            <div class="message-body" dir="auto">{move || text.with(|text| plain_text(text))}</div>
            <footer class="message-foot">{foot}</footer>
        </article>
    }
}

/// What a message is announced as, and the name over it.
fn called(message: &Message, names: &Names) -> (String, String) {
    let author = message.author.as_ref();
    match message.role {
        MessageRole::Customer => {
            ("Customer".to_owned(), author.map_or(names.customer.clone(), |author| author.name.clone()))
        }
        MessageRole::Agent => ("Agent".to_owned(), author.map_or(names.agent.clone(), |author| author.name.clone())),
        MessageRole::Operator => match author {
            Some(author) if author.id == Some(me().id().to_string()) => {
                (spelled(&author.public_name), format!("You, as {}", author.public_name))
            }
            Some(author) => (spelled(&author.name), author.name.clone()),
            None => ("Operator".to_owned(), "Operator".to_owned()),
        },
        MessageRole::System | MessageRole::Tool => ("System".to_owned(), "System".to_owned()),
    }
}

fn timed(label: &str, at: Option<Timestamp>, clock: Clock) -> String {
    match at {
        Some(at) => format!("{label}, {}", clock.time(at)),
        None => label.to_owned(),
    }
}
