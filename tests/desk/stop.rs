//! Tests of stopping the program: gracefully, soon, from the moment it prints its address, and with everything
//! recorded.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures::StreamExt;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection, Row, any::AnyRow};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::support::{
    Engine,
    database::free_port,
    program::{Program, add_agent},
    sse::Pieces,
};

fn told_to_stop(child: &Child) {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
}

#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let start = || {
        let port = free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailout"));
        command.env("BAILOUT_DATABASE_URL", &database.url).env("BAILOUT_ADDR", format!("127.0.0.1:{port}"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("its words")).read_line(&mut line).expect("its address");
        assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}");
        (child, port)
    };
    // The program is stopped at once after the start.
    let (mut child, _) = start();
    told_to_stop(&child);
    assert!(child.wait().expect("an end").success(), "it was killed instead of stopped");
    // The program has an idle connection, one with an unfinished request, and one kept alive.
    let (mut child, port) = start();
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let _silent = connect();
    let mut halting = connect();
    halting.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").expect("half a request");
    let mut kept = connect();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
    let mut answer = [0; 12];
    kept.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let began = Instant::now();
    told_to_stop(&child);
    assert!(child.wait().expect("an end").success());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// Tests that the program works and stops in order when nobody reads its log any more, as when the collector of logs has died.
#[test]
fn a_log_that_nobody_reads_holds_up_nothing() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailout"));
    command.env("BAILOUT_DATABASE_URL", &database.url).env("BAILOUT_LOG", "debug");
    command.env("BAILOUT_ADDR", format!("127.0.0.1:{}", free_port()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("its words")).read_line(&mut line).expect("its address");
    drop((child.stdout.take(), child.stderr.take()));
    let address = line.trim_start_matches("Bailout is at http://").trim().to_owned();
    let mut answer = String::new();
    let mut asks = TcpStream::connect(&address).expect("a connection");
    asks.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
    asks.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"task_restarts\":0"), "{answer}");
    told_to_stop(&child);
    let until = Instant::now() + Duration::from_secs(60);
    let ended = loop {
        match child.try_wait().expect("a look") {
            Some(status) => break status,
            None if Instant::now() > until => {
                child.kill().expect("killed");
                panic!("it does not stop");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(ended.success(), "{ended}");
}

/// Opens escalations, subscribes to each and cancels all at once. Returns a receiver of those whose end was heard.
async fn all_withdraw(program: &Program, key: &str) -> UnboundedReceiver<String> {
    let (http, url) = (reqwest::Client::new(), program.url("/api/v1/escalations"));
    let (heard, hears) = mpsc::unbounded_channel();
    let mut cancels = vec![];
    for _ in 0..50 {
        let opening = json!({"reason": {"code": "other", "text": "help"}});
        let opened = http.post(&url).bearer_auth(key).json(&opening).send().await.expect("an answer");
        let opened: Value = opened.json().await.expect("JSON");
        let id = opened["id"].as_str().expect("an id").to_owned();
        cancels.push(http.post(format!("{url}/{id}/cancel")).bearer_auth(key).json(&json!({"reason": "Never mind."})));
        let stream = http
            .get(format!("{url}/{id}/events"))
            .bearer_auth(key)
            .header("accept", "text/event-stream")
            .send()
            .await
            .expect("a stream");
        let heard = heard.clone();
        tokio::spawn(async move {
            let (mut pieces, mut bytes) = (Pieces::default(), stream.bytes_stream());
            while let Some(Ok(piece)) = bytes.next().await {
                if pieces.add(&piece).iter().any(|it| it.event == "escalation.cancelled") {
                    heard.send(id.clone()).expect("someone listens");
                }
            }
        });
    }
    // Cancels that come too late get no answer.
    cancels.into_iter().for_each(|cancel| drop(tokio::spawn(cancel.send())));
    hears
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_outcome_that_left_before_the_end_is_noted_as_delivered() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let (key, port, mut heard) = (add_agent(&database, "billing-bot"), free_port(), vec![]);
    // The program is stopped while outcomes are being delivered: after this many were heard.
    for some in [10, 20, 30, 40, 45, 50] {
        let mut program = Program::start(&database, port).await;
        let mut hears = all_withdraw(&program, &key).await;
        for _ in 0..some {
            heard.push(hears.recv().await.expect("an end"));
        }
        program.stop();
        while let Some(id) = hears.recv().await {
            heard.push(id);
        }
    }
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&database.url).await.expect("a connection");
    let rows = sqlx::query("select id, body from escalation").fetch_all(&mut connection).await.expect("rows");
    let delivered = |row: &AnyRow| {
        let body: Value = serde_json::from_str(&row.get::<String, _>(1)).expect("JSON");
        body["delivered_at"].is_i64().then(|| row.get(0))
    };
    let delivered: Vec<String> = rows.iter().filter_map(delivered).collect();
    let forgotten = heard.iter().filter(|id| !delivered.contains(id)).count();
    println!("{} outcomes left while the server stopped, {forgotten} of them are not noted", heard.len());
    assert!(!heard.is_empty() && forgotten == 0);
}
