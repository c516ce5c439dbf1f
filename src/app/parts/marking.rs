//! The fields in which operators set the urgency and the tags of an escalation. Each change is saved at once.

use leptos::{ev, prelude::*};

use super::toolbar::select;
use crate::{
    app::{keys::keep_enter, state::typing::composes},
    domain::{escalation::Escalation, inbox::FilterChoice, queue::Urgency, text::Tag},
};

/// The ids of the fields that the keys `P` and `L` focus.
pub const URGENCY: &str = "set-urgency";
pub const TAGS: &str = "set-tags";

/// Renders both fields. Each urgency option begins with its digit, so that typing the digit selects it.
pub fn marking(
    escalation: Signal<Escalation>,
    may_act: Signal<bool>,
    on_urgency: Callback<String>,
    on_tags: Callback<String>,
) -> AnyView {
    let urgency = Signal::derive(move || escalation.with(|it| it.urgency.as_str().to_owned()));
    let label = |(digit, it): (&str, Urgency)| digit.to_owned() + " " + it.label();
    let options = ["4", "3", "2", "1"].into_iter().zip(Urgency::ALL).rev();
    let options = options.map(|(digit, it)| FilterChoice { value: it.as_str().to_owned(), label: label((digit, it)) });
    let is_closed = move || escalation.with(|it| !it.status.is_open());
    // Rendering the field again would replace the text being typed, so it happens only when the tags change.
    let tags = Memo::new(move |_| escalation.with(|it| listed(&it.tags)));
    let save = move |now: String| {
        if now != tags.get_untracked() {
            on_tags.run(now);
        }
    };
    let pressed = move |event: ev::KeyboardEvent| {
        if composes(&event) {
            return;
        }
        let field = event_target::<web_sys::HtmlInputElement>(&event);
        match event.key().as_str() {
            // The text is reset before the focus leaves the field, because leaving would save it.
            "Escape" => field.set_value(&tags.get_untracked()),
            // Enter alone is not a command, because it is more often the end of a sentence meant for another field.
            "Enter" if event.ctrl_key() || event.meta_key() => {
                event.prevent_default();
                save(field.value());
            }
            "Enter" => keep_enter(&event, &field),
            _ => {}
        }
    };
    view! {
        <div class="marking">
            <fieldset class="marking-urgency" hidden=is_closed disabled=move || !may_act.get()>
                {select(URGENCY, "field-label", "Urgency", options.collect(), urgency, on_urgency)}
            </fieldset>
            <label class="field">
                <span class="field-label">"Tags"</span>
                <input
                    class="input"
                    id=TAGS
                    dir="auto"
                    placeholder="refund, vip"
                    // The field is read-only instead of disabled, because disabling would take the focus away while the
                    // operator types.
                    readonly=move || !may_act.get()
                    prop:value=move || tags.get()
                    on:change=move |event| save(event_target_value(&event))
                    on:keydown=pressed
                />
            </label>
        </div>
    }
    .into_any()
}

/// Formats tags as an operator types them, separated by commas.
pub fn listed(tags: &[Tag]) -> String {
    tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(", ")
}
