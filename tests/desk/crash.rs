//! Promise 1: an acknowledged write survives a crash. The real program is killed at random moments under load and
//! started again. Then every write that it ever acknowledged is read back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bailout::server::clock::mint;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection};
use tokio::task::JoinSet;

use crate::support::{
    Engine,
    chance::TORTURE,
    database::free_port,
    program::{Program, add_agent},
    server::soon,
};

const KILLS: u32 = if TORTURE { 10_000 } else { 100 };
const WRITERS: usize = 8;

/// Escalations, each with the `client_message_id`s of its messages.
type Writes = BTreeMap<String, Vec<String>>;

/// The acknowledged writes, and the messages without a response: the escalation, the name and the time of each.
#[derive(Default)]
struct Ledger {
    acknowledged: Writes,
    unanswered: Vec<(String, String, Instant)>,
}

impl Ledger {
    /// Returns the messages that were in flight at a moment.
    fn in_flight(&self, at: Instant) -> Writes {
        let mut writes = Writes::new();
        for (id, name, _) in self.unanswered.iter().filter(|(.., sent)| *sent < at) {
            writes.entry(id.clone()).or_default().push(name.clone());
        }
        writes
    }
}

/// Opens escalations and sends messages until the server is gone. Records which were acknowledged and which were not.
async fn write(http: reqwest::Client, url: String, key: String, ledger: Arc<Mutex<Ledger>>) {
    let ledger = || ledger.lock().expect("a ledger");
    while let Some(opened) = post(&http, &format!("{url}/escalations"), &key, opening()).await {
        let id = opened["id"].as_str().expect("an id").to_owned();
        ledger().acknowledged.insert(id.clone(), vec![]);
        for _ in 0..5 {
            let (name, sent) = (mint().to_string(), Instant::now());
            let said = json!({"client_message_id": name, "role": "customer", "text": "Hello?"});
            let Some(_) = post(&http, &format!("{url}/escalations/{id}/messages"), &key, said).await else {
                return ledger().unanswered.push((id, name, sent));
            };
            ledger().acknowledged.entry(id.clone()).or_default().push(name);
        }
    }
}

fn opening() -> Value {
    json!({
        "reason": {"code": "other", "text": "help"},
        "conversation": {"id": mint().to_string(), "messages": [{"role": "customer", "text": "Hi"}]},
    })
}

async fn post(http: &reqwest::Client, url: &str, key: &str, body: Value) -> Option<Value> {
    let sent = http.post(url).bearer_auth(key).json(&body).send().await.ok()?;
    if sent.status() != 201 {
        return None;
    }
    sent.json().await.ok()
}

/// Returns the writes that the server does not know.
async fn missing(http: &reqwest::Client, url: &str, key: &str, writes: &Writes) -> Vec<String> {
    let mut asked = JoinSet::new();
    for (id, messages) in writes.clone() {
        let (http, url, key) =
            (http.clone(), format!("{url}/escalations/{id}/transcript?since=open&limit=200"), key.to_owned());
        asked.spawn(async move {
            let answer = http.get(url).bearer_auth(key).send().await.expect("an answer");
            if answer.status() != 200 {
                return vec![id];
            }
            let page: Value = answer.json().await.expect("JSON");
            let known: Vec<&str> = page["items"]
                .as_array()
                .expect("items")
                .iter()
                .filter_map(|it| it["client_message_id"].as_str())
                .collect();
            messages.into_iter().filter(|message| !known.contains(&message.as_str())).collect()
        });
    }
    asked.join_all().await.into_iter().flatten().collect()
}

