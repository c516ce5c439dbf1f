//! The one place that asks what time it is, and that mints ids.

use std::{sync::Arc, time::UNIX_EPOCH};

use uuid::Uuid;

use crate::domain::time::Timestamp;

/// Tells the time: the system's, or a test's.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::told_by(|| {
            #[expect(clippy::disallowed_methods, reason = "this is the clock that others ask")]
            let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        })
    }

    /// A clock that a test holds the hands of.
    pub fn told_by(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// A fresh UUIDv7, for an id of any kind.
pub fn mint() -> Uuid {
    Uuid::now_v7()
}
