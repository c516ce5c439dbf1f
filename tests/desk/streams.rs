//! Promise 3: every operator sees each event exactly once, in order, across reconnects, restarts and bad proxies, and
//! so does every agent for its own events. Clients follow the real program over a line that splits, merges, delays and
//! cuts, while the program is stopped and killed. Each client records what it received, and the record must equal the
//! log.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::StreamExt;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection, Row};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::support::{
    Engine,
    browser::{Browser, session_cookie},
    chance::{Chance, TORTURE},
    database::{Database, free_port},
    program::{Program, add_agent, add_operator},
    proxy::{Fate, Proxy},
    server::{PASSWORD, soon},
    sse::{self, Pieces},
    writers::Writers,
};

const CLIENTS: usize = if TORTURE { 1_000 } else { 100 };
const EVENTS: i64 = if TORTURE { 5_000 } else { 500 };
/// The sessions of the operators' clients; each may have at most 50 streams.
const SESSIONS: usize = if TORTURE { 24 } else { 4 };
const AGENTS: [&str; 2] = ["billing-bot", "other-bot"];
const CLIENTS_OF_AGENTS: usize = 10;
/// A client that receives nothing for this long opens a new stream. The server itself pings more often than this.
const PATIENCE: Duration = Duration::from_millis(if TORTURE { 15_000 } else { 1_500 });
/// The longest time in which all clients must have received everything, once all has happened.
const LONGEST: Duration = Duration::from_secs(if TORTURE { 1_800 } else { 60 });

/// How a client reconnects: as the console does, or in a way that the test must detect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Resumes {
    AtItsCursor,
    /// A control: the client does not send its cursor.
    FromNow,
    /// Another control: the client sends the cursor of one event earlier.
    OneBack,
}

/// The events that a client received: the seq of each and the bytes of its data.
type Ledger = Vec<(i64, String)>;

/// The faults of a ledger.
#[derive(Debug, Default, PartialEq, Eq)]
struct Faults {
    missing: usize,
    repeated: usize,
    out_of_order: usize,
    altered: usize,
}

impl Faults {
    fn of(heard: &[(i64, String)], happened: &[(i64, String)]) -> Self {
        let mut times: HashMap<i64, usize> = HashMap::new();
        heard.iter().for_each(|(seq, _)| *times.entry(*seq).or_default() += 1);
        let truth: HashMap<i64, &str> = happened.iter().map(|(seq, data)| (*seq, data.as_str())).collect();
        Self {
            missing: happened.iter().filter(|(seq, _)| !times.contains_key(seq)).count(),
            repeated: times.values().map(|times| times - 1).sum(),
            out_of_order: heard.windows(2).filter(|two| two[1].0 < two[0].0).count(),
            altered: heard.iter().filter(|(seq, data)| truth.get(seq) != Some(&data.as_str())).count(),
        }
    }

    fn none(&self) -> bool {
        *self == Self::default()
    }
}

