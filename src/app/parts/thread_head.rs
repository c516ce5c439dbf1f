//! The head of an escalation: its title, who is in control, and the available actions.

use leptos::{html, prelude::*};

use super::{
    icons::{Icon, icon},
    marks::deadline,
    revealed::{revealed, spelled},
    standing::ControlStatus,
};
use crate::{
    app::{
        session::me,
        state::clock::{PageClock, clock},
    },
    domain::{
        ask::AskKind,
        escalation::Escalation,
        operator::Role,
        presence::{Presence, TYPING_FOR, VIEWING_FOR},
    },
};

/// The callbacks of the head's buttons.
#[derive(Clone, Copy)]
pub struct HeadActions {
    pub release: Callback<()>,
    pub take_over: Callback<()>,
    pub transfer: Callback<()>,
    pub resolve: Callback<()>,
    pub details: Callback<()>,
}

/// Renders the head.
#[component]
pub fn ThreadHead(
    #[prop(into)] escalation: Signal<Escalation>,
    #[prop(into)] standing: Signal<ControlStatus>,
    /// The address to which *Back* leads on a narrow screen.
    #[prop(into)]
    back: Signal<String>,
    /// True if the operator may act at the moment.
    #[prop(into)]
    may_act: Signal<bool>,
    /// The presence of operators and agent around the escalation.
    #[prop(into)]
    presence: Signal<Presence>,
    /// The heading, which takes the focus when the escalation is opened.
    heading: NodeRef<html::H1>,
    actions: HeadActions,
) -> impl IntoView {
    let clock = clock();
    let (opened_at, kind, agent, test) = escalation.with_untracked(|it| {
        (it.opened_at, it.opening.ask.kind.label(), revealed(it.agent.name.as_str()), it.agent.test)
    });
    let mark = move || standing.with(ControlStatus::mark);
    let writes = me().may(Role::Operator) && !test;
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
                    hidden=move || standing.with(|it| it.fence().is_none())
                    disabled=blocked
                    on:click=move |_| actions.transfer.run(())
                >
                    "Transfer"
                </button>
                <button
                    class="button"
                    type="button"
                    hidden=move || !(writes && standing.with(|it| it.ask == AskKind::Question && it.may_take_over()))
                    disabled=blocked
                    on:click=move |_| actions.take_over.run(())
                >
                    "Take over instead"
                </button>
                <button
                    class="button"
                    type="button"
                    data-kind="primary"
                    hidden=move || !(writes && standing.with(ControlStatus::may_resolve))
                    disabled=blocked
                    on:click=move |_| actions.resolve.run(())
                >
                    "Resolve"
                </button>
            </div>
            <div class="thread-facts">
                <span>{kind} " · " {agent} {test.then_some(" · A test, which Robot answers")}</span>
                {move || escalation.with(|it| it.due_at()).map(|due| deadline(due, clock))}
                {move || presence.with(|presence| escalation.with(|it| ear(presence, it, clock)))}
                {move || presence.with(|presence| others(presence, clock))}
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

/// Renders whether the agent is listening while the escalation is open. After that, renders that the agent has not
/// picked up or acknowledged the outcome, if so.
fn ear(presence: &Presence, it: &Escalation, clock: PageClock) -> Option<AnyView> {
    let agent = spelled(it.agent.name.as_str());
    if !it.status.is_open() {
        let done = if it.delivered_at.is_none() { "picked up" } else { "acknowledged" };
        let words = agent + " has not " + done + " the outcome";
        return it.not_picked_up.then(|| view! { <span class="listening" data-state="no">{words}</span> }.into_any());
    }
    let (state, said) = match presence.heard {
        _ if presence.is_listening(clock.now()) => ("yes", agent + " is listening"),
        None => ("no", agent + " has not listened yet. Replies are kept."),
        Some(heard) => {
            let since = clock.time(heard.at);
            ("no", agent + " has not listened since " + &since + ". Replies are kept; the customer may not see them.")
        }
    };
    Some(view! { <span class="listening" data-state=state>{said}</span> }.into_any())
}

/// Renders the colleagues who are viewing or typing.
fn others(presence: &Presence, clock: PageClock) -> Option<AnyView> {
    let (me, now) = (me().id(), clock.now());
    let said = presence.viewers.iter().filter(|it| it.operator.id != me && now - it.at < VIEWING_FOR).map(|it| {
        let doing = if it.typing && now - it.at < TYPING_FOR { " is typing…" } else { " is here" };
        spelled(it.operator.name.as_str()) + doing
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| view! { <span class="viewers">{said.join(", ")}</span> }.into_any())
}

fn picture(mark: &str) -> Icon {
    match mark {
        "waiting" => Icon::Clock,
        "mine" => Icon::Person,
        "other" => Icon::People,
        _ => Icon::Agent,
    }
}
