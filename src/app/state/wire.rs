//! The page's event stream: an EventSource whose own reconnection is not relied on. The page opens it with its cursor,
//! monitors it, and closes and reopens it until the page is gone. Only in the browser.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent};

use crate::{
    app::{
        codec,
        memory::tell_tabs,
        state::{
            attention::Notifier,
            clock::PageClock,
            live::{Live, StreamStatus},
        },
    },
    domain::{
        inbox::Frame,
        presence::{Hint, PING_EVERY},
    },
};

/// The interval of the checks of the stream.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Without any event for so long, the stream is dead, whatever the browser reports: three server pings are missing.
const SILENCE_MS: f64 = 3.0 * PING_EVERY.0 as f64;
/// The same limit after a sleep, when less silence is enough to reopen the stream.
const SILENCE_AFTER_SLEEP_MS: f64 = 1.5 * PING_EVERY.0 as f64;
/// The timeout for opening a stream.
const OPENS_WITHIN_MS: f64 = 10_000.0;
/// When the network comes back, an attempt that has not opened for so long was made without the network, and may hang.
const HANGS_AFTER_MS: f64 = 2_000.0;
/// How often a signed-out page checks whether someone has signed in. Most often another tab notifies it at once.
const ASK_AGAIN_AFTER_MS: f64 = 5_000.0;
/// How long the stream may be down before the page shows it, and before the page disables claims.
const SAY_SO_AFTER_MS: f64 = 1_500.0;
const LOST_AFTER_MS: f64 = 5_000.0;
/// How long "Back online" is shown.
const BACK_FOR_MS: f64 = 5_000.0;
/// A page that was hidden for so long needs no stream: over HTTP/1.1 a browser has only six connections.
const UNSEEN_AFTER_MS: f64 = 30_000.0;
/// The first and the longest pause before a retry.
const FIRST_PAUSE_MS: f64 = 500.0;
const LONGEST_PAUSE_MS: f64 = 10_000.0;

/// The callbacks of the stream into the page.
#[derive(Clone, Copy)]
pub struct StreamHooks {
    /// Called when the cursor is of no use: fetches everything again.
    pub restart: Callback<()>,
    /// Called when the stream fails to open: finds out whether the page is signed out.
    pub probe: Callback<()>,
    /// Receives the events that may alert the operator. The tab that alerts for all tabs keeps its stream when hidden.
    pub attention: Notifier,
}

/// The event names of the stream.
const EVENTS: [&str; 6] = ["open", "error", "ping", "hint", "reset", "frame"];

struct Wire {
    live: Live,
    source: Option<EventSource>,
    /// Receives every event; created once, since the closure must outlive the source.
    listener: Option<Closure<dyn FnMut(MessageEvent)>>,
    heard_at: f64,
    down_since: Option<f64>,
    hidden_since: Option<f64>,
    retry_at: f64,
    attempts: u32,
    back_until: f64,
    /// When a signed-out page last checked whether it still is.
    asked_at: f64,
}

