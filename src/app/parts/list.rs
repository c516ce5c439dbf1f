//! The list pane: a title, its rows, and what it says when there are none.

use leptos::prelude::*;

use super::{
    icons::{Icon, icon},
    row::row_link,
};
use crate::domain::{
    ids::EscalationId,
    inbox::{Inbox, View},
};

/// Draws a list.
#[component]
pub fn ListPane(
    /// What the address asks for; the rows follow when they are here.
    #[prop(into)]
    view: Signal<View>,
    #[prop(into)] inbox: Signal<Inbox>,
    #[prop(into)] selected: Signal<Option<EscalationId>>,
    /// Whether an escalation is open beside it, which then is the page's main part and has its first heading.
    #[prop(into)]
    beside: Signal<bool>,
    /// Why the list could not be read, which leaves the old one in place.
    #[prop(into)]
    failed: Signal<Option<String>>,
    #[prop(into)] awake: Signal<bool>,
    href: Callback<EscalationId, String>,
    on_retry: Callback<()>,
    on_more: Callback<()>,
) -> impl IntoView {
    let empty = move || inbox.with(|inbox| inbox.rows.is_empty().then_some(inbox.query.view));
    let count = move || inbox.with(|inbox| inbox.counts.of(inbox.query.view)).filter(|count| *count > 0);
    // Only the rows that changed are drawn anew.
    let row = move |id: EscalationId| {
        Memo::new(move |_| inbox.with(|inbox| inbox.rows.iter().find(|row| row.id == id).cloned()))
    };
    view! {
        <section
            class="list-pane"
            role=move || (!beside.get()).then_some("main")
            aria-labelledby="list-title"
        >
            <div class="list-head">
                // The page's heading is the list's as long as nothing stands beside it.
                {move || {
                    let title = view.get().label();
                    match beside.get() {
                        true => view! { <h2 class="list-title" id="list-title" tabindex="-1">{title}</h2> }.into_any(),
                        false => view! { <h1 class="list-title" id="list-title" tabindex="-1">{title}</h1> }.into_any(),
                    }
                }}
                <span class="count">{move || count().map(|count| count.to_string())}</span>
            </div>
            {move || failed.get().map(|why| view! {
                <div class="list-notice" data-state="failed" role="alert">
                    <span>{why}</span>
                    <button class="button" type="button" data-size="small" on:click=move |_| on_retry.run(())>
                        "Retry"
                    </button>
                </div>
            })}
            <div class="list-scroll">
                <div class="empty" hidden=move || empty().is_none()>
                    {icon(Icon::Queue)}
                    <p>{move || empty().map_or("", nothing)}</p>
                </div>
                <ul class="rows" aria-label="Escalations" hidden=move || empty().is_some()>
                    <For
                        each=move || inbox.with(|inbox| inbox.rows.iter().map(|row| row.id).collect::<Vec<_>>())
                        key=|id| *id
                        let:id
                    >
                        {row_link(id, row(id), href, selected)}
                    </For>
                </ul>
                <p class="list-more" hidden=move || inbox.with(|inbox| inbox.bound.is_none())>
                    <button
                        class="button"
                        type="button"
                        disabled=move || !awake.get()
                        on:click=move |_| on_more.run(())
                    >
                        "Show more"
                    </button>
                </p>
            </div>
        </section>
    }
}

fn nothing(view: View) -> &'static str {
    match view {
        View::Queue => "No one is waiting. New escalations appear here by themselves.",
        View::Mine => "Nothing claimed. Open a waiting escalation and claim it.",
        View::Missed => "Nothing was missed.",
        View::All => "Nothing is open.",
        View::Closed => "Nothing is closed yet.",
    }
}
