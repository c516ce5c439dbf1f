//! What operators set of an escalation beside its course: how urgent it is, and its tags. Each acts at once.

use leptos::prelude::*;

use super::toolbar::select;
use crate::domain::{escalation::Escalation, inbox::Choice, queue::Urgency, text::Tag};

/// Where the keys `P` and `L` lead.
pub const URGENCY: &str = "set-urgency";
pub const TAGS: &str = "set-tags";

/// Draws both. In the choice a digit chooses, since every option begins with its own.
pub fn marking(
    escalation: Signal<Escalation>,
    may_act: Signal<bool>,
    on_urgency: Callback<String>,
    on_tags: Callback<String>,
) -> AnyView {
    let urgency = Signal::derive(move || escalation.with(|it| it.urgency.as_str().to_owned()));
    let label = |(digit, it): (&str, Urgency)| digit.to_owned() + " " + it.label();
    let options = ["4", "3", "2", "1"].into_iter().zip(Urgency::ALL).rev();
    let options = options.map(|(digit, it)| Choice { value: it.as_str().to_owned(), label: label((digit, it)) });
    let is_closed = move || escalation.with(|it| !it.status.is_open());
    view! {
        <fieldset class="marking" disabled=move || !may_act.get()>
            <div hidden=is_closed>{select(URGENCY, "", "Urgency", options.collect(), urgency, on_urgency)}</div>
            <label class="choice">
                <span>"Tags"</span>
                <input
                    class="input"
                    id=TAGS
                    dir="auto"
                    placeholder="refund, vip"
                    prop:value=move || escalation.with(|it| listed(&it.tags))
                    on:change=move |event| on_tags.run(event_target_value(&event))
                />
            </label>
        </fieldset>
    }
    .into_any()
}

/// Tags as one writes them: with commas between.
pub fn listed(tags: &[Tag]) -> String {
    tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(", ")
}
