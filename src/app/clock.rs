//! The page's clock. The server renders with its own now at Greenwich; once awake, the page ticks by itself and shows
//! the browser's local time. Rendering anything else first would break hydration.

use std::time::Duration;

use leptos::prelude::*;

use crate::domain::time::{Span, Timestamp};

/// Now, and how far east of Greenwich we are. Both are signals.
#[derive(Clone, Copy)]
pub struct Clock {
    now: RwSignal<Timestamp>,
    offset: RwSignal<Span>,
    /// How far the server's clock is ahead of the browser's, in milliseconds.
    ahead: StoredValue<i64>,
}

/// Starts the clock at the server's now and makes it known to everything below.
pub fn provide_clock(now: Timestamp) -> Clock {
    let clock = Clock { now: RwSignal::new(now), offset: RwSignal::new(Span(0)), ahead: StoredValue::new(0) };
    provide_context(clock);
    Effect::new(move |_| {
        clock.ahead.set_value(now.0 - browser_now());
        clock.offset.set(Span::minutes(-(js_sys::Date::new_0().get_timezone_offset() as i64)));
        let ticking = set_interval_with_handle(move || clock.tick(), Duration::from_secs(1));
        if let Ok(ticking) = ticking {
            on_cleanup(move || ticking.clear());
        }
    });
    clock
}

/// The clock of the page.
pub fn clock() -> Clock {
    expect_context()
}

fn browser_now() -> i64 {
    js_sys::Date::now() as i64
}

impl Clock {
    /// The server's now, followed second by second.
    pub fn now(self) -> Timestamp {
        self.now.get()
    }

    /// Now, at this moment, without following it. Only in the browser.
    pub fn moment(self) -> Timestamp {
        Timestamp(browser_now() + self.ahead.try_get_value().unwrap_or(0))
    }

    /// The local time zone, as far as it is known.
    pub fn offset(self) -> Span {
        self.offset.get()
    }

    /// `14:02`, local once awake.
    pub fn time(self, at: Timestamp) -> String {
        at.clock_time(self.offset())
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
