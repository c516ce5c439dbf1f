//! Runs `bailout demo`: fills a temporary database with made-up escalations, and simulates agents, customers and
//! operators until the server stops. The scripts are JSON files in this directory, in the format of the JSON API.
//!
//! The scripted agents are clients of that API: see [`agent`]. The scripted operators run commands of the [`Desk`], as
//! the console's buttons do. Nothing here is reachable from `bailout serve`.

mod agent;
mod announce;
mod cast;
mod colleagues;
mod customer;
pub mod error;
mod hand;
mod live;
mod pace;
mod passes;
mod past;

use std::{fs::Permissions, future::Future, os::unix::fs::PermissionsExt, sync::Arc};

use axum::Router;
use fastrand::Rng;
use tempfile::TempDir;

use self::{
    agent::DemoAgent,
    cast::Cast,
    error::DemoError,
    hand::DemoOperatorHand,
    live::LivePlay,
    pace::until,
    passes::{DemoPass, DemoPasses},
};
use super::{
    ServeError, StopSignal, attend,
    cli::{
        demo_file::{DemoAccess, DemoFile},
        loopback,
    },
    clock::Clock,
    config::{DemoOperator, DemoSettings, RateLimits, Settings},
    keys::ApiKey,
    open, router, start_workers,
};
use crate::{domain::operator::Operator, server::core::desk::Desk};

/// The seed of all random numbers in a demo.
const SEED: u64 = 2026;

/// A filled demo that is running.
pub struct RunningDemo {
    pub desk: Desk,
    pub router: Router,
    /// A single-use sign-in path for each person.
    pub links: Vec<(Operator, String)>,
    /// The password of all people, to sign in without a link.
    pub password: String,
    /// The API key of the agent that is not scripted.
    pub key: String,
    /// The id of the escalation that is reserved for the person who signs in.
    pub star: String,
    settings: Settings,
    /// The temporary folder; deleted when this is dropped.
    _folder: TempDir,
}

/// Runs the demo until it is told to stop.
pub async fn run(settings: Settings, demo: DemoSettings) -> Result<(), DemoError> {
    if !demo.json {
        println!("Setting the stage…");
    }
    let mut told = StopSignal::listen().map_err(ServeError::from)?;
    let is_auto = demo.operator == DemoOperator::Auto;
    let key = match &demo.key {
        Some(key) if key.is_test() != is_auto => return Err(DemoError::WrongKey),
        Some(key) => key.clone(),
        None => ApiKey::mint(is_auto)?,
    };
    // A stop during the setup drops it, so that nothing is left of it either.
    let playing = tokio::select! {
        playing = begin(settings, key) => playing?,
        () = told.wait() => return Ok(()),
    };
    // The file by which other commands find the demo is removed at the end.
    let mut file = None;
    let ready = async |at: &str, addr| {
        // The file names this machine's own address: a public one may lead to another server.
        let url = format!("http://{}", loopback(addr));
        let written = DemoFile::write(DemoAccess { url, key: playing.key.clone() });
        let untold = |error: &_| eprintln!("bailout: other commands will not find the demo by themselves: {error}");
        file = written.inspect_err(untold).ok();
        match demo.json {
            true => println!("{}", announce::line(at, &playing)),
            false => announce::print(at, &playing, demo.operator, file.as_ref().map(DemoFile::path)),
        }
        Ok(())
    };
    let done = attend(&playing.desk, playing.router.clone(), &playing.settings, ready).await;
    drop(file);
    Ok(done?)
}

/// Fills a temporary database and starts the simulation. `key` is that of the agent that is not scripted: Robot answers it, if
/// it is a test key.
pub async fn begin(settings: Settings, key: ApiKey) -> Result<RunningDemo, DemoError> {
    // Only the owner may read the folder, because it holds data that the user's own agents send.
    let folder = tempfile::Builder::new()
        .prefix("bailout-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(DemoError::NoFolder)?;
    let url = format!("sqlite://{}", folder.path().join("demo.db").display());
    // The scripts fill the database faster than the limits allow an agent.
    let limits = RateLimits::NONE;
    let settings = Settings { database_url: url.parse().map_err(DemoError::Script)?, limits, ..settings };
    let cast = past::fill(&settings, key).await?;

    let desk = open(&settings, Clock::system()).await?;
    start_workers(&desk).await?;
    let passes = DemoPasses::default();
    let router = router::router_with(desk.clone(), Arc::new(settings.clone()), |web| {
        passes::routes(web.clone(), passes.clone())
    });
    let star = start(&desk, &router, &cast).await?;
    let mut links = vec![];
    for person in &cast.people {
        let pass = DemoPass { workspace: cast.workspace, operator: person.who.id, to: format!("/e/{star}") };
        links.push((person.clone(), passes.issue(pass)?));
    }
    let (password, key) = (cast.password, cast.guest.key);
    Ok(RunningDemo { desk, router, links, password, key, star, settings, _folder: folder })
}

/// Starts all scripted roles and returns the id of the escalation that is reserved for the person who signs in.
async fn start(desk: &Desk, router: &Router, cast: &Cast) -> Result<String, DemoError> {
    let mut chance = Rng::with_seed(SEED);
    let agents = cast.agents.iter().map(|hired| (hired.name, DemoAgent::new(router, hired))).collect();
    let stage = LivePlay::new(agents, DemoAgent::new(router, &cast.concierge), chance.fork(), desk.shutdown().clone())?;
    let star = stage.open_star().await?;
    let hand = |operator: &Operator| DemoOperatorHand {
        desk: desk.clone(),
        workspace: cast.workspace,
        operator: operator.clone(),
    };
    let colleagues: Vec<DemoOperatorHand> = cast.colleagues.iter().map(hand).collect();
    let ids = cast.agents.iter().map(|agent| agent.id).collect();
    spawn(desk, colleagues::work(colleagues, ids, chance.fork()));
    spawn(desk, stage.play(star.clone()));
    Ok(star)
}

/// Runs a script as a background task until the server stops.
fn spawn(desk: &Desk, play: impl Future<Output = ()> + Send + 'static) {
    let stop = desk.shutdown().clone();
    tokio::spawn(async move { until(&stop, play).await });
}
