//! The list pane: a title, its rows, and what it says when there are none.

use leptos::prelude::*;

use super::{
    icons::{Icon, icon},
    row::RowLink,
};
use crate::domain::{
    ids::EscalationId,
    inbox::{Inbox, Row, View},
};

/// Draws a list.
#[component]
pub fn ListPane(
    /// What the address asks for; the rows follow when they are here.
    #[prop(into)]
    view: Signal<View>,
    #[prop(into)] inbox: Signal<Inbox>,
    #[prop(into)] selected: Signal<Option<EscalationId>>,
    /// Whether an escalation is open beside it, which then has the page's one `h1`.
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
    let ids = Memo::new(move |_| inbox.with(|inbox| inbox.rows.iter().map(|row| row.id).collect::<Vec<_>>()));
    let count = Memo::new(move |_| inbox.with(|inbox| inbox.counts.of(inbox.query.view)).filter(|count| *count > 0));
    let more = Memo::new(move |_| inbox.with(|inbox| inbox.bound.is_some()));
    let empty = Memo::new(move |_| inbox.with(|inbox| inbox.rows.is_empty().then_some(inbox.query.view)));
    let row = move |id: EscalationId| {
        Memo::new(move |_| inbox.with(|inbox| inbox.rows.iter().find(|row| row.id == id).cloned()))
    };
    let title = move || match beside.get() {
        true => view! { <h2 class="list-title" id="list-title" tabindex="-1">{view.get().label()}</h2> }.into_any(),
        false => view! { <h1 class="list-title" id="list-title" tabindex="-1">{view.get().label()}</h1> }.into_any(),
    };
    view! {
        <section class="list-pane" aria-labelledby="list-title">
            <div class="list-head">
                {title}
                <span class="count">{move || count.get().map(|count| count.to_string())}</span>
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
                {move || match empty.get() {
                    Some(view) => view! {
                        <div class="empty">{icon(Icon::Queue)} <p>{nothing(view)}</p></div>
                    }
                    .into_any(),
                    None => view! {
                        <ul class="rows" aria-label="Escalations">
                            <For each=move || ids.get() key=|id| *id let:id>
                                {drawn(row(id), id, href, selected)}
                            </For>
                        </ul>
                    }
                    .into_any(),
                }}
                {move || more.get().then(|| view! {
                    <p class="list-more">
                        <button
                            class="button"
                            type="button"
                            disabled=move || !awake.get()
                            on:click=move |_| on_more.run(())
                        >
                            "Show more"
                        </button>
                    </p>
                })}
            </div>
        </section>
    }
}

fn drawn(
    row: Memo<Option<Row>>,
    id: EscalationId,
    href: Callback<EscalationId, String>,
    selected: Signal<Option<EscalationId>>,
) -> impl IntoView {
    let selected = Memo::new(move |_| selected.get() == Some(id));
    view! { <RowLink row=row href=Signal::derive(move || href.run(id)) selected=selected/> }
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
