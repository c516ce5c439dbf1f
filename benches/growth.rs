//! Benchmarks growth beyond one machine. The program measures what a transaction of 1, 8 and 64 openings costs at the
//! `Desk` on this machine, and fits the cost of a commit and of a command to that. Then it simulates many workspaces on
//! one database and on several: how long a command waits at a load, and how a far busier workspace affects the others.
//!
//! Run with `bin/bench`, or with `BAILOUT_DATABASE_URL=postgres://…` on an empty database of that server.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bailout::{
    domain::{
        agent::AgentRef,
        ask::{Ask, AskKind},
        deadline::RequestedDeadlines,
        escalation::by_agent::NewEscalation,
        ids::{EscalationId, WorkspaceId},
        opening::Opening,
        queue::{QueueRef, Urgency},
        reason::{Reason, ReasonCode},
        text::{Name, Text},
    },
    server::{
        self,
        clock::{Clock, mint},
        config::Cli,
        core::{command::Command, desk::Desk},
        keys::ApiKey,
        store::{agents, queues, workspaces},
    },
};
use clap::Parser;
use futures::future::join_all;

/// The number of transactions that are measured at each size.
const ROUNDS: usize = 200;
/// The most commands in one batch of the writer.
const MOST_TOGETHER: usize = 64;
/// The simulated seconds. The first ones, `WARMING_UP`, are not counted.
const SECONDS: f64 = 60.0;
const WARMING_UP: f64 = 5.0;

/// The cost of a transaction, in seconds: a fixed part, and a part for each command.
#[derive(Clone, Copy)]
struct Cost {
    commit: f64,
    command: f64,
}

impl Cost {
    fn of(self, commands: usize) -> f64 {
        self.commit + self.command * commands as f64
    }

    /// Returns the maximum number of commands per second.
    fn capacity(self) -> f64 {
        MOST_TOGETHER as f64 / self.of(MOST_TOGETHER)
    }
}

/// A small random number generator (SplitMix64), so that every run simulates the same.
struct Chance(u64);

impl Chance {
    /// Returns a number from 0 to 1, never 0.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON
    }

    /// Returns the time to the next arrival, at a rate per second.
    fn gap(&mut self, rate: f64) -> f64 {
        -self.next().ln() / rate
    }
}

fn opening() -> Opening {
    Opening {
        reason: Reason {
            code: ReasonCode::Other,
            label: None,
            text: Text::parse("Refund of 250 EUR is above my limit of 100 EUR.").expect("a text"),
            evidence: None,
            confidence: None,
        },
        summary: None,
        tried: vec![],
        customer_told: None,
        ask: Ask::bare(AskKind::Takeover),
        conversation: None,
        context: vec![],
        on_expiry_note: None,
        resume: None,
        metadata: None,
        accepts: vec![],
        warnings: vec![],
    }
}

async fn open(desk: &Desk, workspace: WorkspaceId, agent: &AgentRef, queue: &QueueRef) {
    let open = NewEscalation {
        id: EscalationId::new(mint()),
        agent: agent.clone(),
        queue: queue.clone(),
        urgency: Urgency::Normal,
        within: RequestedDeadlines::default(),
        opening: Arc::new(opening()),
        transcript: vec![],
    };
    desk.run(Command::open(workspace, open)).await.expect("it is opened");
}

