//! The requests of the console after its first snapshot: the lists and escalations that the address names, later rows,
//! and a full snapshot when the stream has lost track.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::place::ConsolePlace;
use crate::{
    app::{
        actions,
        focus::{focus, focus_if_free},
        problem::CallError,
        session::{CurrentOperator, me},
        state::live::{Live, StreamStatus},
    },
    domain::{ids::EscalationId, presence::Presence},
};

/// The interval at which a list filtered by age is read again.
const AGES_AFTER: Duration = Duration::from_secs(60);
/// The interval at which failed reads are retried.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// With fewer rows than this on the list, the next page is fetched automatically.
const FEW_ROWS: usize = 25;
/// How many pages are fetched automatically: a filter that matches few rows would lead through the whole table.
const MOST_UNASKED: usize = 1;

/// The requests of one console.
#[derive(Clone, Copy)]
pub struct Fetch {
    live: Live,
    me: CurrentOperator,
    place: Memo<ConsolePlace>,
    /// The reason why the list could not be read.
    pub list_failed: RwSignal<Option<String>>,
    /// The reason why the escalation could not be read.
    pub thread_failed: RwSignal<Option<String>>,
    /// True when the address has changed since the page was loaded: then the focus moves with it.
    moved: StoredValue<bool>,
    /// The number of pages of this list that were fetched automatically.
    unasked: StoredValue<usize>,
    more_underway: StoredValue<bool>,
    /// True when only a further page of the list could not be read; the rows before it stay.
    more_failed: StoredValue<bool>,
    /// True while the pointer or the focus is on the list: then the list is not fetched automatically.
    pub held: RwSignal<bool>,
}

impl Fetch {
    /// Follows the address from now on.
    pub fn following(live: Live, place: Memo<ConsolePlace>) -> Self {
        let it = Self {
            live,
            me: me(),
            place,
            list_failed: RwSignal::new(None),
            thread_failed: RwSignal::new(None),
            moved: StoredValue::new(false),
            unasked: StoredValue::new(0),
            more_underway: StoredValue::new(false),
            more_failed: StoredValue::new(false),
            held: RwSignal::new(false),
        };
        Effect::new(move |before: Option<ConsolePlace>| {
            let now = place.get();
            if let Some(before) = before.filter(|before| *before != now) {
                it.moved.set_value(true);
                if before.listing != now.listing {
                    it.list_failed.set(None);
                    it.list();
                }
                if before.selected != now.selected {
                    it.thread();
                }
            }
            now
        });
        Effect::new(move |_| {
            let few = live.inbox.with(|inbox| inbox.bound.is_some() && inbox.rows.len() < FEW_ROWS);
            if few && it.unasked.with_value(|unasked| *unasked < MOST_UNASKED) {
                it.unasked.update_value(|unasked| *unasked += 1);
                it.more();
            }
        });
        Effect::new(move |_| {
            if let Ok(ageing) = set_interval_with_handle(move || it.age(), AGES_AFTER) {
                on_cleanup(move || ageing.clear());
            }
        });
        // The stream is live again, so reads that failed without it are retried.
        Effect::new(move |before: Option<StreamStatus>| {
            let now = live.connection.get();
            if now == StreamStatus::Live && before.is_some_and(|before| before != now) {
                // A request that was in flight may never be answered.
                it.more_underway.set_value(false);
                it.retry();
            }
            now
        });
        // A single request may fail while the stream stays open.
        Effect::new(move |_| {
            if let Ok(retrying) = set_interval_with_handle(move || it.retry_failed(), AGAIN_AFTER) {
                on_cleanup(move || retrying.clear());
            }
        });
        it
    }

    /// Reads the list or escalation that the address names, if the page does not show it or failed to read it.
    pub fn retry(self) {
        let Some(place) = self.place.try_get_untracked() else { return };
        let is_here = self.live.inbox.try_with_untracked(|inbox| inbox.query.listing == place.listing) == Some(true);
        let has_more = self.live.inbox.try_with_untracked(|inbox| inbox.bound.is_some()) == Some(true);
        if is_here && has_more && self.more_failed.try_get_value() == Some(true) {
            self.more();
        } else if !is_here || is_some(self.list_failed) {
            self.list();
        }
        let shown = self.live.thread.try_with_untracked(|thread| thread.as_ref().map(|thread| thread.escalation.id));
        let is_missing = self.live.missing.try_get_untracked() == Some(true);
        if let Some(id) = place.id()
            && (is_some(self.thread_failed) || (shown != Some(Some(id)) && !is_missing))
        {
            self.refresh(id);
        }
    }

    fn retry_failed(self) {
        let is_live = self.live.connection.try_get_untracked() == Some(StreamStatus::Live);
        // A hidden tab must not keep the session alive.
        if is_live && !document().hidden() && (is_some(self.list_failed) || is_some(self.thread_failed)) {
            self.retry();
        }
    }

    /// Reads a list that is filtered by age again, because it grows as time passes.
    fn age(self) {
        let ages = self.place.try_with_untracked(|place| place.listing.filters.age.is_some());
        // A hidden tab must not keep the session alive.
        if ages == Some(true) && !document().hidden() && self.held.try_get_untracked() == Some(false) {
            self.list();
        }
    }

