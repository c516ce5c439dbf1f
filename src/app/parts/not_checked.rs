//! The retry and copy buttons for a resolution that the server could not check in time.

use leptos::prelude::*;

use crate::domain::refusal::Refusal;

/// Renders the message in a paragraph of this class, and buttons to send the resolution again or to copy it.
pub fn not_checked(class: &'static str, busy: Signal<bool>, on_retry: Callback<()>, on_copy: Callback<()>) -> AnyView {
    view! {
        <p class=class role="alert">{Refusal::NotCheckedInTime.to_string()}</p>
        <button
            class="button"
            type="button"
            data-size="small"
            disabled=move || busy.get()
            on:click=move |_| on_retry.run(())
        >
            "Try again"
        </button>
        <button class="button" type="button" data-size="small" on:click=move |_| on_copy.run(())>
            "Copy"
        </button>
    }
    .into_any()
}
