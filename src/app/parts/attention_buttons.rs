//! Toggle buttons for sounds and browser notifications.

use leptos::prelude::*;

use super::icons::{Icon, icon};
use crate::app::state::attention::Notifier;

/// Renders both buttons.
#[component]
pub fn AttentionButtons(attention: Notifier) -> impl IntoView {
    let pressed = |on: bool| if on { "true" } else { "false" };
    let button = move |words: &'static str, picture: Icon, on: RwSignal<bool>, toggle: Callback<()>| {
        view! {
            <button
                class="button"
                type="button"
                data-kind="quiet"
                data-size="small"
                title=words
                aria-pressed=move || pressed(on.get())
                on:click=move |_| toggle.run(())
            >
                {icon(picture)}
                <span class="visually-hidden">{words}</span>
            </button>
        }
    };
    view! {
        {button("Sound", Icon::Sound, attention.sound, Callback::new(move |()| attention.toggle_sound()))}
        {button("Notifications", Icon::Bell, attention.notify, Callback::new(move |()| attention.toggle_notify()))}
    }
}
