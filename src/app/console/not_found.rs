//! The page for an unknown address.

use leptos::prelude::*;

/// Says that there is no such page, and links to the queue.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <main class="sign-in">
            <h1 class="sign-in-title">"There is no such page"</h1>
            <p><a href="/queue" rel="external">"To the queue"</a></p>
        </main>
    }
}
