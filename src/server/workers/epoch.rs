//! Detects that the database has a new history, for example when a backup was restored under a running server and
//! `bailout admin new-epoch` was run. The cached events of the old history are discarded and every stream ends. A
//! client that reconnects with a cursor of the old history must start over.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::server::core::desk::Desk;

/// How often to check. Streams may continue with the old history for this long.
const EVERY: Duration = Duration::from_secs(1);

/// Checks the epoch until the server stops.
pub async fn watch(desk: Desk) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while desk.shutdown().run_until_cancelled(tick.tick()).await.is_some() {
        match desk.store().refresh_epoch().await {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!("the database has another history; every client starts over");
                desk.log().clear();
            }
            Err(error) => tracing::warn!(%error, "cannot read the name of the history"),
        }
    }
}
