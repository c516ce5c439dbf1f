//! Closes the streams of credentials that were revoked, also by another process.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::server::core::desk::Desk;

/// Interval of checking the credentials of open streams: three times a second, so that a revoked one is closed within a
/// second even when a check is slow.
const EVERY: Duration = Duration::from_millis(300);

/// Checks the open streams until the server stops. A failing database closes no stream; the next check decides.
pub async fn watch(desk: Desk) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while desk.shutdown().run_until_cancelled(tick.tick()).await.is_some() {
        if let Err(error) = desk.open_streams().check(desk.store(), desk.clock().now()).await {
            tracing::warn!(%error, "cannot read which credentials are still good");
        }
    }
}
