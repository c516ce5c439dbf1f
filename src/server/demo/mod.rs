//! `bailout demo`: a desk full of made-up escalations, in a database of its own that is gone afterwards, and a play around
//! it that goes on. The scripts are JSON beside this file, in the form of the agents' API.
//!
//! The scripted agents are clients of that API: see [`agent`]. The scripted operators use the desk's verbs, as the
//! console's buttons do. Nothing here is reachable from `bailout serve`.

mod agent;
mod answer;
mod cast;
mod colleagues;
mod customer;
mod filler;
mod hand;
mod live;
mod passes;
mod past;
mod robot;

use std::{fs::Permissions, future::Future, os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use axum::Router;
use fastrand::Rng;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::{
    agent::DemoAgent,
    cast::Cast,
    hand::DemoOperatorHand,
    live::LivePlay,
    passes::{DemoPass, DemoPasses},
};
use super::{
    ServeError, StopSignal, attend,
    clock::Clock,
    config::{DemoOperator, DemoSettings, Settings},
    error::Error,
    open,
    rates::RateLimits,
    router, start_workers,
};
use crate::{domain::operator::Operator, server::core::desk::Desk};

/// What all chance in a demo comes from.
const SEED: u64 = 2026;

/// How often a busy desk is asked again, and when.
const TRIES: usize = 30;
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

/// Why there is no demo, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("cannot make a temporary folder: {0}")]
    NoFolder(std::io::Error),
    #[error("no random bits: {0}")]
    NoRandom(#[from] getrandom::Error),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Desk(#[from] Error),
    /// Somebody at the console revoked the key of a scripted agent.
    #[error("{0} has no key any more")]
    Dismissed(&'static str),
    /// The play is not what the program expects.
    #[error("the demo's script: {0}")]
    Script(String),
}

/// A desk that is filled and at work.
pub struct RunningDemo {
    pub desk: Desk,
    pub router: Router,
    /// The path that lets each of the people in once, by name and role.
    pub links: Vec<(Operator, String)>,
    /// With which they sign in without a link.
    pub password: String,
    /// Of the agent that is no part of the play.
    pub key: String,
    /// The escalation whose customer waits for whoever signs in.
    pub star: String,
    settings: Settings,
    /// Gone with this.
    _folder: TempDir,
}

/// Plays until told to stop.
pub async fn run(settings: Settings, demo: DemoSettings) -> Result<(), DemoError> {
    println!("Setting the stage…");
    let mut told = StopSignal::listen().map_err(ServeError::from)?;
    // Nothing is left also of one that was not wanted any more before it began.
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

/// Fills a database of its own and starts the play.
pub async fn begin(settings: Settings, operator: DemoOperator) -> Result<RunningDemo, DemoError> {
    // What one's own agents send to a demo is nobody else's business.
    let folder = tempfile::Builder::new()
        .prefix("bailout-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(DemoError::NoFolder)?;
    let url = format!("sqlite://{}", folder.path().join("demo.db").display());
    // The scripts fill the desk faster than one agent may.
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

/// Starts everyone; the escalation that waits for whoever signs in.
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
    if let Some(robot) = &cast.robot {
        let scripted = cast.scripted().map(|agent| agent.id).collect();
        let since = desk.head(cast.workspace).await?;
        spawn(desk, robot::work(hand(robot), scripted, since));
    }
    spawn(desk, colleagues::work(colleagues, ids, chance.fork()));
    spawn(desk, stage.play(star.clone()));
    Ok(star)
}

/// Plays a part beside the requests, until the server stops.
fn spawn(desk: &Desk, play: impl Future<Output = ()> + Send + 'static) {
    let stop = desk.shutdown().clone();
    tokio::spawn(async move { until(&stop, play).await });
}

/// Plays until the end, of the part or of the server. The server's counts first: what waits at its API is answered then,
/// and would ask once more, of a database that is closing.
async fn until<T>(stop: &CancellationToken, play: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        done = play => Some(done),
    }
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
