//! What the console fetches after its first picture: the lists and escalations that the address moves to, later rows,
//! and everything anew when the stream has lost track.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::place::Place;
pub use crate::app::focus::{focus, focus_if_free};
use crate::{
    app::{
        actions,
        live::{Connection, Live},
        problem::Problem,
        session::{Me, me},
    },
    domain::{ids::EscalationId, presence::Presence},
};

/// After how long a list that is narrowed by age is read anew.
const AGES_AFTER: Duration = Duration::from_secs(60);
/// With fewer rows than this left, the next page is fetched unasked.
const FEW_ROWS: usize = 25;

/// Fetches for one console.
#[derive(Clone, Copy)]
pub struct Fetch {
    live: Live,
    me: Me,
    place: Memo<Place>,
    /// Why the list could not be read.
    pub list_failed: RwSignal<Option<String>>,
    /// Why the escalation could not be read.
    pub thread_failed: RwSignal<Option<String>>,
    /// The address has changed since the page was loaded: then the focus moves with it.
    moved: StoredValue<bool>,
    more_underway: StoredValue<bool>,
    /// Whether the pointer or the focus is on the list: then it is not fetched unasked.
    pub held: RwSignal<bool>,
}

impl Fetch {
    /// Follows the address from now on.
    pub fn following(live: Live, place: Memo<Place>) -> Self {
        let it = Self {
            live,
            me: me(),
            place,
            list_failed: RwSignal::new(None),
            thread_failed: RwSignal::new(None),
            moved: StoredValue::new(false),
            more_underway: StoredValue::new(false),
            held: RwSignal::new(false),
        };
        Effect::new(move |before: Option<Place>| {
            let now = place.get();
            if let Some(before) = before.filter(|before| *before != now) {
                it.moved.set_value(true);
                if before.listing != now.listing {
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
            if few {
                it.more();
            }
        });
        Effect::new(move |_| {
            if let Ok(ageing) = set_interval_with_handle(move || it.age(), AGES_AFTER) {
                on_cleanup(move || ageing.clear());
            }
        });
        it
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
        let listing = self.place.get_untracked().listing;
        spawn_local(async move {
            let answer = actions::inbox(listing).await;
            if self.place.try_get_untracked().is_none_or(|place| place.listing != listing) {
                return;
            }
            match answer {
                Ok(inbox) => {
                    self.list_failed.try_set(None);
                    self.live.show_inbox(inbox);
                }
                Err(problem) => drop(self.list_failed.try_set(Some(self.noted(problem)))),
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
                    if self.live.extend_inbox(page) == Some(false) {
                        self.more();
                    }
                }
                Ok(_) => {}
                Err(problem) => drop(self.list_failed.try_set(Some(self.noted(problem)))),
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
            (true, None) => self.live.show_thread(None, Presence::default()),
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
                    let (thread, presence) = opened.unzip();
                    self.live.show_thread(thread, presence.unwrap_or_default());
                }
                Err(problem) => drop(self.thread_failed.try_set(Some(self.noted(problem)))),
            }
        });
    }

    /// Everything anew: the stream has lost track.
    pub fn restart(self) {
        let Some(place) = self.place.try_get_untracked() else { return };
        spawn_local(async move {
            match actions::bootstrap(place.listing, place.selected.clone()).await {
                Ok(start) if self.place.try_get_untracked().as_ref() == Some(&place) => {
                    self.live.restart(start);
                    if place.selected.is_none() {
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
                Ok(operator) if self.live.connection.try_get_untracked() == Some(Connection::SignedOut) => {
                    if operator.who.id == self.me.id() {
                        // The wire opens again by itself.
                        self.live.connection.try_set(Connection::Connecting);
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
    pub fn noted(self, problem: Problem) -> String {
        if problem == Problem::SignedOut {
            self.live.connection.try_set(Connection::SignedOut);
            focus_if_free("sign-in-again");
        }
        problem.to_string()
    }
}
