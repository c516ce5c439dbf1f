//! The list pane: a title, its rows, and a message when there are none. Of a long list, only the rows near the visible
//! ones are rendered; padding above and below stands for the rest.

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, Node};

use super::{
    icons::{Icon, icon},
    row::row_link,
    toolbar::{clear, toolbar},
};
use crate::{
    app::{
        focus::focus,
        session::me,
        state::{
            activity::ListActivity,
            clock::clock,
            displayed_rows::{DepartedRow, DisplayedRows, ListFocus, window},
        },
    },
    domain::{
        ids::EscalationId,
        inbox::{FilterChoices, Inbox, Listing, View},
    },
};

/// The height of a row before it is measured, in pixels.
const ROW_HEIGHT: i32 = 84;
/// The next page is fetched when fewer rows than this are left below the rendered ones.
const NEAR_THE_END: usize = 10;

/// Renders a list.
#[component]
pub fn ListPane(
    /// The listing of the address; its rows may not be loaded yet.
    #[prop(into)]
    listing: Signal<Listing>,
    #[prop(into)] inbox: Signal<Inbox>,
    /// The rows that have left the list.
    #[prop(into)]
    left: Signal<Vec<DepartedRow>>,
    activity: ListActivity,
    choices: RwSignal<FilterChoices>,
    #[prop(into)] selected: Signal<Option<EscalationId>>,
    /// True if an escalation is open next to the list; it is then the main part of the page and has its first heading.
    #[prop(into)]
    beside: Signal<bool>,
    /// The error of the last request for the list. Rows of the same list that were loaded before stay.
    #[prop(into)]
    failed: Signal<Option<String>>,
    #[prop(into)] awake: Signal<bool>,
    /// Set to whether the pointer or the focus is on the list.
    held: RwSignal<bool>,
    href: Callback<EscalationId, String>,
    on_listing: Callback<Listing>,
    on_retry: Callback<()>,
    on_more: Callback<()>,
) -> impl IntoView {
    let (clock, me) = (clock(), me());
    let pane = NodeRef::<html::Section>::new();
    let (scroll, list) = (NodeRef::<html::Div>::new(), NodeRef::<html::Ul>::new());
    let (pointed, focused) = (RwSignal::new(false), RwSignal::new(false));
    let asked = RwSignal::new(0);
    let lines = Memo::new(move |last: Option<&DisplayedRows>| {
        let attention = ListFocus { held: held.get(), asked: asked.get() };
        inbox.with(|inbox| left.with(|left| DisplayedRows::next(last, inbox, left, attention, clock.now())))
    });
    let (first, height) = (RwSignal::new(0), StoredValue::new(ROW_HEIGHT));
    let drawn = Memo::new(move |_| lines.with(|lines| window(first.get(), lines.ids.len())));
    // Rows of another list are never shown under this heading; until its own rows are loaded, there are none.
    let is_here = Memo::new(move |_| inbox.with(|inbox| inbox.query.listing) == listing.get());
    // Only the rows that changed are rendered again.
    let rows = Memo::new(move |_| {
        if !is_here.get() {
            return vec![];
        }
        lines.with(|lines| inbox.with(|inbox| left.with(|left| lines.drawn(drawn.get(), inbox, left))))
    });
    let sort = Memo::new(move |_| inbox.with(|inbox| inbox.query.listing.sort));
    let line = move |id: EscalationId| {
        Memo::new(move |_| {
            let mut line = rows.with(|rows| rows.iter().find(|line| line.row.id == id).cloned());
            if let Some(line) = &mut line {
                line.activity = activity.around(&line.row, me, clock.now());
            }
            line
        })
    };
    // Each row states its position in the whole list, because only a part of the list is rendered.
    let stands = Callback::new(move |id: EscalationId| {
        let at = rows.with(|rows| rows.iter().position(|line| line.row.id == id));
        at.map_or(String::new(), |at| (drawn.get().start + at + 1).to_string())
    });
    let size = Memo::new(move |_| lines.with(|lines| lines.ids.len().to_string()));
    Effect::new(move |_| {
        let (range, all) = (drawn.get(), lines.with(|lines| lines.ids.len()));
        let room = |rows: usize| (rows as i32 * height.get_value()).to_string() + "px";
        if let Some(list) = list.get() {
            let style = HtmlElement::style(&list);
            // Every browser supports both properties, so the results are ignored.
            let _ = style.set_property("padding-block-start", &room(range.start));
            let _ = style.set_property("padding-block-end", &room(all - range.end));
        }
    });
    let to_top = move || {
        first.set(0);
        if let Some(scroll) = scroll.get_untracked() {
            scroll.set_scroll_top(0);
        }
    };
    Effect::new(move |before: Option<Listing>| {
        let now = listing.get();
        if before.is_some_and(|before| before != now) {
            to_top();
        }
        now
    });
    let on_scroll = move |_| {
        let (Some(scroll), Some(list)) = (scroll.get_untracked(), list.get_untracked()) else { return };
        let row = list.first_element_child().and_then(|row| row.dyn_into::<HtmlElement>().ok());
        if let Some(row) = row.filter(|row| row.offset_height() > 0) {
            height.set_value(row.offset_height());
        }
        first.set((scroll.scroll_top() / height.get_value()).max(0) as usize);
        let near = drawn.get_untracked().end + NEAR_THE_END >= lines.with_untracked(|lines| lines.ids.len());
        if near && inbox.with_untracked(|inbox| inbox.bound.is_some()) {
            on_more.run(());
        }
    };
    let on_waiting = move |_| {
        asked.update(|asked| *asked += 1);
        to_top();
        focus("list-title");
    };
    Effect::new(move |_| held.set(pointed.get() || focused.get()));

    let nothing_here = move || {
        let none = is_here.get() && lines.with(|lines| lines.ids.is_empty());
        none && inbox.with(|inbox| inbox.rows.is_empty() && inbox.bound.is_none())
    };
    let words = move || {
        let Listing { view, filters, .. } = inbox.with(|inbox| inbox.query.listing);
        match filters.all_set().len() {
            0 => nothing(view).into_any(),
            1 => "No escalations match 1 filter".into_any(),
            set => ("No escalations match ".to_owned() + &set.to_string() + " filters").into_any(),
        }
    };
    let narrowed = move || inbox.with(|inbox| !inbox.query.listing.filters.all_set().is_empty());
    let count = move || {
        if !is_here.get() {
            return String::new();
        }
        inbox.with(|inbox| match narrowed() {
            true => inbox.rows.len().to_string() + if inbox.bound.is_some() { "+" } else { "" },
            false => {
                let count = inbox.counts.of(inbox.query.listing.view).filter(|count| *count > 0);
                count.map_or(String::new(), |count| count.to_string())
            }
        })
    };
    let fetching = move || failed.with(Option::is_none) && !is_here.get();
    let waiting = Memo::new(move |_| if is_here.get() { lines.with(|lines| lines.waiting) } else { 0 });
    let (tools, chips) = toolbar(listing, choices, on_listing);
    view! {
        <section
            class="list-pane"
            node_ref=pane
            role=move || (!beside.get()).then_some("main")
            aria-labelledby="list-title"
            on:pointerenter=move |_| pointed.set(true)
            on:pointerleave=move |_| {
                pointed.set(false);
                // The focused element may have been removed, which fires no event.
                focused.set(has_focus(pane));
            }
            on:focusin=move |_| focused.set(has_focus(pane))
            on:focusout=move |event| {
                // The focus stays in the list if it moves to another element within it.
                let to = event.related_target().and_then(|to| to.dyn_into::<Node>().ok());
                focused.set(to.is_some() && pane.get_untracked().is_some_and(|pane| pane.contains(to.as_ref())));
            }
        >
            <div class="list-head">
                // The title is the page's first heading only while no escalation is open next to the list.
                {move || {
                    let title = listing.get().view.label();
                    match beside.get() {
                        true => view! { <h2 class="list-title" id="list-title" tabindex="-1">{title}</h2> }.into_any(),
                        false => view! { <h1 class="list-title" id="list-title" tabindex="-1">{title}</h1> }.into_any(),
                    }
                }}
                <span class="count">{count}</span>
                <button
                    class="button new-rows"
                    type="button"
                    data-size="small"
                    hidden=move || waiting.get() == 0
                    on:click=on_waiting
                >
                    "▲ " {move || waiting.get()} " new"
                </button>
                {tools}
            </div>
            {chips}
            {move || failed.get().map(|why| {
                let shown = inbox.with_untracked(|inbox| inbox.query);
                let as_of = move || match is_here.get() {
                    true => " ".to_owned() + shown.listing.view.label() + " as of " + &clock.time(shown.as_of) + ".",
                    false => String::new(),
                };
                view! {
                    <div class="list-notice" data-state="failed" role="alert">
                        <span>{why} {as_of}</span>
                        <button class="button" type="button" data-size="small" on:click=move |_| on_retry.run(())>
                            "Retry"
                        </button>
                    </div>
                }
            })}
            <div
                class="list-scroll"
                node_ref=scroll
                aria-busy=move || fetching().then_some("true")
                on:scroll=on_scroll
            >
                <div class="skeletons" hidden=move || !fetching()>
                    {[(); 6].map(|()| view! { <div class="skeleton"></div> })}
                </div>
                <div class="empty" hidden=move || !nothing_here()>
                    {icon(Icon::Queue)}
                    <p>{words}</p>
                    {move || narrowed().then(|| clear(listing, on_listing))}
                </div>
                <ul class="rows" node_ref=list aria-label="Escalations" hidden=move || !is_here.get() || nothing_here()>
                    <For
                        each=move || rows.with(|rows| rows.iter().map(|line| line.row.id).collect::<Vec<_>>())
                        key=|id| *id
                        let:id
                    >
                        {row_link(id, line(id), (stands, size), sort, href, selected)}
                    </For>
                </ul>
                <p class="list-more" hidden=move || !is_here.get() || inbox.with(|inbox| inbox.bound.is_none())>
                    <button
                        class="button"
                        type="button"
                        disabled=move || !awake.get()
                        on:click=move |_| on_more.run(())
                    >
                        {move || if narrowed() { "Search further" } else { "Show more" }}
                    </button>
                </p>
            </div>
        </section>
    }
}

/// Returns whether the focus is in the pane. The title does not count, because the focus is put there on navigation.
fn has_focus(pane: NodeRef<html::Section>) -> bool {
    let (Some(pane), Some(active)) = (pane.get_untracked(), document().active_element()) else { return false };
    pane.contains(Some(&active)) && active.id() != "list-title"
}

fn nothing(view: View) -> &'static str {
    match view {
        View::Queue => "No one is waiting. New escalations appear here by themselves.",
        View::Mine => "Nothing claimed. Open a waiting escalation and claim it.",
        View::Missed => "Nothing was missed.",
        View::All => "Nothing is open.",
        View::Closed => "Nothing is closed yet.",
        View::Tests => "No test agent has asked for a human yet.",
    }
}
