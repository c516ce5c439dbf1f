//! The head of an escalation: whose it is, who is in control, what may be done.

use leptos::{html, prelude::*};

use super::{
    icons::{Icon, icon},
    marks::deadline,
    revealed::revealed,
    standing::{Hold, Standing},
};
use crate::{
    app::{clock::clock, session::me},
    domain::{escalation::Escalation, operator::Role},
};

/// What the head's buttons do.
#[derive(Clone, Copy)]
pub struct HeadActions {
    pub release: Callback<()>,
    pub take_over: Callback<()>,
    pub resolve: Callback<()>,
    pub details: Callback<()>,
}

/// Draws the head.
#[component]
pub fn ThreadHead(
    #[prop(into)] escalation: Signal<Escalation>,
    #[prop(into)] standing: Signal<Standing>,
    /// Where *Back* leads on a narrow screen.
    #[prop(into)]
    back: Signal<String>,
    /// Whether anything may be done at the moment.
    #[prop(into)]
    may_act: Signal<bool>,
    /// Takes the focus when the escalation is opened.
    heading: NodeRef<html::H1>,
    actions: HeadActions,
) -> impl IntoView {
    let clock = clock();
    let title = Memo::new(move |_| escalation.with(|it| it.opening.title()));
    let opened_at = escalation.with_untracked(|it| it.opened_at);
    let control = Memo::new(move |_| standing.with(|it| it.words(clock.since(opened_at))));
    let mark = Memo::new(move |_| standing.with(Standing::mark));
    let due = Memo::new(move |_| escalation.with(|it| it.due_at()));
    let kind = escalation.with_untracked(|it| it.opening.ask.kind.label());
    let agent = escalation.with_untracked(|it| it.agent.name.to_string());
    let writes = me().may(Role::Operator);
    let offered = Memo::new(move |_| {
        standing.with(|it| (matches!(it.hold, Hold::Mine(_)), writes && it.may_take_over(), writes && it.may_resolve()))
    });
    let blocked = move || !may_act.get();
    let buttons = move || {
        let (release, take_over, resolve) = offered.get();
        view! {
            {release.then(|| view! {
                <button class="button" type="button" disabled=blocked on:click=move |_| actions.release.run(())>
                    "Release"
                </button>
            })}
            {take_over.then(|| view! {
                <button class="button" type="button" disabled=blocked on:click=move |_| actions.take_over.run(())>
                    "Take over instead"
                </button>
            })}
            {resolve.then(|| view! {
                <button
                    class="button"
                    type="button"
                    data-kind="primary"
                    disabled=blocked
                    on:click=move |_| actions.resolve.run(())
                >
                    "Resolve"
                </button>
            })}
        }
    };
    view! {
        <header class="thread-head">
            <a class="back" href=move || back.get()>{icon(Icon::ChevronLeft)} "Back"</a>
            <h1 class="thread-title" id="thread-title" tabindex="-1" dir="auto" node_ref=heading>
                {move || title.with(|title| revealed(title))}
            </h1>
            <p class="control" data-control=mark>
                {move || icon(picture(mark.get()))}
                <span>{move || control.with(|words| revealed(words))}</span>
            </p>
            <div class="thread-actions">{buttons}</div>
            <div class="thread-facts">
                <span>{kind} " · " {revealed(&agent)}</span>
                {move || due.get().map(|due| deadline(due, clock))}
                <button
                    class="button"
                    type="button"
                    data-kind="quiet"
                    data-size="small"
                    aria-controls="details"
                    on:click=move |_| actions.details.run(())
                >
                    {icon(Icon::Panel)}
                    "Details"
                </button>
            </div>
        </header>
    }
}

fn picture(mark: &str) -> Icon {
    match mark {
        "waiting" => Icon::Clock,
        "mine" => Icon::Person,
        "other" => Icon::People,
        _ => Icon::Agent,
    }
}
