//! The console: rail, list, and the escalation beside it. All its addresses share one page, so that navigation neither
//! renders the page again nor reopens the stream.

mod escalation_actions;
mod fetch;
pub mod not_found;
mod place;
mod thread;
mod view_report;
mod writing;

use leptos::{ev, prelude::*, task::spawn_local};

use self::{
    fetch::Fetch,
    place::{address, place, sign_in},
    thread::ThreadPane,
    view_report::keep_telling,
};
use crate::{
    app::{
        actions::{self, Bootstrap},
        console::not_found::NotFound,
        focus::focus,
        keys::{go_along, on_key, press, provide_keys},
        page_context::start,
        parts::{
            connection::{ConnectionBar, SignedOutCover},
            icons::{Icon, icon},
            list::ListPane,
            rail::Rail,
            returned::ReturnedBar,
            revealed::spelled,
            shortcuts::Shortcuts,
        },
        session::provide_me,
        state::{
            attention::Notifier,
            clock::provide_clock,
            live::Live,
            wire::{self, StreamHooks},
        },
    },
    domain::{
        escalation::Shelf,
        ids::EscalationId,
        inbox::{Counts, Inbox, Listing, View},
        thread::Thread,
        time::{Span, Timestamp},
    },
};

pub use self::place::ConsolePlace;

/// The console. The page starts from the data that came with it, and updates itself from then on. An address without
/// such data gets the not-found page.
#[component]
pub fn Console() -> impl IntoView {
    match start() {
        Some(start) => view! { <Picture start=start place=place()/> }.into_any(),
        None => view! { <NotFound/> }.into_any(),
    }
}

/// Returns the title of the browser's tab: the number of waiting escalations, and then `first` (the one that has waited
/// longest), the title of the open escalation, or the name of the list.
fn title(view: View, counts: Counts, open: Option<&Thread>, first: Option<String>) -> String {
    let shown = match (first, open) {
        (Some(first), _) => first,
        (None, Some(thread)) => spelled(&thread.escalation.opening.title()),
        (None, None) => view.label().to_owned(),
    };
    let waiting = match counts.waiting {
        0 => String::new(),
        waiting => "(".to_owned() + &waiting.to_string() + ") ",
    };
    waiting + &shown + " · Bailout"
}

/// Returns which escalation of the list has waited longest, and for how long.
fn waits_longest(inbox: &Inbox, now: Timestamp) -> Option<String> {
    let waiting = inbox.rows.iter().filter(|row| row.shelf() == Shelf::Waiting);
    let first = waiting.min_by_key(|row| row.waits_since)?;
    let waits = Span((now - first.waits_since?).0.max(0)).in_short();
    Some(spelled(&first.title) + " waits " + &waits)
}

/// The content beside the list.
#[derive(Debug, Clone, PartialEq)]
enum SidePane {
    Nothing,
    Missing,
    Fetching,
    Failed(String),
    Open(EscalationId),
}