/// Measures the median time of a transaction of each size, and fits a line through the smallest and the largest.
async fn measured(desk: &Desk) -> Cost {
    let mut tx = desk.store().begin_write().await.expect("a transaction");
    let now = desk.clock().now();
    let workspace = workspaces::default(&mut tx, now).await.expect("the workspace");
    let (name, key) = (Name::parse("bench-bot").expect("a name"), ApiKey::mint(false).expect("a key"));
    let id = agents::add(&mut tx, workspace, &name, &key, now).await.expect("an agent").expect("a new one");
    tx.commit().await.expect("a commit");
    let agent = AgentRef { id, name, test: false };
    let queue = queues::named(desk.store(), workspace, queues::DEFAULT).await.expect("a read").expect("the queue").0;
    let mut medians = vec![];
    for size in [1, 8, MOST_TOGETHER] {
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let began = Instant::now();
            join_all((0..size).map(|_| open(desk, workspace, &agent, &queue))).await;
            times.push(began.elapsed());
        }
        times.sort();
        let median = times[ROUNDS / 2].as_secs_f64();
        println!("  {size:>2} openings at once: {:>7.2} ms, {:>6.0} a second", median * 1e3, size as f64 / median);
        medians.push((size as f64, median));
    }
    let ((few, quick), (many, slow)) = (medians[0], medians[medians.len() - 1]);
    let command = (slow - quick) / (many - few);
    Cost { commit: (quick - command * few).max(0.0), command }
}

/// Simulates `rate` commands a second with the writer's rule (all that is queued, up to 64 in a batch). Returns the
/// sorted times from the arrival of a command to its commit.
fn served(cost: Cost, rate: f64, chance: &mut Chance) -> Vec<f64> {
    let (mut now, mut next, mut queue, mut times) = (0.0, chance.gap(rate), VecDeque::new(), vec![]);
    while now < SECONDS {
        // The queue is empty, so the time moves on to the next arrival.
        if queue.is_empty() {
            now = f64::max(now, next);
        }
        while next <= now {
            queue.push_back(next);
            next += chance.gap(rate);
        }
        let together = queue.len().min(MOST_TOGETHER);
        now += cost.of(together);
        times.extend(queue.drain(..together).filter(|at| *at > WARMING_UP).map(|at| now - at));
    }
    times.sort_by(f64::total_cmp);
    times
}

fn told(name: &str, times: &[f64]) {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
    println!("  {name:<44} p50 {:>8.1} ms   p99 {:>8.1} ms", at(0.5), at(0.99));
}

fn simulate(cost: Cost) {
    let mut chance = Chance(42);
    let capacity = cost.capacity();
    println!("one database takes {capacity:.0} commands a second at most; a human stretch is about 20 commands,");
    println!("so that is {:.1} million of them a day", capacity * 86_400.0 / 20.0 / 1e6);
    println!("time from a command to its commit, on one database, by its load:");
    for load in [0.1, 0.5, 0.8, 0.95] {
        told(
            &format!("{:.0} % ({:.0} a second)", load * 100.0, load * capacity),
            &served(cost, load * capacity, &mut chance),
        );
    }
    println!("1,000 workspaces that together want 1.6 times what one database can:");
    for databases in [2, 4, 8] {
        let each = 1.6 * capacity / f64::from(databases);
        told(&format!("spread over {databases} databases"), &served(cost, each, &mut chance));
    }
    println!("one workspace as busy as 70 % of a database, the others 80 % of one together, on 2 databases:");
    told("beside the busy one: 110 %, for a minute", &served(cost, 1.1 * capacity, &mut chance));
    told("the busy one alone on its own", &served(cost, 0.7 * capacity, &mut chance));
    told("the others on the other", &served(cost, 0.8 * capacity, &mut chance));
}

fn main() {
    // `cargo bench` and `cargo test` pass arguments of their own, which are ignored here.
    let folder = std::env::temp_dir().join(format!("bailout-growth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let url = std::env::var("BAILOUT_DATABASE_URL")
        .unwrap_or_else(|_| format!("sqlite://{}", folder.join("growth.db").display()));
    let settings = Cli::try_parse_from(["bailout", "--database-url", &url]).expect("settings").settings;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime");
    let cost = runtime.block_on(async {
        let desk = server::open(&settings, Clock::system()).await.expect("the desk opens");
        println!("{:?} on this machine:", desk.store().dialect());
        let cost = measured(&desk).await;
        desk.store().close().await;
        cost
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    println!("a commit costs {:.2} ms, a command {:.3} ms", cost.commit * 1e3, cost.command * 1e3);
    simulate(cost);
    // The operating system cleans up what is left of the folder.
    let _ = std::fs::remove_dir_all(&folder);
}