/// A client that follows until it has received the last event, once that is known.
struct Client {
    /// The address of the stream, and the header that authenticates it.
    url: String,
    header: (&'static str, String),
    resumes: Resumes,
    epoch: String,
    seq: i64,
    last: watch::Receiver<Option<i64>>,
}

impl Client {
    /// Returns the events up to the last one, and how often the client opened a stream.
    async fn follow(mut self) -> (Ledger, usize) {
        let (mut ledger, mut opened, http) = (Ledger::new(), 0, reqwest::Client::new());
        while !self.has_all() {
            let url = match self.resumes {
                Resumes::FromNow if opened > 0 => self.url.clone(),
                Resumes::OneBack if opened > 0 => self.after((self.seq - 1).max(0)),
                _ => self.after(self.seq),
            };
            match timeout(
                PATIENCE,
                http.get(url).header("accept", "text/event-stream").header(self.header.0, &self.header.1).send(),
            )
            .await
            {
                Ok(Ok(response)) if response.status() == 200 => {
                    opened += 1;
                    self.read(response, &mut ledger).await;
                }
                // The server is down, or not ready yet.
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
        let last = *self.last.borrow();
        ledger.retain(|(seq, _)| last.is_some_and(|last| *seq <= last));
        (ledger, opened)
    }

    fn has_all(&self) -> bool {
        self.last.borrow().is_some_and(|last| self.seq >= last)
    }

    fn after(&self, seq: i64) -> String {
        format!("{}?after={}.{seq}", self.url, self.epoch)
    }

    /// Reads one stream to its end, whatever the cause of the end.
    async fn read(&mut self, response: reqwest::Response, ledger: &mut Ledger) {
        let (mut pieces, mut bytes) = (Pieces::default(), response.bytes_stream());
        while let Ok(Some(Ok(piece))) = timeout(PATIENCE, bytes.next()).await {
            for heard in pieces.add(&piece) {
                if let Some(seq) = heard.seq() {
                    self.seq = seq;
                    ledger.push((seq, heard.data));
                } else if heard.event == "reset" {
                    assert_ne!(self.resumes, Resumes::AtItsCursor, "a good cursor was turned away: {heard:?}");
                    self.seq = heard.json()["seq"].as_i64().expect("a seq");
                }
            }
            if self.has_all() {
                return;
            }
        }
    }
}

/// Breaks most streams at some byte, some of them silently.
fn bad_line(chance: &mut Chance) -> Fate {
    Fate { down: 1 + chance.below(250_000), silent: chance.once_in(8), ..Fate::GOOD }
}

/// An event as the database stores it.
struct Logged {
    seq: i64,
    id: String,
    agent: String,
    /// The bytes that its agent receives.
    agent_body: Option<String>,
}

/// Returns every event after a seq.
async fn log(database: &Database, after: i64) -> Vec<Logged> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&database.url).await.expect("a connection");
    let sql = "select seq, body, agent.name, agent_body from event join agent on agent.id = agent_id \
               where seq > $1 order by seq";
    let rows = sqlx::query(sql).bind(after).fetch_all(&mut connection).await.expect("the log");
    let event = |row: &sqlx::any::AnyRow| {
        let body: Value = serde_json::from_str(row.get::<String, _>(1).as_str()).expect("JSON");
        let id = body["event"]["id"].as_str().expect("an id").to_owned();
        Logged { seq: row.get(0), id, agent: row.get(2), agent_body: row.get(3) }
    };
    rows.iter().map(event).collect()
}

/// Returns the events that an agent receives, which begin with their cursor.
fn own(log: &[Logged], agent: &str, epoch: &str) -> Ledger {
    let own = log.iter().filter(|event| event.agent == agent);
    let sent = |event: &Logged| {
        let stored = event.agent_body.as_deref()?;
        Some((event.seq, stored.replacen('{', &format!("{{\"cursor\":\"{epoch}.{}\",", event.seq), 1)))
    };
    own.filter_map(sent).collect()
}

/// Writes until this many events have happened, with two restarts in between, and returns the log up to then.
async fn all_happens(database: &Database, program: &mut Program, writers: Writers, begin: i64) -> Vec<Logged> {
    let reached = writers.reached();
    let so_far = async |seq: i64| soon("so many events", async || (*reached.borrow() >= seq).then_some(())).await;
    so_far(begin + EVENTS / 3).await;
    program.kill();
    *program = Program::start(database, program.port).await;
    so_far(begin + EVENTS * 2 / 3).await;
    program.stop();
    *program = Program::start(database, program.port).await;
    so_far(begin + EVENTS).await;
    writers.stop().await;
    log(database, begin).await
}

async fn story(engine: Engine) {
    let Some(database) = tokio::task::spawn_blocking(move || engine.database()).await.expect("a database") else {
        return;
    };
    let mut chance = Chance::of("streams");
    let keys = AGENTS.map(|name| add_agent(&database, name));
    let names = ["Ada", "Ana", "Grace", "Joan"];
    names.iter().for_each(|name| add_operator(&database, name, "operator", PASSWORD));
    let mut program = Program::start(&database, free_port()).await;
    let mut people = vec![];
    for name in names.iter().cycle().take(SESSIONS) {
        people.push(Arc::new(Browser::of(name, &program.url("")).await));
    }
    // A stream without a cursor starts with the current cursor.
    let told = sse::read(people[0].gets("/live").await, 1).await.remove(0).json();
    let (epoch, begin) = (told["epoch"].as_str().expect("an epoch").to_owned(), told["seq"].as_i64().expect("a seq"));

    let proxy = Proxy::start(program.port, chance.split(), bad_line).await;
    // The last event for operators, and for each of the agents.
    let last: [watch::Sender<Option<i64>>; 3] = Default::default();
    let client = |path: &str, header, resumes, last: &watch::Sender<Option<i64>>| {
        let (url, last) = (format!("{}{path}", proxy.url), last.subscribe());
        Client { url, header, resumes, epoch: epoch.clone(), seq: begin, last }.follow()
    };
    // On plain HTTP the cookie's name contains the port, so a client behind the proxy uses the proxy's port.
    let cookie = |n: usize| {
        let own = people[n % people.len()].cookie.clone().expect("a cookie");
        ("cookie", session_cookie(&proxy.url, own.split_once('=').expect("a secret").1))
    };
    let (mut operators, mut agents, mut controls) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for n in 0..CLIENTS {
        let (late, following) =
            (chance.below(2_000) as u64, client("/live", cookie(n), Resumes::AtItsCursor, &last[0]));
        operators.spawn(async move {
            // The clients start at different times, some when much has happened.
            sleep(Duration::from_millis(late)).await;
            following.await
        });
    }
    for n in 0..CLIENTS_OF_AGENTS {
        let bearer = ("authorization", format!("Bearer {}", keys[n % 2]));
        let following = client("/api/v1/events", bearer, Resumes::AtItsCursor, &last[1 + n % 2]);
        agents.spawn(async move { (n % 2, following.await) });
    }
    for n in 0..6 {
        let resumes = if n % 2 == 0 { Resumes::FromNow } else { Resumes::OneBack };
        let following = client("/live", cookie(n), resumes, &last[0]);
        controls.spawn(async move { (resumes, following.await) });
    }

    let writers = Writers::start(&program.url(""), &keys, &people[0], &mut chance);
    let log = all_happens(&database, &mut program, writers, begin).await;
    last[0].send_replace(log.last().map(|event| event.seq));
    for (name, last) in AGENTS.iter().zip(&last[1..]) {
        last.send_replace(own(&log, name, &epoch).last().map(|(seq, _)| *seq));
    }
    let until = Instant::now() + LONGEST;
    let everyone = async { (operators.join_all().await, agents.join_all().await, controls.join_all().await) };
    let heard = tokio::time::timeout_at(until, everyone).await;
    let (operators, agents, controls) = heard.expect("everyone heard the last event in time");

    // The reference: the whole log, read on one good stream and equal to the database.
    let good = people[0].gets(&format!("/live?after={epoch}.{begin}")).await;
    let good = sse::read(good, log.len()).await.into_iter().take(log.len());
    let happened: Ledger = good.map(|it| (it.seq().expect("a seq"), it.data)).collect();
    for ((seq, (heard, data)), stored) in (begin + 1..).zip(&happened).zip(&log) {
        let event: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!((*heard, stored.seq), (seq, seq), "the log has a gap");
        assert_eq!(event["event"]["id"].as_str(), Some(stored.id.as_str()));
    }
    let mut streams = 0;
    for (n, (ledger, opened)) in operators.iter().enumerate() {
        let faults = Faults::of(ledger, &happened);
        assert!(faults.none(), "operator {n}, who opened {opened} streams, heard {faults:?}");
        streams += opened;
    }
    // An agent receives its own events, as they are stored, with their cursors.
    for (which, (ledger, opened)) in &agents {
        let own = own(&log, AGENTS[*which], &epoch);
        let faults = Faults::of(ledger, &own);
        assert!(faults.none() && own.len() > 50, "a client of agent {which} heard {faults:?} of {}", own.len());
        streams += opened;
    }
    println!(
        "{engine:?}: {CLIENTS} operators × {} events and {CLIENTS_OF_AGENTS} clients of agents, over {streams} streams, \
         {} of them broken, and 2 restarts: 0 missing, 0 repeated, 0 out of order, 0 altered",
        happened.len(),
        proxy.cuts()
    );
    assert!(streams > 2 * (CLIENTS + CLIENTS_OF_AGENTS), "the line was too good to prove anything");
    let mut found = HashMap::<Resumes, Faults>::new();
    for (resumes, (ledger, _)) in &controls {
        let faults = Faults::of(ledger, &happened);
        let all = found.entry(*resumes).or_default();
        (all.missing, all.repeated) = (all.missing + faults.missing, all.repeated + faults.repeated);
    }
    println!("{engine:?}: controls, three clients of each kind: {found:?}");
    assert!(found[&Resumes::FromNow].missing > 0 && found[&Resumes::OneBack].repeated > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everyone_hears_everything_once_on_sqlite() {
    story(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everyone_hears_everything_once_on_postgres() {
    story(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn control_a_number_taken_before_the_commit_is_no_cursor() {
    // Event numbers must not be assigned in this way. If a reader always received all of them, the ledgers above would
    // prove nothing.
    let Some(database) = tokio::task::spawn_blocking(|| Engine::Postgres.database()).await.expect("a database") else {
        return;
    };
    sqlx::any::install_default_drivers();
    let connect = async || AnyConnection::connect(&database.url).await.expect("a connection");
    let (mut slow, mut fast, mut reader) = (connect().await, connect().await, connect().await);
    sqlx::query("create table numbered (seq bigserial)").execute(&mut reader).await.expect("a table");
    let mut heard: Ledger = vec![];
    let mut reads = async |heard: &mut Ledger| {
        let after = heard.last().map_or(0, |(seq, _)| *seq);
        let sql = "select seq from numbered where seq > $1 order by seq";
        let rows = sqlx::query(sql).bind(after).fetch_all(&mut reader).await.expect("rows");
        heard.extend(rows.iter().map(|row| (row.get(0), json!({}).to_string())));
    };
    let write = "insert into numbered default values";
    let mut first = slow.begin().await.expect("a transaction");
    sqlx::query(write).execute(&mut *first).await.expect("a row");
    sqlx::query(write).execute(&mut fast).await.expect("a row");
    reads(&mut heard).await;
    first.commit().await.expect("a commit");
    reads(&mut heard).await;
    let happened: Ledger = (1..=2).map(|seq| (seq, json!({}).to_string())).collect();
    assert_eq!(Faults::of(&heard, &happened), Faults { missing: 1, ..Faults::default() });
}
