//! Tests of PostgreSQL behind a network that falls silent, and with another server that is paused: callers are told to
//! retry, no request waits for long, and a connection that works again is used at once.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use sqlx::{AnyConnection, Connection};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{
    Engine, TestServer,
    database::{Database, free_port},
    forwarder::Forwarder,
    program::{Program, add_agent},
    server::{Agent, soon},
};

/// Far longer than any deadline of the server, and far shorter than a kernel waits for a silent connection.
const PATIENCE: Duration = Duration::from_secs(30);

async fn open(bot: &Agent) -> u16 {
    let body = json!({"reason": {"code": "other", "text": "help"}});
    let request = bot.http.post(format!("{}/api/v1/escalations", bot.url)).bearer_auth(&bot.key).json(&body);
    timeout(PATIENCE, request.send()).await.expect("an answer").expect("an answer").status().as_u16()
}

async fn readiness(url: &str) -> u16 {
    let asked = timeout(PATIENCE, reqwest::get(format!("{url}/readyz"))).await;
    asked.expect("an answer").expect("an answer").status().as_u16()
}

async fn forwarded() -> Option<(Arc<Database>, Forwarder, Database)> {
    let database = tokio::task::spawn_blocking(|| Engine::Postgres.database()).await.expect("a database")?;
    let forwarder = Forwarder::start(([127, 0, 0, 1], database.port()).into()).await;
    let by_it = database.by_port(forwarder.port);
    Some((Arc::new(database), forwarder, by_it))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn silent_connections_are_replaced_and_nobody_waits_for_them() {
    let Some((_database, forwarder, by_it)) = forwarded().await else { return };
    let server = TestServer::on(Arc::new(by_it)).await;
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    assert_eq!(open(&bot).await, 201);
    // Every connection is either in use or idle.
    let reads: Vec<_> = (0..20)
        .map(|_| {
            let (bot, it) = (bot.clone(), it.clone());
            tokio::spawn(async move { bot.get(&format!("/escalations/{it}?wait=20&until=reply")).await.status })
        })
        .collect();
    forwarder.silence();
    let began = Instant::now();
    // Some requests fail with an unknown result; then new connections are used.
    soon_created(&bot).await;
    println!("writes work again after {:?}", began.elapsed());
    soon("readiness", async || (readiness(&server.url).await == 200).then_some(())).await;
    for _ in 0..20 {
        let read = timeout(PATIENCE, bot.get(&format!("/escalations/{it}"))).await.expect("an answer").status;
        assert!([200, 503].contains(&read), "{read}");
    }
    soon("reads work again", async || (bot.get(&format!("/escalations/{it}")).await.status == 200).then_some(())).await;
    for read in reads {
        let read = timeout(PATIENCE, read).await.expect("an answer").expect("a task");
        assert!([200, 503].contains(&read), "{read}");
    }
}

/// Opens escalations until one is acknowledged. Until then only 503 may come.
async fn soon_created(bot: &Agent) {
    soon("an acknowledgement", async || match open(bot).await {
        201 => Some(()),
        status => {
            assert_eq!(status, 503);
            None
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_is_cut_off_makes_the_server_unready_and_lets_it_end() {
    let Some((_database, forwarder, by_it)) = forwarded().await else { return };
    let key = add_agent(&by_it, "billing-bot");
    let mut program = Program::start(&by_it, free_port()).await;
    let bot = Agent { url: program.url(""), key, http: reqwest::Client::new() };
    assert_eq!(open(&bot).await, 201);
    forwarder.cut();
    assert_eq!(open(&bot).await, 503);
    soon("unreadiness", async || (readiness(&program.url("")).await == 503).then_some(())).await;
    forwarder.mend();
    soon_created(&bot).await;
    forwarder.cut();
    let waits = {
        let bot = bot.clone();
        tokio::spawn(async move { open(&bot).await })
    };
    sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    tokio::task::spawn_blocking(move || program.stop()).await.expect("an end in order");
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    waits.abort();
}

/// Pauses in the middle of a transaction that holds the head, as SIGSTOP does.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_paused_holds_the_others_up_for_two_seconds() {
    let Some(server) = TestServer::start(Engine::Postgres).await else { return };
    let bot = server.agent("billing-bot").await;
    assert_eq!(open(&bot).await, 201);
    let mut paused = AnyConnection::connect(&server.database.url).await.expect("a connection");
    // These are the settings of a server's own connections.
    let settings = "set lock_timeout = '5s'; set idle_in_transaction_session_timeout = '2s'";
    sqlx::raw_sql(settings).execute(&mut paused).await.expect("settings");
    sqlx::raw_sql("begin; select head from workspace for update").execute(&mut paused).await.expect("the head");
    // Reads the settings from one of the server's own connections, to check that they are the same.
    let row = sqlx::query("select current_setting('idle_in_transaction_session_timeout')");
    let row = row.fetch_one(server.desk.store().writer()).await.expect("a setting");
    assert_eq!(sqlx::Row::get::<String, _>(&row, 0), "2s");
    let began = Instant::now();
    assert_eq!(open(&bot).await, 201, "whoever waits for the head gets it");
    assert!(began.elapsed() > Duration::from_millis(500), "the control: the head was held");
}
