//! An address that leads nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

/// Says so, and where to go instead.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <Title text="Not found · Bailout"/>
        <main class="sign-in">
            <h1 class="sign-in-title">"There is no such page"</h1>
            <p><a href="/queue">"To the queue"</a></p>
        </main>
    }
}