/// Opens the stream after hydration and keeps it open until the page is gone.
pub fn keep(live: Live, clock: PageClock, hooks: StreamHooks) {
    Effect::new(move |_| {
        let wire = StoredValue::new_local(Wire::new(live));
        let listener = Closure::new(move |event: MessageEvent| match event.type_().as_str() {
            "open" => opened(wire, live),
            "error" => failed(wire, hooks, Wire::fail),
            "ping" => heard(wire),
            "hint" => {
                heard(wire);
                // An unreadable hint is ignored, since any hint may be lost.
                if let Some(hint) = read::<Hint>(&event) {
                    live.hint(&hint);
                }
            }
            "frame" => match read::<Frame>(&event) {
                Some(frame) => {
                    heard(wire);
                    clock.hear(frame.event.at);
                    live.caught_up.try_maybe_update(|caught_up| match caught_up {
                        Some(updates) => (true, *updates += 1),
                        None => (false, ()),
                    });
                    let serves = live.inbox.try_with_untracked(|inbox| inbox.serves(frame.row.queue));
                    hooks.attention.hear(&frame, serves != Some(false));
                    live.apply(frame);
                }
                None => lost_track(wire, hooks),
            },
            _ => lost_track(wire, hooks),
        });
        wire.update_value(|wire| {
            wire.listener = Some(listener);
            wire.open();
        });

        if let Ok(beating) = set_interval_with_handle(move || beat(wire, hooks), HEARTBEAT) {
            on_cleanup(move || beating.clear());
        }
        for woken_by in ["online", "pageshow", "visibilitychange", "focus"] {
            let listening = window_event_listener_untyped(woken_by, move |_| {
                if document().hidden() {
                    return;
                }
                // Someone may have signed in again, in another tab.
                if live.connection.try_get_untracked() == Some(StreamStatus::SignedOut) {
                    hooks.probe.run(());
                } else {
                    wire.try_update_value(Wire::woken);
                }
            });
            on_cleanup(move || listening.remove());
        }
        // The browser notices a lost network before the stream does. If the server can be reached all the same, as on
        // the same machine, the next attempt shows it.
        let losing = window_event_listener_untyped("offline", move |_| failed(wire, hooks, Wire::cut));
        // Another tab has loaded a page, perhaps because someone signed in there. This tab may stay in the background.
        let told = window_event_listener_untyped("storage", move |_| {
            if live.connection.try_get_untracked() == Some(StreamStatus::SignedOut) {
                hooks.probe.run(());
            }
        });
        tell_tabs();
        on_cleanup(move || {
            losing.remove();
            told.remove();
            wire.try_update_value(Wire::close);
        });
    });
}

fn opened(wire: StoredValue<Wire, LocalStorage>, live: Live) {
    let was_down = matches!(live.connection.try_get_untracked(), Some(StreamStatus::Reconnecting | StreamStatus::Lost));
    wire.try_update_value(|wire| {
        wire.heard_at = now();
        wire.down_since = None;
        wire.back_until = now() + BACK_FOR_MS;
    });
    live.caught_up.try_set(was_down.then_some(0));
    live.connection.try_set(StreamStatus::Live);
}

fn heard(wire: StoredValue<Wire, LocalStorage>) {
    wire.try_update_value(|wire| {
        wire.heard_at = now();
        wire.attempts = 0;
    });
}

fn failed(wire: StoredValue<Wire, LocalStorage>, hooks: StreamHooks, fail: fn(&mut Wire)) {
    let attempts = wire.try_update_value(|wire| {
        fail(wire);
        wire.attempts
    });
    // The first failure is most often a server that restarts.
    if attempts.is_some_and(|attempts| attempts > 1) {
        hooks.probe.run(());
    }
}

/// Restarts from a snapshot: the server does not know the page's cursor, or the page does not understand an event.
fn lost_track(wire: StoredValue<Wire, LocalStorage>, hooks: StreamHooks) {
    wire.try_update_value(Wire::fail);
    hooks.restart.run(());
}

fn read<T: serde::de::DeserializeOwned>(event: &MessageEvent) -> Option<T> {
    codec::read::<T>(event.data().as_string()?.as_bytes()).ok()
}

fn beat(wire: StoredValue<Wire, LocalStorage>, hooks: StreamHooks) {
    if wire.try_with_value(Wire::is_dead) == Some(true) {
        failed(wire, hooks, Wire::cut);
    }
    if wire.try_update_value(Wire::waits_for_sign_in) == Some(true) {
        hooks.probe.run(());
    }
    wire.try_update_value(|wire| {
        if wire.is_signed_out() || wire.rests(hooks.attention) {
            return;
        }
        if wire.source.is_none() && now() >= wire.retry_at {
            wire.open();
        }
        wire.show();
    });
}

impl Wire {
    fn new(live: Live) -> Self {
        Self {
            live,
            source: None,
            listener: None,
            heard_at: now(),
            down_since: Some(now()),
            hidden_since: None,
            retry_at: 0.0,
            attempts: 0,
            back_until: 0.0,
            asked_at: 0.0,
        }
    }

    fn open(&mut self) {
        self.close();
        let Some(cursor) = self.live.cursor() else { return };
        if self.is_signed_out() {
            return;
        }
        self.heard_at = now();
        let Ok(source) = EventSource::new(&("/live?after=".to_owned() + &cursor)) else { return self.fail() };
        if let Some(listener) = &self.listener {
            for name in EVENTS {
                // Adding a listener for a fixed event name cannot fail.
                let _ = source.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
            }
        }
        self.source = Some(source);
    }

