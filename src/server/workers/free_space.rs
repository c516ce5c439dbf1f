//! Reads the free space on the disk of a SQLite database.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::server::core::desk::Desk;

/// How often the free space is read.
const EVERY: Duration = Duration::from_secs(5);

/// Reads the free space until the server stops.
pub async fn watch(desk: Desk) {
    let Some(folder) = desk.store().folder() else { return };
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while desk.shutdown().run_until_cancelled(tick.tick()).await.is_some() {
        if let Err(error) = desk.free_space().read(&folder) {
            tracing::warn!(%error, "cannot read how much space is left");
        }
    }
}
