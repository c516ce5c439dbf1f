//! The server: HTTP, the database and the clock. This module opens the `Desk`, serves requests and shuts down in order.

pub mod admin;
pub mod api;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod connections;
pub mod console;
pub mod contract;
pub mod core;
pub mod demo;
pub mod error;
pub mod headers;
pub mod host;
pub mod https;
pub mod keys;
pub mod ops;
pub mod password;
pub mod rates;
pub mod request_id;
pub mod request_memory;
pub mod resolution;
pub mod rich;
pub mod robot;
pub mod router;
pub mod schema;
pub mod secret;
pub mod site;
pub mod sse;
pub mod store;
pub mod words;
pub mod workers;

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::task::TaskTracker;

use self::{
    clock::Clock,
    config::Settings,
    contract::Links,
    core::{desk::Desk, tasks},
    store::{Dialect, Opener, Store, open_error::OpenError, workspaces},
};

/// The time that requests may take to end after the server was told to stop, and background tasks after them.
const GRACE: Duration = Duration::from_secs(10);
/// The time for sending the last responses, after the requests have ended. Connections that stay open longer are idle.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// The reason why the server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot prepare the database: {0}")]
    Prepare(#[from] error::Error),
    #[error("cannot listen on BAILOUT_ADDR {0}: {1}")]
    Listen(SocketAddr, io::Error),
    #[error("the server failed: {0}")]
    Serve(#[from] io::Error),
}

/// Opens a `Desk` on a database and makes sure that the workspace `default` exists.
pub async fn open(settings: &Settings, clock: Clock) -> Result<Desk, ServeError> {
    let store = Store::open(settings.database_url.as_str(), Opener::Server, clock.now()).await?;
    let now = clock.now();
    store.write(move |tx| Box::pin(async move { workspaces::default(tx, now).await.map(drop) })).await?;
    Ok(Desk::new(
        store,
        clock,
        Links { public_url: settings.public_url.as_ref().map(|origin| origin.as_str().to_owned()) },
    ))
}

/// Starts the background workers. Overdue escalations expire before the first request is accepted.
pub async fn start_workers(desk: &Desk) -> Result<(), error::Error> {
    workers::deadlines::sweep(desk).await?;
    start_worker(desk, "deadlines", workers::deadlines::work);
    start_worker(desk, "epoch", workers::epoch::watch);
    start_worker(desk, "search index", workers::search_index::work);
    start_worker(desk, "revocation", workers::revocation::watch);
    start_worker(desk, "presence", workers::saving::save_presence);
    start_worker(desk, "usage", workers::saving::save_usage);
    start_worker(desk, "robot", robot::work);
    start_worker(desk, "clock steps", workers::clock_steps::watch);
    if desk.store().dialect() == Dialect::Sqlite {
        start_worker(desk, "storage", workers::free_space::watch);
    }
    if desk.store().dialect() == Dialect::Postgres {
        start_worker(desk, "outgoing wake-ups", workers::wakeups::tell);
        start_worker(desk, "incoming wake-ups", workers::wakeups::hear);
        start_worker(desk, "gaps", workers::gaps::fill);
    }
    Ok(())
}

/// Starts one background task under supervision.
fn start_worker<F>(desk: &Desk, task: &'static str, work: impl Fn(Desk) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let working = desk.clone();
    let start = move || work(working.clone());
    tasks::supervise(Arc::clone(desk.readiness()), desk.shutdown().clone(), task, start);
}

/// Runs the server until it is told to stop.
pub async fn serve(settings: Settings) -> Result<(), ServeError> {
    let desk = open(&settings, Clock::system()).await?;
    start_workers(&desk).await?;
    if let Some(url) = settings.alert_url.clone() {
        let alerts = Arc::new(workers::alerts::AlertSender::new(url)?);
        start_worker(&desk, "alerts", move |desk| workers::alerts::work(desk, Arc::clone(&alerts)));
    }
    let router = router::router(desk.clone(), Arc::new(settings.clone()));
    let ready = async |address: &str, _| {
        print_line(&format!("Bailout is at {address}"));
        // Runs only now, because it revokes the link of an earlier start, and a start that fails must not do that.
        if let Some(secret) = site::join::set_up_link(&desk).await? {
            print_line(&format!("Nobody is here yet. Set it up at {address}/set-up/{}", secret.reveal()));
        }
        Ok(())
    };
    attend(&desk, router, &settings, ready).await
}

/// Prints a line. A server that nobody reads from works on.
fn print_line(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The signals that tell the program to stop.
struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    /// Starts to listen for the signals.
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves requests until told to stop, then shuts down in order. Calls `ready` with the address that people open and the one
/// that the server listens at, once it listens there.
async fn attend(
    desk: &Desk,
    router: Router,
    settings: &Settings,
    ready: impl AsyncFnOnce(&str, SocketAddr) -> Result<(), ServeError>,
) -> Result<(), ServeError> {
    let listener = TcpListener::bind(settings.addr).await.map_err(|error| ServeError::Listen(settings.addr, error))?;
    let addr = listener.local_addr()?;
    let shown = settings.console_address(addr);
    let working = TaskTracker::new();
    let router = router.layer(from_fn_with_state(working.clone(), work));
    // A caller that reads the address may send a stop signal from then on, so the signals are listened for first.
    let mut told = StopSignal::listen()?;
    ready(&shown, addr).await?;
    let stopping = desk.shutdown().clone();
    tokio::spawn({
        let stopping = stopping.clone();
        async move {
            told.wait().await;
            stopping.cancel();
            tracing::info!("stopping");
        }
    });
    tokio::select! {
        () = connections::serve(listener, router, connections::ConnectionLimits::of_process(), stopping.clone()) => {}
        () = async {
            stopping.cancelled().await;
            working.close();
            if tokio::time::timeout(GRACE, working.wait()).await.is_err() {
                tracing::warn!("some requests did not end in time");
            }
            tokio::time::sleep(LAST_BYTES).await;
        } => {}
    }
    // No more requests run, but the background tasks must still finish.
    desk.background_tasks().close();
    if tokio::time::timeout(GRACE, desk.background_tasks().wait()).await.is_err() {
        tracing::warn!("some notes were not taken in time");
    }
    desk.store().close().await;
    Ok(())
}

/// Middleware that counts the requests being worked on.
async fn work(State(working): State<TaskTracker>, request: Request, next: Next) -> Response {
    working.track_future(next.run(request)).await
}