async fn story(engine: Engine) {
    let Some(database) = tokio::task::spawn_blocking(move || engine.database()).await.expect("a database") else {
        return;
    };
    let (key, port, http) = (add_agent(&database, "billing-bot"), free_port(), reqwest::Client::new());
    let mut acknowledged = Writes::new();
    let (mut in_flight, mut lost_in_flight) = (0, 0);
    let mut server = Program::start(&database, port).await;
    for kill in 0..KILLS {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            writers.spawn(write(http.clone(), server.url("/api/v1"), key.clone(), Arc::clone(&ledger)));
        }
        // Every second kill waits for the first acknowledged write, so that a slow machine writes enough, too.
        if kill % 2 == 1 {
            let is_acknowledged = async || (!ledger.lock().expect("a ledger").acknowledged.is_empty()).then_some(());
            soon("an acknowledged write", is_acknowledged).await;
        }
        // Each kill has another moment, 20 to 119 ms into the load. The step hits every phase of a batch.
        tokio::time::sleep(Duration::from_micros(20_000 + u64::from(kill) * 7_919 % 100_000)).await;
        let killed = Instant::now();
        server.kill();
        writers.join_all().await;
        server = Program::start(&database, port).await;
        let ledger = std::mem::take(&mut *ledger.lock().expect("a ledger"));
        let lost = missing(&http, &server.url("/api/v1"), &key, &ledger.acknowledged).await;
        assert!(lost.is_empty(), "kill {kill} lost {} acknowledged writes: {lost:?}", lost.len());
        let unanswered = ledger.in_flight(killed);
        in_flight += unanswered.values().map(Vec::len).sum::<usize>();
        lost_in_flight += missing(&http, &server.url("/api/v1"), &key, &unanswered).await.len();
        acknowledged.extend(ledger.acknowledged);
    }
    let lost = missing(&http, &server.url("/api/v1"), &key, &acknowledged).await;
    assert!(lost.is_empty(), "{lost:?}");
    let writes: usize = acknowledged.values().map(|messages| 1 + messages.len()).sum();
    println!(
        "{engine:?}: {KILLS} kills, {writes} acknowledged writes, 0 lost; of {in_flight} messages in flight \
         {lost_in_flight} lost"
    );
    assert!(writes > KILLS as usize, "too little was written for the kills to mean anything: {writes}");

    // The first control: kills do lose writes in flight. A server that acknowledged each on arrival would have lost as
    // many acknowledged writes.
    assert!(lost_in_flight > 0, "no kill met a write that was not yet on the disk: {in_flight} were in flight");
    // The second control: an acknowledged message that is deleted from the database must be reported as missing.
    let (id, message) = acknowledged.iter().find_map(|(id, all)| Some((id, all.first()?))).expect("a message");
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&database.url).await.expect("a connection");
    let deleted = sqlx::query("delete from message where client_message_id = $1")
        .bind(message.clone())
        .execute(&mut connection)
        .await;
    assert_eq!(deleted.expect("a delete").rows_affected(), 1);
    let lost = missing(&http, &server.url("/api/v1"), &key, &acknowledged).await;
    assert_eq!(lost, vec![message.clone()], "a lost message of {id} went unnoticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledged_writes_survive_a_hundred_kills_on_sqlite() {
    story(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledged_writes_survive_a_hundred_kills_on_postgres() {
    story(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_servers_on_postgres_either_may_die() {
    let Some(database) = tokio::task::spawn_blocking(|| Engine::Postgres.database()).await.expect("a database") else {
        return;
    };
    let (key, http) = (add_agent(&database, "billing-bot"), reqwest::Client::new());
    let mut first = Program::start(&database, free_port()).await;
    let second = Program::start(&database, free_port()).await;
    let opened = post(&http, &first.url("/api/v1/escalations"), &key, opening()).await.expect("an escalation");
    let id = opened["id"].as_str().expect("an id");

    // The agent waits at the second server. A message at the first server wakes it.
    let waiting = {
        let wait = second.url(&format!("/api/v1/escalations/{id}?wait=20&until=outcome"));
        let (http, key) = (http.clone(), key.clone());
        tokio::spawn(
            async move { http.get(wait).bearer_auth(key).send().await.expect("an answer").json::<Value>().await },
        )
    };
    let said = json!({"client_message_id": "m-1", "role": "customer", "text": "Hello?"});
    post(&http, &first.url(&format!("/api/v1/escalations/{id}/messages")), &key, said).await.expect("a message");
    first.kill();

    // Nothing is lost and nothing is released: the second server has the whole state and continues.
    let known =
        http.get(second.url(&format!("/api/v1/escalations/{id}"))).bearer_auth(&key).send().await.expect("an answer");
    let known: Value = known.json().await.expect("JSON");
    assert_eq!((known["status"].as_str(), known["seq"].as_i64()), (Some("waiting"), Some(2)));
    let cancel = http.post(second.url(&format!("/api/v1/escalations/{id}/cancel"))).bearer_auth(&key);
    let cancelled = cancel.json(&json!({"reason": "The customer is happy."})).send().await.expect("an answer");
    assert_eq!(cancelled.status(), 200);
    let heard = waiting.await.expect("an answer").expect("JSON");
    assert_eq!((&heard["status"], &heard["outcome"]["disposition"]), (&json!("cancelled"), &json!("cancelled")));
}
