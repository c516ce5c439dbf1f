//! Rebuilds the search index in the background, after an upgrade that changed its content. Each batch is a short
//! transaction that also stores how far the index reaches, so that a killed server resumes where it was, and several
//! servers on one PostgreSQL database share the work. Searches are served meanwhile.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    domain::ids::WorkspaceId,
    server::{core::desk::Desk, error::Error, store::search},
};

/// The shortest pause between two batches, in which the writer has the database to itself.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// How often to look for unindexed events: another server of an older version may have written some.
const EVERY: Duration = Duration::from_secs(60);

/// Indexes unindexed events until the server stops.
pub async fn work(desk: Desk) {
    loop {
        if let Err(error) = index_all(&desk).await {
            tracing::error!(%error, "the search index could not be rebuilt; trying again in a minute");
        }
        if desk.shutdown().run_until_cancelled(sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

async fn index_all(desk: &Desk) -> Result<(), Error> {
    for workspace in search::incomplete(desk.store()).await? {
        // A workspace that cannot be indexed does not hold up the others.
        if let Err(error) = index_workspace(desk, workspace).await {
            tracing::error!(%error, %workspace, "the search index could not be rebuilt; trying again in a minute");
        }
    }
    Ok(())
}

async fn index_workspace(desk: &Desk, workspace: WorkspaceId) -> Result<(), Error> {
    tracing::info!(%workspace, "rebuilding the search index");
    loop {
        let started = Instant::now();
        if !search::index_next(desk.store(), workspace).await? {
            break;
        }
        // The pause is at least as long as the batch, so that the writer has at least half of the time. Shutdown
        // interrupts only the pause, because a dropped transaction could stay open.
        let pause = started.elapsed().max(SHORTEST_PAUSE);
        if desk.shutdown().run_until_cancelled(sleep(pause)).await.is_none() {
            return Ok(());
        }
    }
    tracing::info!(%workspace, "the search index is complete");
    Ok(())
}
