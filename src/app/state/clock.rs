//! The page's clock. The server renders with its own now in UTC; after hydration the page ticks by itself and shows the
//! browser's local time. Rendering anything else first would break hydration.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use crate::domain::time::{Span, Timestamp};

/// Now, and the browser's time zone. Both are signals.
#[derive(Clone, Copy)]
pub struct PageClock {
    now: RwSignal<Timestamp>,
    /// True once times are shown in the browser's zone; before hydration they are shown in UTC.
    is_local: RwSignal<bool>,
    /// How far the server's clock is ahead of the browser's, in milliseconds.
    ahead: StoredValue<i64>,
}

/// Starts the clock at the server's now and makes it known to everything below.
pub fn provide_clock(now: Timestamp) -> PageClock {
    let clock = PageClock { now: RwSignal::new(now), is_local: RwSignal::new(false), ahead: StoredValue::new(0) };
    provide_context(clock);
    Effect::new(move |_| {
        clock.ahead.set_value(now.0 - browser_now());
        clock.is_local.set(true);
        let ticking = set_interval_with_handle(move || clock.tick(), Duration::from_secs(1));
        if let Ok(ticking) = ticking {
            on_cleanup(move || ticking.clear());
        }
    });
    clock
}

/// The clock of the page.
pub fn clock() -> PageClock {
    expect_context()
}

fn browser_now() -> i64 {
    js_sys::Date::now() as i64
}

/// How far the browser's zone is ahead of UTC on the date of `at`, which may be in summer while it is winter now.
fn browser_offset(at: Timestamp) -> Span {
    let date = js_sys::Date::new(&JsValue::from_f64(at.0 as f64));
    // A date that JavaScript cannot hold gives NaN, which becomes 0 here.
    Span((date.get_timezone_offset() * -60_000.0) as i64)
}

impl PageClock {
    /// The server's now, followed second by second.
    pub fn now(self) -> Timestamp {
        self.now.get()
    }

    /// Now, at this moment, without following it. Only in the browser.
    pub fn moment(self) -> Timestamp {
        Timestamp(browser_now() + self.ahead.try_get_value().unwrap_or(0))
    }

    /// How far the shown time is ahead of UTC at that moment.
    pub fn offset(self, at: Timestamp) -> Span {
        match self.is_local.get() {
            true => browser_offset(at),
            false => Span(0),
        }
    }

    /// `14:02`, in the browser's zone after hydration.
    pub fn time(self, at: Timestamp) -> String {
        at.clock_time(self.offset(at))
    }

    /// How long ago, never below nothing.
    pub fn since(self, at: Timestamp) -> Span {
        Span((self.now() - at).0.max(0))
    }

    /// Learns from an event's time that the server's clock is further ahead than we thought.
    pub fn hear(self, at: Timestamp) {
        let least = at.0 - browser_now();
        self.ahead.try_update_value(|ahead| *ahead = (*ahead).max(least));
    }

    fn tick(self) {
        self.now.try_set(self.moment());
    }
}
