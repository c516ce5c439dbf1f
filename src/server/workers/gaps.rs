//! Reads events that other servers wrote, once for all streams of this server.

use crate::server::core::desk::Desk;

/// Fills gaps until the server stops.
pub async fn fill(desk: Desk) {
    while let Some(gaps) = desk.shutdown().run_until_cancelled(desk.log().next_gaps()).await {
        for (workspace, head) in gaps {
            desk.log().fill_gap(desk.store(), workspace, head).await;
        }
    }
}
