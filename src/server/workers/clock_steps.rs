//! Notices that the machine's clock was set: the log shows a step of more than a minute, since what people see of times may
//! surprise them then.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{domain::time::Span, server::core::desk::Desk};

/// How often to compare the clock with the steady one of the process.
const EVERY: Duration = Duration::from_secs(1);
/// A step that is worth a line.
const LARGE: Span = Span::minutes(1);

/// Compares until the server stops.
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
