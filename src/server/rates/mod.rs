//! Rate limits of callers. The requests of a key are counted by the key alone, because behind a proxy many agents share
//! one address. Addresses are counted only for requests without a key or a session. Each server counts rates alone. All
//! servers of a database together count how many bytes a key wrote today, and how often it was rate-limited.

pub mod usage;

use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::request::Parts;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use tokio::time::Instant;

use super::{
    client,
    config::{RateLimits, Settings},
};

/// The kind of a key's request, which selects the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    Open,
    Write,
    Read,
}

/// The status of a caller within a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitStatus {
    /// The name of the limit.
    pub policy: &'static str,
    /// How many requests there may be at once.
    pub burst: u32,
    /// The seconds after which a caller who has used all requests has all of them again.
    pub window: u32,
    /// How many requests are left.
    pub remaining: u32,
    /// The seconds until the next request is allowed, if none is left; otherwise until all are.
    pub seconds: u64,
    pub is_allowed: bool,
}

type Limiter<Key> = RateLimiter<Key, DashMapStateStore<Key>, DefaultClock, StateInformationMiddleware>;

/// A limit that counts each of many callers.
struct Limit<Key: Hash + Eq + Clone> {
    limiter: Limiter<Key>,
    policy: &'static str,
    per_minute: NonZeroU32,
    burst: NonZeroU32,
    cleaned_at: Mutex<Instant>,
}

/// How often the state of callers without recent requests is deleted.
const CLEAN_EVERY: Duration = Duration::from_secs(60);

impl<Key: Hash + Eq + Clone> Limit<Key> {
    /// Creates a limit; `None` when the rate is 0, which means no limit.
    fn new(policy: &'static str, per_minute: u32, burst: u32) -> Option<Self> {
        let (per_minute, burst) = (NonZeroU32::new(per_minute)?, NonZeroU32::new(burst)?);
        let limiter = RateLimiter::dashmap(Quota::per_minute(per_minute).allow_burst(burst)).with_middleware();
        Some(Self { limiter, policy, per_minute, burst, cleaned_at: Mutex::new(Instant::now()) })
    }

    /// Counts a request, and returns the caller's status.
    fn count(&self, key: &Key) -> LimitStatus {
        self.clean();
        let (per_minute, burst) = (u64::from(self.per_minute.get()), self.burst.get());
        let window = (u64::from(burst) * 60).div_ceil(per_minute);
        let standing = LimitStatus {
            policy: self.policy,
            burst,
            window: u32::try_from(window).unwrap_or(u32::MAX),
            remaining: 0,
            seconds: 0,
            is_allowed: false,
        };
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let seconds = (u64::from(burst.saturating_sub(remaining)) * 60).div_ceil(per_minute);
                LimitStatus { remaining, seconds, is_allowed: true, ..standing }
            }
            Err(until) => {
                let wait = until.wait_time_from(self.limiter.clock().now());
                LimitStatus { seconds: wait.as_secs() + 1, ..standing }
            }
        }
    }

    fn clean(&self) {
        let mut cleaned_at = self.cleaned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if cleaned_at.elapsed() >= CLEAN_EVERY {
            *cleaned_at = Instant::now();
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }
}

/// The limits of a server, and the state of its callers.
pub struct RateLimiters {
    settings: Arc<Settings>,
    opens: Option<Limit<String>>,
    writes: Option<Limit<String>>,
    reads: Option<Limit<String>>,
    anonymous: Option<Limit<IpAddr>>,
}

impl RateLimiters {
    pub fn new(settings: Arc<Settings>) -> Self {
        let limits = &settings.limits;
        Self {
            opens: Limit::new("opens", limits.opens_per_minute, limits.opens_per_minute.saturating_mul(2)),
            writes: Limit::new("writes", limits.writes_per_minute, limits.writes_per_minute),
            reads: Limit::new("reads", limits.reads_per_minute, limits.reads_per_minute),
            anonymous: Limit::new("anonymous", limits.anonymous_per_minute, limits.anonymous_per_minute),
            settings,
        }
    }

    /// Counts a request of a key, by the key's public id; `None` where there is no limit.
    pub fn of_key(&self, kind: RequestKind, key: &str) -> Option<LimitStatus> {
        let limit = match kind {
            RequestKind::Open => &self.opens,
            RequestKind::Write => &self.writes,
            RequestKind::Read => &self.reads,
        };
        limit.as_ref().map(|limit| limit.count(&key.to_owned()))
    }

    /// Counts a request without a key or a session, by the address it came from; for IPv6 by the /64.
    pub fn of_stranger(&self, parts: &Parts) -> Option<LimitStatus> {
        let address = client::address(&self.settings, parts)?;
        self.anonymous.as_ref().map(|limit| limit.count(&client::household(address)))
    }

    /// Returns the configured limits.
    pub fn limits(&self) -> &RateLimits {
        &self.settings.limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_burst_and_is_told_when_to_come_back() {
        let limit = Limit::new("opens", 60, 3).unwrap();
        let told: Vec<_> = (0..4).map(|_| limit.count(&"a")).collect();
        assert_eq!(
            told.iter().map(|it| (it.is_allowed, it.remaining)).collect::<Vec<_>>(),
            [(true, 2), (true, 1), (true, 0), (false, 0)]
        );
        assert!((1..=2).contains(&told[3].seconds), "{told:?}");
        assert_eq!((told[0].burst, told[0].window), (3, 3));
        assert!(limit.count(&"b").is_allowed, "another is not concerned");
        assert!(Limit::<&str>::new("none", 0, 0).is_none());
    }
}
