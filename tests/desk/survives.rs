//! Promise 18: any process may die, on PostgreSQL. Two servers have their own connection path to the database. Faults
//! hit a server or its path, one after another: the server is killed or paused, the path is cut, connections fall
//! silent or are terminated. The other goes on, and two seconds after the fault has ended each server sees at once what
//! the other writes.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{
    chance::{Chance, TORTURE},
    database::{Cluster, Database, free_port},
    forwarder::Forwarder,
    program::{Program, add_agent},
    server::Agent,
};

const FAULTS: usize = if TORTURE { 200 } else { 12 };
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(2);
const MEANWHILE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Pause,
    Cut,
    Silence,
    Terminate,
    Restart,
}

const ALL: [Fault; 6] = [Fault::Kill, Fault::Pause, Fault::Cut, Fault::Silence, Fault::Terminate, Fault::Restart];

/// A server with its path to the database.
struct Server {
    program: Option<Program>,
    way: Forwarder,
    database: Arc<Database>,
    port: u16,
}

impl Server {
    async fn start(database: &Database) -> Self {
        let way = Forwarder::start(([127, 0, 0, 1], database.port()).into()).await;
        let database = Arc::new(database.by_port(way.port));
        let port = free_port();
        let program = Some(Program::start(&database, port).await);
        Self { program, way, database, port }
    }

    fn agent(&self, key: &str) -> Agent {
        Agent { url: format!("http://127.0.0.1:{}", self.port), key: key.to_owned(), http: reqwest::Client::new() }
    }

    fn signal(&self, signal: &str) {
        let id = self.program.as_ref().expect("a process").id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
    }
}

/// Opens an escalation until it is acknowledged. Only 503 or a broken connection may come before.
async fn opens(bot: &Agent, within: Duration) -> Result<String, String> {
    let until = Instant::now() + within;
    loop {
        let body = json!({"reason": {"code": "other", "text": "help"}, "conversation": {"messages": []}});
        let request = bot.http.post(format!("{}/api/v1/escalations", bot.url)).bearer_auth(&bot.key).json(&body);
        let answer = timeout(until.saturating_duration_since(Instant::now()), request.send()).await;
        match answer {
            Ok(Ok(answer)) if answer.status() == 201 => {
                let opened: serde_json::Value = answer.json().await.map_err(|error| error.to_string())?;
                return Ok(opened["id"].as_str().expect("an id").to_owned());
            }
            Ok(Ok(answer)) if answer.status() != 503 => return Err(format!("{}", answer.status())),
            Ok(_) => {}
            Err(_) => return Err(format!("nothing within {within:?}")),
        }
        if Instant::now() >= until {
            return Err(format!("nothing within {within:?}"));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Returns whether a write at one server wakes a wait at the other within a time.
async fn catches_up(writes: &Agent, waits: &Agent, within: Duration) -> Result<(), String> {
    let it = opens(writes, within).await?;
    let wait = format!("{}/api/v1/escalations/{it}?wait=20&until=outcome", waits.url);
    let waiting = waits.http.get(wait).bearer_auth(&waits.key).send();
    let ends = async {
        sleep(Duration::from_millis(100)).await;
        let cancel = format!("{}/api/v1/escalations/{it}/cancel", writes.url);
        let cancelled = writes.http.post(cancel).bearer_auth(&writes.key).json(&json!({"reason": "done"})).send().await;
        cancelled.map(|it| it.status().as_u16())
    };
    let (heard, ended) = tokio::join!(timeout(within + Duration::from_millis(100), waiting), ends);
    match (heard, ended) {
        (Ok(Ok(heard)), Ok(200)) if heard.status() == 200 => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_servers_either_may_be_hit_by_anything() {
    sqlx::any::install_default_drivers();
    let Some(cluster) = tokio::task::spawn_blocking(Cluster::of_its_own).await.expect("a cluster") else { return };
    let database = cluster.database("bailout");
    let key = add_agent(&database, "billing-bot");
    let mut servers = [Server::start(&database).await, Server::start(&database).await];
    let bots = [servers[0].agent(&key), servers[1].agent(&key)];
    let mut chance = Chance::of("survives");
    let mut acknowledged = vec![];
    for n in 0..FAULTS {
        let (fault, hit) = (ALL[n % ALL.len()], chance.below(2));
        let (one, other) = (hit, 1 - hit);
        match fault {
            Fault::Kill => drop(servers[one].program.take()),
            Fault::Pause => servers[one].signal("-STOP"),
            Fault::Cut => servers[one].way.cut(),
            Fault::Silence => servers[one].way.silence(),
            Fault::Terminate => {
                let sql = "select pg_terminate_backend(pid) from pg_stat_activity \
                    where datname = current_database() and pid <> pg_backend_pid()";
                let mut beside = AnyConnection::connect(&database.url).await.expect("a connection of our own");
                sqlx::query(AssertSqlSafe(sql)).execute(&mut beside).await.expect("an end");
            }
            Fault::Restart => tokio::task::block_in_place(|| cluster.restart()),
        }
        // The other server goes on: at once, or when the lock on the head is released.
        let began = Instant::now();
        while began.elapsed() < MEANWHILE {
            let opened = opens(&bots[other], Duration::from_secs(6)).await;
            acknowledged.push(opened.unwrap_or_else(|why| panic!("{fault:?} at {one}: the other server: {why}")));
            sleep(Duration::from_millis(100)).await;
        }
        match fault {
            Fault::Kill => {
                let (database, port) = (Arc::clone(&servers[one].database), servers[one].port);
                servers[one].program = Some(Program::start(&database, port).await);
            }
            Fault::Pause => servers[one].signal("-CONT"),
            Fault::Cut => servers[one].way.mend(),
            Fault::Silence | Fault::Terminate | Fault::Restart => {}
        }
        // Requests in flight at the end of the fault have their own deadline. Then both servers catch up within two
        // seconds.
        let settled = opens(&bots[one], Duration::from_secs(15)).await;
        acknowledged.push(settled.unwrap_or_else(|why| panic!("{fault:?} at {one}: afterwards: {why}")));
        for (writes, waits) in [(one, other), (other, one)] {
            let caught_up = catches_up(&bots[writes], &bots[waits], CATCHES_UP_WITHIN).await;
            caught_up.unwrap_or_else(|why| panic!("{fault:?} at {one}, {writes} to {waits}: {why}"));
        }
    }
    for it in &acknowledged {
        bots[0].get(&format!("/escalations/{it}")).await.ok(200);
    }
    println!("{FAULTS} faults, {} acknowledged opens, 0 lost", acknowledged.len());
    // The control: while a server is cut off, it sees nothing that the other writes.
    servers[0].way.cut();
    assert!(catches_up(&bots[1], &bots[0], CATCHES_UP_WITHIN).await.is_err());
    servers[0].way.mend();
}