    /// Returns whether the operator navigated here within the console.
    pub fn moved(self) -> bool {
        self.moved.get_value()
    }

    /// Fetches the list of the address.
    pub fn list(self) {
        self.more_failed.set_value(false);
        self.unasked.set_value(0);
        let listing = self.place.get_untracked().listing;
        spawn_local(async move {
            let answer = actions::inbox(listing).await;
            if self.place.try_get_untracked().is_none_or(|place| place.listing != listing) {
                return;
            }
            match answer {
                Ok(inbox) => {
                    self.list_failed.try_set(None);
                    if !self.live.show_inbox(inbox) {
                        self.list();
                    }
                }
                Err(problem) => failed(self.list_failed, self.noted(problem)),
            }
        });
    }

    /// Fetches the rows after those that are here.
    pub fn more(self) {
        let Some((query, Some((after, after_id)))) = self.live.inbox.try_with_untracked(|it| (it.query, it.bound))
        else {
            return;
        };
        if self.more_underway.try_update_value(|underway| std::mem::replace(underway, true)) != Some(false) {
            return;
        }
        spawn_local(async move {
            let answer = actions::inbox_page(query.listing, query.as_of, after, after_id).await;
            self.more_underway.try_set_value(false);
            let still =
                self.live.inbox.try_with_untracked(|it| it.query == query && it.bound == Some((after, after_id)));
            match answer {
                // A page older than the list is refused and fetched again.
                Ok(page) if still == Some(true) => {
                    if self.more_failed.try_update_value(std::mem::take) == Some(true) {
                        self.list_failed.try_set(None);
                    }
                    if self.live.extend_inbox(page) == Some(false) {
                        self.more();
                    }
                }
                Err(problem) if still == Some(true) => {
                    self.more_failed.try_set_value(true);
                    failed(self.list_failed, self.noted(problem));
                }
                Ok(_) => {}
                Err(problem) => drop(self.noted(problem)),
            }
        });
    }

    /// Shows the escalation of the address, or only the list.
    pub fn thread(self) {
        let place = self.place.get_untracked();
        self.thread_failed.set(None);
        match (place.selected.is_some(), place.id()) {
            (false, _) => {
                self.live.close_thread();
                focus("list-title");
            }
            (true, None) => drop(self.live.show_thread(None, Presence::default())),
            (true, Some(id)) => {
                self.live.missing.set(false);
                self.refresh(id);
            }
        }
    }

    /// Fetches an escalation again, and shows it if the address still names it.
    pub fn refresh(self, id: EscalationId) {
        spawn_local(async move {
            let answer = actions::thread(id).await;
            if self.place.try_get_untracked().and_then(|place| place.id()) != Some(id) {
                return;
            }
            match answer {
                Ok(opened) => {
                    self.thread_failed.try_set(None);
                    let (thread, presence) = opened.unzip();
                    if !self.live.show_thread(thread, presence.unwrap_or_default()) {
                        self.refresh(id);
                    }
                }
                Err(problem) => failed(self.thread_failed, self.noted(problem)),
            }
        });
    }

    /// Fetches everything again, because the stream has lost track.
    pub fn restart(self) {
        let Some(place) = self.place.try_get_untracked() else { return };
        spawn_local(async move {
            match actions::bootstrap(place.listing, place.selected.clone()).await {
                Ok(start) if self.place.try_get_untracked().as_ref() == Some(&place) => {
                    self.more_failed.try_set_value(false);
                    self.list_failed.try_set(None);
                    self.thread_failed.try_set(None);
                    if !self.live.restart(start) {
                        self.restart();
                    } else if place.selected.is_none() {
                        self.live.close_thread();
                    }
                }
                Ok(_) => {}
                Err(problem) => drop(self.noted(problem)),
            }
        });
    }

    /// Finds out whether the page is signed out, or signed in again.
    pub fn probe(self) {
        spawn_local(async move {
            match actions::who_am_i().await {
                Err(problem) => drop(self.noted(problem)),
                Ok(operator) if self.live.connection.try_get_untracked() == Some(StreamStatus::SignedOut) => {
                    if operator.who.id == self.me.id() {
                        // The stream reopens by itself.
                        self.live.connection.try_set(StreamStatus::Connecting);
                    } else {
                        // A page that fails to reload stays covered.
                        let _ = window().location().reload();
                    }
                }
                Ok(_) => {}
            }
        });
    }

    /// Returns the sentence of an error. A lost session also covers the page.
    pub fn noted(self, problem: CallError) -> String {
        if problem == CallError::SignedOut {
            self.live.connection.try_set(StreamStatus::SignedOut);
            focus_if_free("sign-in-again");
        }
        problem.to_string()
    }
}

fn is_some(failed: RwSignal<Option<String>>) -> bool {
    failed.try_with_untracked(Option::is_some) == Some(true)
}

/// Stores why something could not be read. The same sentence is not announced twice.
fn failed(place: RwSignal<Option<String>>, why: String) {
    place.try_maybe_update(|known| {
        let is_new = known.as_ref() != Some(&why);
        *known = Some(why);
        (is_new, ())
    });
}
