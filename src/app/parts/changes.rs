//! Shows what an agent has changed about what it asks, while an operator decides.

use leptos::prelude::*;

use super::{
    drawn::{element, words},
    fields::is_within,
};
use crate::domain::{
    ask::Action,
    update::{ChangedValue, action_pointer},
};

/// The changed values of each update, with the revision of the ask that it made.
pub type AgentChanges = Vec<(i64, Vec<ChangedValue>)>;

/// Renders what the agent has changed since the revision that the operator has `seen`, and the button by which they say that
/// they have seen the rest.
pub fn changed_bar(changes: Signal<AgentChanges>, seen: i64, on_seen: Callback<()>) -> AnyView {
    let new = |(revision, _): &&(i64, Vec<ChangedValue>)| *revision > seen;
    let told: Vec<AnyView> =
        changes.with_untracked(|all| all.iter().filter(new).flat_map(|(_, changes)| changes.iter().map(one)).collect());
    view! {
        <div class="claim-bar changes" role="alert">
            <p>"The agent has changed what it asks."</p>
            {element("ul", "", told)}
            <button class="button" type="button" id="seen" on:click=move |_| on_seen.run(())>"I have seen it"</button>
        </div>
    }
    .into_any()
}

/// Renders a changed value. Each part is isolated, so that none reads as a part of another, in whatever direction it is written.
fn one(it: &ChangedValue) -> AnyView {
    let [name, before, after] = it.in_words();
    let parts = [
        words("bdi", "", &name),
        ": ".into_any(),
        words("bdi", "", &before),
        " → ".into_any(),
        words("bdi", "", &after),
    ];
    element("li", "", Vec::from(parts))
}

/// Renders what the agent changed when the action got its present form.
pub fn changed(changes: Signal<AgentChanges>, action: &Action) -> Option<AnyView> {
    let own = action_pointer(action);
    let told: Vec<AnyView> = changes.with_untracked(|all| {
        let made = all.iter().filter(|(revision, _)| action.since > 0 && *revision == action.since);
        made.flat_map(|(_, changes)| changes.iter().filter(|it| is_within(&it.pointer, &own)).map(one)).collect()
    });
    (!told.is_empty()).then(|| {
        view! { <div class="changes" role="note">"Changed by the agent" {element("ul", "", told)}</div> }.into_any()
    })
}