    fn close(&mut self) {
        if let Some(source) = self.source.take() {
            if let Some(listener) = &self.listener {
                for name in EVENTS {
                    let _ = source.remove_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
                }
            }
            source.close();
        }
    }

    /// Closes the stream and schedules a retry. The pause grows, with jitter, so that pages do not reconnect at once.
    fn fail(&mut self) {
        self.close();
        self.down_since.get_or_insert_with(now);
        let pause = (FIRST_PAUSE_MS * f64::from(1 << self.attempts)).min(LONGEST_PAUSE_MS);
        self.retry_at = now() + pause * (0.5 + 0.5 * js_sys::Math::random());
        self.attempts = (self.attempts + 1).min(10);
    }

    /// Closes the stream of a network that is known to be gone, and shows that at once.
    fn cut(&mut self) {
        self.fail();
        let said = now() - SAY_SO_AFTER_MS;
        self.down_since = Some(self.down_since.map_or(said, |since| since.min(said)));
        self.show();
    }

    /// Returns whether the stream has been silent, or has taken to open, for too long.
    fn is_dead(&self) -> bool {
        let patience = if self.down_since.is_some() { OPENS_WITHIN_MS } else { SILENCE_MS };
        self.source.is_some() && now() - self.heard_at > patience
    }

    fn is_signed_out(&self) -> bool {
        self.live.connection.try_get_untracked() == Some(StreamStatus::SignedOut)
    }

    /// Prepares a signed-out page to open its stream at the next beat after someone signs in. Returns whether it is
    /// time to check if someone has.
    fn waits_for_sign_in(&mut self) -> bool {
        if !self.is_signed_out() {
            return false;
        }
        self.close();
        (self.attempts, self.retry_at, self.down_since) = (0, 0.0, Some(now()));
        let asks = !document().hidden() && now() - self.asked_at > ASK_AGAIN_AFTER_MS;
        if asks {
            self.asked_at = now();
        }
        asks
    }

    /// Returns whether the page has been hidden for so long that it needs no stream until it is shown again.
    fn rests(&mut self, attention: Notifier) -> bool {
        if !document().hidden() || attention.leads() {
            self.hidden_since = None;
            return false;
        }
        let rests = now() - *self.hidden_since.get_or_insert_with(now) > UNSEEN_AFTER_MS;
        if rests {
            self.close();
            self.down_since = None;
        }
        rests
    }

    /// Reopens a stale stream after the machine woke, the network came back, or the page is shown again.
    fn woken(&mut self) {
        self.hidden_since = None;
        let patience = if self.down_since.is_some() { HANGS_AFTER_MS } else { SILENCE_AFTER_SLEEP_MS };
        if self.source.is_none() || now() - self.heard_at > patience {
            self.down_since.get_or_insert_with(now);
            self.open();
        }
    }

    fn show(&self) {
        let connection = self.live.connection;
        if let Some(since) = self.down_since {
            let known = connection.try_get_untracked();
            let state = match now() - since {
                down if down >= LOST_AFTER_MS => StreamStatus::Lost,
                down if down >= SAY_SO_AFTER_MS => StreamStatus::Reconnecting,
                _ => return,
            };
            if known != Some(StreamStatus::SignedOut) && known != Some(state) {
                connection.try_set(state);
            }
        } else if now() > self.back_until && self.live.caught_up.try_get_untracked().flatten().is_some() {
            self.live.caught_up.try_set(None);
        }
    }
}

fn now() -> f64 {
    js_sys::Date::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_network_is_noticed_within_20_seconds() {
        let beat = HEARTBEAT.as_millis() as f64;
        let ping = PING_EVERY.0 as f64;
        assert!(SILENCE_MS + 2.0 * beat <= 20_000.0, "the page says so at once");
        assert!(SILENCE_MS >= 2.0 * ping + beat, "one lost ping is no dead network");
        assert!(SILENCE_AFTER_SLEEP_MS > ping);
    }
}
