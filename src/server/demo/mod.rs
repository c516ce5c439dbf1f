//! Runs `bailout demo`: fills a temporary database with made-up escalations, and simulates agents, customers and
//! operators until the server stops. The scripts are JSON files in this directory, in the format of the JSON API.
//!
//! The scripted agents are clients of that API: see [`agent`]. The scripted operators run commands of the [`Desk`], as
//! the console's buttons do. Nothing here is reachable from `bailout serve`.

mod agent;
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
    clock::Clock,
    config::{DemoOperator, DemoSettings, RateLimits, Settings},
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
    println!("Setting the stage…");
    let mut told = StopSignal::listen().map_err(ServeError::from)?;
    // A stop during the setup drops it, so that nothing is left of it either.
    let playing = tokio::select! {
        playing = begin(settings, demo.operator) => playing?,
        () = told.wait() => return Ok(()),
    };
    let ready = async |at: &str| {
        announce(at, &playing, demo.operator);
        Ok(())
    };
    Ok(attend(&playing.desk, playing.router.clone(), &playing.settings, ready).await?)
}

/// Fills a temporary database and starts the simulation.
pub async fn begin(settings: Settings, operator: DemoOperator) -> Result<RunningDemo, DemoError> {
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
    let cast = past::fill(&settings, operator == DemoOperator::Auto).await?;

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

fn announce(at: &str, RunningDemo { links, password, key, .. }: &RunningDemo, operator: DemoOperator) {
    println!("Bailout's demo is at {at}. It forgets everything when it ends.\n");
    println!("Sign in, each link once:");
    for (person, path) in links {
        println!("  {:<28} {at}{path}", format!("{}, {}", person.who.name, person.role));
    }
    println!("Afterwards by e-mail, like ada@example.com, and with the password {password}");
    println!("\nAn API key for an agent of yours:\n  {key}\n");
    println!(
        "Press the button. {}",
        match operator {
            DemoOperator::You => "This waits up to 50 seconds for your answer in the console:",
            DemoOperator::Auto => "Robot answers within seconds:",
        }
    );
    println!(
        r#"  curl "{at}/api/v1/escalations?wait=50&until=outcome" -H "Authorization: Bearer {key}" \
    -H "Content-Type: application/json" -d '{{"reason": {{"code": "policy_limit", "text": "A refund of 250 EUR is above my limit."}},
      "conversation": {{"customer": {{"name": "Dana"}}, "messages": [{{"role": "customer", "text": "I was charged twice."}}]}}}}'"#
    );
}
