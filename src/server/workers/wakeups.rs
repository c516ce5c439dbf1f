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
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    domain::event::Seq,
    server::{
        core::{desk::Desk, presence::WorkspaceHint},
        error::Error,
        store::{deadline::within, workspaces},
    },
};

const CHANNEL: &str = "bailout";
const HINTS: &str = "bailout_hints";
/// PostgreSQL refuses longer payloads.
const LONGEST: usize = 7_999;
/// How long waking the others may take.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// How long a look may take: a stream is that much behind, at most, after its connection went silent.
const LOOKED_WITHIN: Duration = Duration::from_millis(1_500);
/// How long beginning to listen may take, and saying that one still does.
const CONNECTED_WITHIN: Duration = Duration::from_secs(3);
/// After so long without a notification the connection is asked whether it is there.
const QUIET: Duration = Duration::from_secs(10);
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

/// Hears what the other processes wrote, until the server stops: looks by itself, and listens to be woken.
pub async fn hear(desk: Desk) {
    let both = async { tokio::join!(look(&desk), listen(&desk)) };
    desk.shutdown().run_until_cancelled(both).await;
}

/// Looks at the heads every second, however much is told meanwhile: who told it may not be who wrote.
async fn look(desk: &Desk) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match desk.store().silence().within(LOOKED_WITHIN, workspaces::heads(desk.store())).await {
            Ok(heads) => {
                for (workspace, head) in heads {
                    desk.bell().wrote_elsewhere(workspace, head);
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look at what other servers wrote"),
        }
    }
}

/// Listens, on a connection of its own; a new one each time that one is lost or silent.
async fn listen(desk: &Desk) {
    while let Some(pool) = connect(desk).await {
        if let Err(error) = follow(desk, &pool).await {
            tracing::warn!(%error, "lost the wake-ups of other servers; listening again");
            tokio::time::sleep(EVERY).await;
        }
    }
}

async fn connect(desk: &Desk) -> Option<PgPool> {
    let options = PgPoolOptions::new().max_connections(1);
    options.connect_lazy(desk.store().url()).inspect_err(|error| tracing::error!(%error, "no wake-ups")).ok()
}

async fn follow(desk: &Desk, pool: &PgPool) -> Result<(), Error> {
    let mut listener = within(CONNECTED_WITHIN, PgListener::connect_with(pool)).await?;
    within(CONNECTED_WITHIN, listener.listen_all([CHANNEL, HINTS])).await?;
    loop {
        let Ok(told) = timeout(QUIET, listener.try_recv()).await else {
            // Nothing was told, or nothing gets through.
            within(CONNECTED_WITHIN, sqlx::query("select 1").execute(&mut listener)).await?;
            continue;
        };
        // None when notifications were lost; looking finds what they told of.
        let Some(notification) = told? else { continue };
        if notification.channel() == HINTS {
            // What this process told comes back, too.
            if let Ok((process, told)) = serde_json::from_str::<(String, WorkspaceHint)>(notification.payload())
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
