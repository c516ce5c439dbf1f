//! Wake-ups between processes on PostgreSQL: after a commit one NOTIFY says how far the log reaches. A wake-up may be
//! lost, so each process also looks at the heads every second; correctness never depends on one. Hints travel beside
//! them, and may be lost for good.

use std::time::Duration;

use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};

use crate::{
    domain::event::Seq,
    server::{
        desk::Desk,
        error::Error,
        hints::Told,
        store::{deadline::within, workspaces},
    },
};

const CHANNEL: &str = "bailout";
const HINTS: &str = "bailout_hints";
/// PostgreSQL refuses longer payloads.
const LONGEST: usize = 7_999;
/// How long waking the others may take.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// How often to look without having been woken.
const EVERY: Duration = Duration::from_secs(1);

/// Tells the other processes what this one wrote, until the server stops.
pub async fn tell(desk: Desk) {
    let Some(mut pool) = connect(&desk).await else { return };
    let mut hints = desk.hints().listen_away();
    loop {
        let (channel, payload) = tokio::select! {
            biased;
            () = desk.shutdown().cancelled() => return,
            written = desk.bell().written() => {
                let reached = written.iter().map(|(workspace, seq)| format!("{workspace}:{seq}"));
                (CHANNEL, reached.collect::<Vec<_>>().join(" "))
            }
            told = hints.recv() => match told {
                Ok(told) => {
                    let told = serde_json::to_string(&(desk.hints().process(), &*told)).unwrap_or_default();
                    (HINTS, told)
                }
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
        };
        if payload.len() > LONGEST {
            continue;
        }
        let told = sqlx::query("select pg_notify($1, $2)").bind(channel).bind(payload).execute(&pool);
        if let Err(error) = within(TOLD_WITHIN, told).await {
            tracing::warn!(%error, "the other servers were not woken; they look by themselves within a second");
            // Its connection may have gone silent.
            pool = match connect(&desk).await {
                Some(pool) => pool,
                None => return,
            };
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
    listener.listen_all([CHANNEL, HINTS]).await?;
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
                desk.bell().wrote_elsewhere(workspace, head);
            }
            continue;
        };
        if notification.channel() == HINTS {
            // What this process told comes back, too.
            if let Ok((process, told)) = serde_json::from_str::<(String, Told)>(notification.payload())
                && process != desk.hints().process()
            {
                desk.hints().pass_on(told);
            }
            continue;
        }
        for told in notification.payload().split(' ') {
            if let Some((workspace, seq)) = told.split_once(':')
                && let (Ok(workspace), Ok(seq)) = (workspace.parse(), seq.parse())
            {
                desk.bell().wrote_elsewhere(workspace, Seq(seq));
            }
        }
    }
}
