//! Wake-ups between processes on PostgreSQL: after a commit one NOTIFY says how far the log reaches. A wake-up may be
//! lost, so each process also looks at the heads every second; correctness never depends on one.

use std::time::Duration;

use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    domain::event::Seq,
    server::{desk::Desk, error::Error, store::workspaces},
};

const CHANNEL: &str = "bailout";
/// How often to look without having been woken.
const EVERY: Duration = Duration::from_secs(1);

/// Tells the other processes what this one wrote, until the server stops.
pub async fn tell(desk: Desk) {
    let Some(pool) = connect(&desk).await else { return };
    while let Some(written) = desk.shutdown().run_until_cancelled(desk.bell().written()).await {
        let payload: Vec<String> = written.iter().map(|(workspace, seq)| format!("{workspace}:{seq}")).collect();
        let told = sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(payload.join(" ")).execute(&pool).await;
        if let Err(error) = told {
            tracing::warn!(%error, "the other servers were not woken; they look by themselves within a second");
        }
    }
}

/// Listens for what the other processes wrote, until the server stops.
pub async fn hear(desk: Desk) {
    let Some(pool) = connect(&desk).await else { return };
    while !desk.shutdown().is_cancelled() {
        let heard = desk.shutdown().run_until_cancelled(listen(&desk, &pool)).await;
        if let Some(Err(error)) = heard {
            tracing::warn!(%error, "lost the wake-ups of other servers; listening again");
            tokio::time::sleep(EVERY).await;
        }
    }
}

async fn connect(desk: &Desk) -> Option<PgPool> {
    let options = PgPoolOptions::new().max_connections(1);
    options.connect_lazy(desk.store().url()).inspect_err(|error| tracing::error!(%error, "no wake-ups")).ok()
}

async fn listen(desk: &Desk, pool: &PgPool) -> Result<(), Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let told = tokio::select! {
            biased;
            // However much is told meanwhile: who told it may not be who wrote.
            _ = tick.tick() => None,
            told = listener.try_recv() => told?,
        };
        let Some(notification) = told else {
            // Time to look, or notifications were lost.
            for (workspace, head) in workspaces::heads(desk.store()).await? {
                desk.bell().reached(workspace, head);
            }
            continue;
        };
        for told in notification.payload().split(' ') {
            if let Some((workspace, seq)) = told.split_once(':')
                && let (Ok(workspace), Ok(seq)) = (workspace.parse(), seq.parse())
            {
                desk.bell().reached(workspace, Seq(seq));
            }
        }
    }
}
