//! Notices that the database has another history than before, as when a backup was put back beneath a running server and
//! `bailout admin new-epoch` said so. What is in memory of the old one is forgotten and every stream ends; whoever comes
//! back with a cursor of the old one is told to start over.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::server::core::desk::Desk;

/// How often to look: for so long streams may go on as if nothing had happened.
const EVERY: Duration = Duration::from_secs(1);

/// Watches until the server stops.
pub async fn watch(desk: Desk) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while desk.shutdown().run_until_cancelled(tick.tick()).await.is_some() {
        match desk.store().look_at_epoch().await {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!("the database has another history; every client starts over");
                desk.bell().forget();
            }
            Err(error) => tracing::warn!(%error, "cannot read the name of the history"),
        }
    }
}
