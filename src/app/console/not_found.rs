//! An address that leads nowhere.

use leptos::prelude::*;

/// Says so, and where to go instead.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <main class="sign-in">
            <h1 class="sign-in-title">"There is no such page"</h1>
            <p><a href="/queue" rel="external">"To the queue"</a></p>
        </main>
    }
}
