//! The only place that reads the system time and mints ids.

use std::{sync::Arc, time::UNIX_EPOCH};

use uuid::Uuid;

use crate::domain::time::Timestamp;

/// The source of the current time: the system's clock, or a test's.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Returns the machine's clock.
    pub fn system() -> Self {
        Self::told_by(|| {
            #[expect(clippy::disallowed_methods, reason = "this is the clock that others ask")]
            let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        })
    }

    /// Returns a clock that calls `tell` for the time, so that a test can control it.
    pub fn told_by(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// Returns a new UUIDv7, for an id of any kind.
pub fn mint() -> Uuid {
    Uuid::now_v7()
}
