//! The head of an escalation: whose it is, who is in control, what may be done.

use leptos::{html, prelude::*};

use super::{
    icons::{Icon, icon},
    marks::deadline,
    revealed::{revealed, spelled},
    standing::Standing,
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
    let (opened_at, kind, agent) =
        escalation.with_untracked(|it| (it.opened_at, it.opening.ask.kind.label(), revealed(it.agent.name.as_str())));
    let mark = move || standing.with(Standing::mark);
    let writes = me().may(Role::Operator);
    let blocked = move || !may_act.get();
    view! {
        <header class="thread-head">
            <a class="back" href=move || back.get()>{icon(Icon::ChevronLeft)} "Back"</a>
            <h1 class="thread-title" id="thread-title" tabindex="-1" dir="auto" node_ref=heading>
                {move || escalation.with(|it| spelled(&it.opening.title()))}
            </h1>
            <p class="control" data-control=mark>
                {move || icon(picture(mark()))}
                <span>{move || standing.with(|it| spelled(&it.words(clock.since(opened_at))))}</span>
            </p>
            <div class="thread-actions">
                <button
                    class="button"
                    type="button"
                    hidden=move || standing.with(|it| it.fence().is_none())
                    disabled=blocked
                    on:click=move |_| actions.release.run(())
                >
                    "Release"
                </button>
                <button
                    class="button"
                    type="button"
                    hidden=move || !(writes && standing.with(Standing::may_take_over))
                    disabled=blocked
                    on:click=move |_| actions.take_over.run(())
                >
                    "Take over instead"
                </button>
                <button
                    class="button"
                    type="button"
                    data-kind="primary"
                    hidden=move || !(writes && standing.with(Standing::may_resolve))
                    disabled=blocked
                    on:click=move |_| actions.resolve.run(())
                >
                    "Resolve"
                </button>
            </div>
            <div class="thread-facts">
                <span>{kind} " · " {agent}</span>
                {move || escalation.with(|it| it.due_at()).map(|due| deadline(due, clock))}
                <button
                    class="button"
                    type="button"
                    data-kind="quiet"
                    data-size="small"
                    id="details-toggle"
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