#[component]
fn Picture(start: Bootstrap, place: Memo<ConsolePlace>) -> impl IntoView {
    provide_me(start.me.clone());
    provide_keys(start.keys);
    let clock = provide_clock(start.now);
    let start_away = start.away;
    let live = Live::new(start);
    let fetch = Fetch::following(live, place);
    let attention = Notifier::begin();
    let away = RwSignal::new(start_away);
    let be_away = move |is_away: bool, release: bool| {
        spawn_local(async move {
            match actions::set_availability(is_away, release).await {
                Ok(()) => drop(away.try_set(is_away)),
                Err(problem) => drop(fetch.noted(problem)),
            }
        });
    };
    let hooks = StreamHooks {
        restart: Callback::new(move |()| fetch.restart()),
        probe: Callback::new(move |()| fetch.probe()),
        attention,
    };
    wire::keep(live, clock, hooks);
    keep_telling(live, clock, place);
    Effect::new(move |_| live.awake.set(true));

    let beside_it = Memo::new(move |_| {
        let place = place.get();
        let shown = live.thread.with(|thread| thread.as_ref().map(|thread| thread.escalation.id));
        match (place.selected.is_some(), place.id(), shown) {
            (false, ..) => SidePane::Nothing,
            (true, Some(id), Some(shown)) if id == shown => SidePane::Open(id),
            _ if live.missing.get() => SidePane::Missing,
            _ => fetch.thread_failed.get().map_or(SidePane::Fetching, SidePane::Failed),
        }
    });
    let listing = Signal::derive(move || place.with(|place| place.listing));
    let view_now = Signal::derive(move || listing.get().view);
    let selected = Signal::derive(move || place.with(ConsolePlace::id));
    Effect::new(move |_| {
        // The open conversation shows the returned transfer itself.
        attention.returned.track();
        if let Some(id) = selected.get() {
            attention.forget_return(id);
        }
    });
    let has_beside = Signal::derive(move || place.with(|place| place.selected.is_some()));
    let counts = Memo::new(move |_| live.inbox.with(|inbox| inbox.counts));
    let current = Signal::derive(move || (!has_beside.get()).then(|| view_now.get()));
    let at = crate::app::address::address();
    let sign_in_href = Signal::derive(move || {
        let query = at.query.get();
        let mark = if query.is_empty() { "" } else { "?" };
        sign_in(&(at.path.get() + mark + &query))
    });
    Effect::new(move |_| {
        // A hidden tab shows which escalation has waited longest.
        let now = clock.now();
        let first = live.inbox.with(|inbox| if document().hidden() { waits_longest(inbox, now) } else { None });
        let open = live.thread.with(|thread| title(view_now.get(), counts.get(), thread.as_ref(), first));
        if document().title() != open {
            document().set_title(&open);
        }
    });
    let on_listing = Callback::new(move |listing: Listing| {
        let there = place.with_untracked(|place| address(&listing, place.selected.as_deref()));
        at.go(&there);
    });
    let on_retry = Callback::new(move |()| fetch.retry());
    let pane = move || match beside_it.get() {
        // Without an escalation, the list is the main content.
        SidePane::Nothing => view! {
            <section class="thread-pane" id="thread" tabindex="-1" aria-label="Escalation">
                <div class="empty">{icon(Icon::Chat)} <p>"Choose an escalation to read why it is here."</p></div>
            </section>
        }
        .into_any(),
        SidePane::Missing => nothing(Icon::Question, "There is no such escalation.".to_owned(), None),
        SidePane::Failed(why) => nothing(Icon::Alert, why, Some(on_retry)),
        SidePane::Fetching => view! {
            <main class="thread-pane" id="thread" tabindex="-1" aria-busy="true">
                <div class="skeleton"></div>
            </main>
        }
        .into_any(),
        SidePane::Open(_) => match live.thread.get_untracked() {
            Some(first) => view! { <ThreadPane first=first live=live fetch=fetch place=place/> }.into_any(),
            None => ().into_any(),
        },
    };
    let sheet = RwSignal::new(false);
    on_key(move |key| match key {
        "j" => go_along(1),
        "k" => go_along(-1),
        "escape" => press(".back"),
        "/" => press("[href='/search']"),
        "." => press(".new-rows:not([hidden])") || press(".log-jump:not([hidden])"),
        "?" => {
            sheet.set(true);
            true
        }
        _ => false,
    });
    // The default action would change the address and leave the focus where it is.
    let to_list = move |event: ev::MouseEvent| {
        event.prevent_default();
        focus("list-title");
    };
    let to_conversation = move |event: ev::MouseEvent| {
        event.prevent_default();
        focus(if selected.get_untracked().is_some() { "thread-title" } else { "thread" });
    };
    view! {
        <a class="skip-link" href="#list-title" on:click=to_list>"Skip to the list"</a>
        <a class="skip-link" href="#thread" on:click=to_conversation>"Skip to the conversation"</a>
        <div class="console" data-pane=move || if has_beside.get() { "thread" } else { "list" }>
            <div class="notices">
                <ConnectionBar connection=live.connection caught_up=live.caught_up/>
                <ReturnedBar
                    returned=attention.returned
                    on_dismiss=Callback::new(move |id: EscalationId| attention.forget_return(id))
                />
            </div>
            <Rail
                counts=counts
                current=current
                connection=live.connection
                attention=attention
                away=away
                on_away=Callback::new(move |()| be_away(!away.get_untracked(), false))
                on_leave=Callback::new(move |()| be_away(true, true))
            />
            <ListPane
                listing=listing
                inbox=live.inbox
                left=live.left
                activity=live.activity
                choices=live.choices
                selected=selected
                beside=has_beside
                failed=fetch.list_failed
                awake=live.awake
                held=fetch.held
                href=Callback::new(move |id: EscalationId| address(&listing.get(), Some(&id.to_string())))
                on_listing=on_listing
                on_retry=on_retry
                on_more=Callback::new(move |()| fetch.more())
            />
            {pane}
        </div>
        <Shortcuts open=sheet/>
        <SignedOutCover connection=live.connection href=sign_in_href/>
    }
}

fn nothing(picture: Icon, words: String, on_retry: Option<Callback<()>>) -> AnyView {
    let retry = on_retry.map(|on_retry| {
        view! {
            <button class="button" type="button" data-size="small" on:click=move |_| on_retry.run(())>
                "Retry"
            </button>
        }
    });
    view! {
        <main class="thread-pane" id="thread" tabindex="-1">
            <div class="empty">{icon(picture)} <p>{words}</p> {retry}</div>
        </main>
    }
    .into_any()
}
