//! The wire to the server: an EventSource that is never trusted to come back by itself. It is opened with the page's
//! cursor, watched, closed and opened anew until the page is gone. Only in the browser.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent};

use crate::{
    app::{
        attention::Attention,
        clock::Clock,
        lean,
        live::{Connection, Live},
    },
    domain::inbox::Frame,
};

/// How often the wire looks at itself.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Without any event for so long, the stream is dead, whatever the browser says. The server pings more often.
const SILENCE_MS: f64 = 45_000.0;
/// After a sleep, less silence is enough to distrust it.
const SILENCE_AFTER_SLEEP_MS: f64 = 20_000.0;
/// How long the stream may be down before the page says so, and before it stops claims.
const SAY_SO_AFTER_MS: f64 = 1_500.0;
const LOST_AFTER_MS: f64 = 5_000.0;
/// How long "Back online" stays.
const BACK_FOR_MS: f64 = 5_000.0;
/// A page that nobody has seen for so long needs no stream: over HTTP/1.1 a browser has only six.
const UNSEEN_AFTER_MS: f64 = 30_000.0;
/// The first and the longest pause before another attempt.
const FIRST_PAUSE_MS: f64 = 500.0;
const LONGEST_PAUSE_MS: f64 = 10_000.0;

/// What the wire asks of the page.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// The cursor is of no use: fetch everything anew.
    pub restart: Callback<()>,
    /// The stream will not open: find out whether we are signed out.
    pub probe: Callback<()>,
    /// Hears what may call the operator. The tab that calls for all of them does not rest.
    pub attention: Attention,
}

/// What is heard of the stream.
const EVENTS: [&str; 6] = ["open", "error", "ping", "hint", "reset", "frame"];

struct Wire {
    live: Live,
    source: Option<EventSource>,
    /// Hears every event; made once, since it must outlive the source it hears.
    listener: Option<Closure<dyn FnMut(MessageEvent)>>,
    heard_at: f64,
    down_since: Option<f64>,
    hidden_since: Option<f64>,
    retry_at: f64,
    attempts: u32,
    back_until: f64,
}

/// Opens the wire when the page wakes and keeps it until the page is gone.
pub fn keep(live: Live, clock: Clock, hooks: Hooks) {
    Effect::new(move |_| {
        let wire = StoredValue::new_local(Wire::new(live));
        let listener = Closure::new(move |event: MessageEvent| match event.type_().as_str() {
            "open" => opened(wire, live),
            "error" => failed(wire, hooks),
            "ping" => heard(wire),
            "hint" => {
                heard(wire);
                // One that cannot be read may as well have been lost.
                if let Some(hint) = read(&event) {
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
                // Perhaps someone has signed in again, in another tab.
                if live.connection.try_get_untracked() == Some(Connection::SignedOut) {
                    hooks.probe.run(());
                } else {
                    wire.try_update_value(Wire::woken);
                }
            });
            on_cleanup(move || listening.remove());
        }
        on_cleanup(move || {
            wire.try_update_value(Wire::close);
        });
    });
}

fn opened(wire: StoredValue<Wire, LocalStorage>, live: Live) {
    let was_down = matches!(live.connection.try_get_untracked(), Some(Connection::Reconnecting | Connection::Lost));
    wire.try_update_value(|wire| {
        wire.heard_at = now();
        wire.down_since = None;
        wire.back_until = now() + BACK_FOR_MS;
    });
    live.caught_up.try_set(was_down.then_some(0));
    live.connection.try_set(Connection::Live);
}

fn heard(wire: StoredValue<Wire, LocalStorage>) {
    wire.try_update_value(|wire| {
        wire.heard_at = now();
        wire.attempts = 0;
    });
}

fn failed(wire: StoredValue<Wire, LocalStorage>, hooks: Hooks) {
    let attempts = wire.try_update_value(|wire| {
        wire.fail();
        wire.attempts
    });
    // The first failure is most often a server that restarts.
    if attempts.is_some_and(|attempts| attempts > 1) {
        hooks.probe.run(());
    }
}

/// The server does not know our cursor, or we do not understand its events.
fn lost_track(wire: StoredValue<Wire, LocalStorage>, hooks: Hooks) {
    wire.try_update_value(Wire::fail);
    hooks.restart.run(());
}

fn read<T: serde::de::DeserializeOwned>(event: &MessageEvent) -> Option<T> {
    lean::read(event.data().as_string()?.as_bytes()).ok()
}

fn beat(wire: StoredValue<Wire, LocalStorage>, hooks: Hooks) {
    let silent = wire.try_with_value(|wire| wire.source.is_some() && now() - wire.heard_at > SILENCE_MS);
    if silent == Some(true) {
        failed(wire, hooks);
    }
    wire.try_update_value(|wire| {
        if wire.rests(hooks.attention) {
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
        }
    }

    fn open(&mut self) {
        self.close();
        let Some(cursor) = self.live.cursor() else { return };
        if self.live.connection.try_get_untracked() == Some(Connection::SignedOut) {
            return;
        }
        self.heard_at = now();
        let Ok(source) = EventSource::new(&("/live?after=".to_owned() + &cursor)) else { return self.fail() };
        if let Some(listener) = &self.listener {
            for name in EVENTS {
                // Adding a listener for one of our own names cannot fail.
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

    /// Closes and plans another attempt: later each time, and never all pages at once.
    fn fail(&mut self) {
        self.close();
        self.down_since.get_or_insert_with(now);
        let pause = (FIRST_PAUSE_MS * f64::from(1 << self.attempts)).min(LONGEST_PAUSE_MS);
        self.retry_at = now() + pause * (0.5 + 0.5 * js_sys::Math::random());
        self.attempts = (self.attempts + 1).min(10);
    }

    /// Whether nobody has seen the page for so long that it needs no stream until it is seen again.
    fn rests(&mut self, attention: Attention) -> bool {
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

    /// The machine woke, the network came back, or the page is looked at again.
    fn woken(&mut self) {
        self.hidden_since = None;
        if self.source.is_none() || now() - self.heard_at > SILENCE_AFTER_SLEEP_MS {
            self.down_since.get_or_insert_with(now);
            self.open();
        }
    }

    fn show(&self) {
        let connection = self.live.connection;
        if let Some(since) = self.down_since {
            let known = connection.try_get_untracked();
            let state = match now() - since {
                down if down >= LOST_AFTER_MS => Connection::Lost,
                down if down >= SAY_SO_AFTER_MS => Connection::Reconnecting,
                _ => return,
            };
            if known != Some(Connection::SignedOut) && known != Some(state) {
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
