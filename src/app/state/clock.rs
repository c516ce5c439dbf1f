//! The page's clock. The server renders with its own time in UTC. After hydration the page ticks by itself and shows
//! the browser's local time. The first rendering in the browser must match the server's, or hydration would break.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use crate::domain::time::{Span, Timestamp};

/// The current time and the browser's time zone. Both are signals.
#[derive(Clone, Copy)]
pub struct PageClock {
    now: RwSignal<Timestamp>,
    /// True once times are shown in the browser's zone; before hydration they are shown in UTC.
    is_local: RwSignal<bool>,
    /// How far the server's clock is ahead of the browser's, in milliseconds.
    ahead: StoredValue<i64>,
}

/// Starts the clock at the server's time and provides it as context.
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

/// Returns the clock of the page.
pub fn clock() -> PageClock {
    expect_context()
}

fn browser_now() -> i64 {
    js_sys::Date::now() as i64
}

/// Returns how far the browser's zone is ahead of UTC at `at`, which may be in summer while it is winter now.
fn browser_offset(at: Timestamp) -> Span {
    let date = js_sys::Date::new(&JsValue::from_f64(at.0 as f64));
    // A date that JavaScript cannot hold gives NaN, which becomes 0 here.
    Span((date.get_timezone_offset() * -60_000.0) as i64)
}

impl PageClock {
    /// Returns the server's time and tracks it, second by second.
    pub fn now(self) -> Timestamp {
        self.now.get()
    }

    /// Returns the current time without tracking it. Only in the browser.
    pub fn moment(self) -> Timestamp {
        Timestamp(browser_now() + self.ahead.try_get_value().unwrap_or(0))
    }

    /// Returns how far the shown time is ahead of UTC at that moment.
    pub fn offset(self, at: Timestamp) -> Span {
        match self.is_local.get() {
            true => browser_offset(at),
            false => Span(0),
        }
    }

    /// Formats a time as `14:02`, in the browser's zone after hydration.
    pub fn time(self, at: Timestamp) -> String {
        at.clock_time(self.offset(at))
    }

    /// Returns how long ago a time was, at least 0.
    pub fn since(self, at: Timestamp) -> Span {
        Span((self.now() - at).0.max(0))
    }

    /// Corrects the offset when an event's time shows that the server's clock is further ahead than known.
    pub fn hear(self, at: Timestamp) {
        let least = at.0 - browser_now();
        self.ahead.try_update_value(|ahead| *ahead = (*ahead).max(least));
    }

    fn tick(self) {
        self.now.try_set(self.moment());
    }
}
