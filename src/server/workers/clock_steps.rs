//! Detects that the machine's clock was set. A step of more than a minute is logged, because the times on the screen
//! may then be surprising.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{domain::time::Span, server::core::desk::Desk};

/// How often to compare the clock with the monotonic clock of the process.
const EVERY: Duration = Duration::from_secs(1);
/// The largest step that is not logged.
const LARGE: Span = Span::minutes(1);

/// Compares the clocks until the server stops.
pub async fn watch(desk: Desk) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = (desk.clock().now(), Instant::now());
    while desk.shutdown().run_until_cancelled(tick.tick()).await.is_some() {
        let now = (desk.clock().now(), Instant::now());
        let steady = i64::try_from((now.1 - before.1).as_millis()).unwrap_or(i64::MAX);
        let step = Span((now.0 - before.0).0 - steady);
        if step.0.abs() > LARGE.0 {
            tracing::warn!(seconds = step.0 / 1_000, "the clock of this machine was set");
        }
        before = now;
    }
}
