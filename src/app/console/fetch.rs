//! What the console fetches after its first picture: the lists and escalations that the address moves to, later rows,
//! and everything anew when the stream has lost track.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::place::ConsolePlace;
pub use crate::app::focus::{focus, focus_if_free};
use crate::{
    app::{
        actions,
        problem::CallError,
        session::{CurrentOperator, me},
        state::live::{Live, StreamStatus},
    },
    domain::{ids::EscalationId, presence::Presence},
};

/// After how long a list that is narrowed by age is read anew.
const AGES_AFTER: Duration = Duration::from_secs(60);
/// How often something that could not be read is read again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// With fewer rows than this left, the next page is fetched unasked.
const FEW_ROWS: usize = 25;
/// How many pages are fetched unasked: a filter that matches hardly anything would lead through the whole table.
const MOST_UNASKED: usize = 1;

/// Fetches for one console.
#[derive(Clone, Copy)]
pub struct Fetch {
    live: Live,
    me: CurrentOperator,
    place: Memo<ConsolePlace>,
    /// Why the list could not be read.
    pub list_failed: RwSignal<Option<String>>,
    /// Why the escalation could not be read.
    pub thread_failed: RwSignal<Option<String>>,
    /// The address has changed since the page was loaded: then the focus moves with it.
    moved: StoredValue<bool>,
    /// Pages of this list that were fetched unasked.
    unasked: StoredValue<usize>,
    more_underway: StoredValue<bool>,
    /// Only a further page of the list could not be read, and the rows before it stay.
    more_failed: StoredValue<bool>,
    /// Whether the pointer or the focus is on the list: then it is not fetched unasked.
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
        // The stream is back: now everything can be read that could not be read without it.
        Effect::new(move |before: Option<StreamStatus>| {
            let now = live.connection.get();
            if now == StreamStatus::Live && before.is_some_and(|before| before != now) {
                // A request that was underway may never be answered.
                it.more_underway.set_value(false);
                it.retry();
            }
            now
        });
        // A single request may fail while the stream stays.
        Effect::new(move |_| {
            if let Ok(retrying) = set_interval_with_handle(move || it.retry_failed(), AGAIN_AFTER) {
                on_cleanup(move || retrying.clear());
            }
        });
        it
    }

    /// Reads what the address names and the page does not show, or could not read.
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
        // A tab that nobody looks at keeps no session alive.
        if is_live && !document().hidden() && (is_some(self.list_failed) || is_some(self.thread_failed)) {
            self.retry();
        }
    }

    /// A list of what is older than so much grows with the time.
    fn age(self) {
        let ages = self.place.try_with_untracked(|place| place.listing.filters.age.is_some());
        // A tab that nobody looks at keeps no session alive.
        if ages == Some(true) && !document().hidden() && self.held.try_get_untracked() == Some(false) {
            self.list();
        }
    }

    /// Whether one came here from elsewhere in the console.
    pub fn moved(self) -> bool {
        self.moved.get_value()
    }

    /// The list of the address.
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

    /// The rows after those that are here.
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
                // A page of an earlier moment than the list: the same again, as it is now.
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

    /// The escalation of the address.
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

    /// An escalation anew, when it is still the one of the address.
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

    /// Everything anew: the stream has lost track.
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

    /// Finds out whether we are signed out, or in again.
    pub fn probe(self) {
        spawn_local(async move {
            match actions::who_am_i().await {
                Err(problem) => drop(self.noted(problem)),
                Ok(operator) if self.live.connection.try_get_untracked() == Some(StreamStatus::SignedOut) => {
                    if operator.who.id == self.me.id() {
                        // The wire opens again by itself.
                        self.live.connection.try_set(StreamStatus::Connecting);
                    } else {
                        // A page that will not reload stays covered.
                        let _ = window().location().reload();
                    }
                }
                Ok(_) => {}
            }
        });
    }

    /// A problem's sentence; that of a lost session covers the page.
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

/// Says why something could not be read. The same sentence is not announced twice.
fn failed(place: RwSignal<Option<String>>, why: String) {
    place.try_maybe_update(|known| {
        let is_new = known.as_ref() != Some(&why);
        *known = Some(why);
        (is_new, ())
    });
}
