//! Saves what the process collects in memory: who is present, and what API keys use. The last save is at shutdown.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::server::core::desk::Desk;

/// Interval of saving presence.
const PRESENCE_EVERY: Duration = Duration::from_secs(1);
/// Interval of saving the usage of keys.
const USAGE_EVERY: Duration = Duration::from_secs(5);

/// Saves when operators were seen and agents listened, until the server stops.
pub async fn save_presence(desk: Desk) {
    let mut tick = ticks(PRESENCE_EVERY);
    loop {
        let is_last = desk.shutdown().run_until_cancelled(tick.tick()).await.is_none();
        desk.hints().save(desk.store(), desk.clock().now()).await;
        if is_last {
            return;
        }
    }
}

/// Saves what API keys use, until the server stops.
pub async fn save_usage(desk: Desk) {
    let mut tick = ticks(USAGE_EVERY);
    loop {
        let is_last = desk.shutdown().run_until_cancelled(tick.tick()).await.is_none();
        if let Err(error) = desk.usage().save(desk.store(), desk.clock().now()).await {
            tracing::warn!(%error, "the usage of keys was not saved; the next save includes it");
        }
        if is_last {
            return;
        }
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
