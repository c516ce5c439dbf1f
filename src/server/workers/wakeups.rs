//! Sends wake-ups between processes on PostgreSQL: after a commit, a NOTIFY carries how far the log reaches. A wake-up
//! may be lost, so each process also polls the heads every second; correctness never depends on a wake-up. Ephemeral
//! hints use a second channel and are not recovered when lost.

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
    domain::seq::Seq,
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
/// The timeout of a NOTIFY.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// The timeout of a poll. After a connection went silent, a stream is behind by this much at most.
const LOOKED_WITHIN: Duration = Duration::from_millis(1_500);
/// The timeout for starting to listen, and for the check that the connection is alive.
const CONNECTED_WITHIN: Duration = Duration::from_secs(3);
/// The time without a notification after which the connection is checked.
const QUIET: Duration = Duration::from_secs(10);
/// The polling interval.
const EVERY: Duration = Duration::from_secs(1);

/// Notifies the other processes of what this one wrote, until the server stops.
pub async fn tell(desk: Desk) {
    let Some(mut pool) = connect(&desk).await else { return };
    let mut hints = desk.hints().subscribe_local();
    loop {
        let (channel, payload) = tokio::select! {
            biased;
            () = desk.shutdown().cancelled() => return,
            written = desk.log().next_written_heads() => {
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
            // The connection of the pool may have gone silent.
            pool = match connect(&desk).await {
                Some(pool) => pool,
                None => return,
            };
        }
    }
}

/// Learns what the other processes wrote, by polling and by listening for wake-ups, until the server stops.
pub async fn hear(desk: Desk) {
    let both = async { tokio::join!(look(&desk), listen(&desk)) };
    desk.shutdown().run_until_cancelled(both).await;
}

/// Polls the heads every second, even while wake-ups arrive: they may be from other processes than the one that wrote.
async fn look(desk: &Desk) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match desk.store().silence().within(LOOKED_WITHIN, workspaces::heads(desk.store())).await {
            Ok(heads) => {
                for (workspace, head) in heads {
                    desk.log().head_moved_elsewhere(workspace, head);
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look at what other servers wrote"),
        }
    }
}

/// Listens on a separate connection, and opens a new one each time the connection is lost or silent.
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
            // Either nothing was sent or the connection is broken, so check the connection.
            within(CONNECTED_WITHIN, sqlx::query("select 1").execute(&mut listener)).await?;
            continue;
        };
        // `None` means that notifications were lost; polling finds what they announced.
        let Some(notification) = told? else { continue };
        if notification.channel() == HINTS {
            // PostgreSQL also delivers the hints that this process sent; they are ignored.
            if let Ok((process, told)) = serde_json::from_str::<(String, WorkspaceHint)>(notification.payload())
                && process != desk.hints().process()
            {
                desk.hints().forward(told);
            }
            continue;
        }
        for told in notification.payload().split(' ') {
            if let Some((workspace, seq)) = told.split_once(':')
                && let (Ok(workspace), Ok(seq)) = (workspace.parse(), seq.parse())
            {
                desk.log().head_moved_elsewhere(workspace, Seq(seq));
            }
        }
    }
}
