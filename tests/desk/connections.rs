//! Tests that connections that send no request, do not read or do not end are closed, and block no other client.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use bailout::{
    domain::text::Name,
    server::{
        connections::{self, ConnectionLimits, when_left},
        store::agents,
    },
};
use macro_rules_attribute::apply;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    on_both,
    support::{
        TestServer,
        server::{Agent, soon},
    },
};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(600);
/// A timeout far longer than anything here may take.
const SOON: Duration = Duration::from_secs(20);

/// Returns limits that close no connection.
fn patient() -> ConnectionLimits {
    ConnectionLimits { most: 1_000, first_request: LONG, idle: LONG, stalled: LONG, silent_upload: LONG, upload: LONG }
}

/// Serves a router until the token is cancelled. Returns the address and the token.
async fn serves(router: Router, limits: ConnectionLimits) -> (std::net::SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
    tokio::spawn(connections::serve(listener, router, limits, stop.clone()));
    (address, stop)
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

/// Sends a request on an open connection, and returns the first part of the response.
async fn asks(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("a request");
    let mut answer = vec![0; 1024];
    let read = timeout(SOON, stream.read(&mut answer)).await.expect("in time").expect("an answer");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

/// Returns whether a connection is closed soon, whatever it sends before.
async fn closes(stream: &mut TcpStream) -> bool {
    let mut rest = vec![];
    timeout(SOON, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn who_does_not_ask_is_closed_and_who_has_asked_may_pause() {
    let (address, _stop) = serves(hello(), ConnectionLimits { first_request: SHORT, ..patient() }).await;
    let mut silent = TcpStream::connect(address).await.expect("a connection");
    let mut known = TcpStream::connect(address).await.expect("a connection");
    assert!(asks(&mut known).await.contains("hello"));
    let dripping = async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\n").await.expect("a line");
        for _ in 0..400 {
            if stream.write_all(b"a: b\r\n").await.is_err() {
                return true;
            }
            sleep(Duration::from_millis(50)).await;
        }
        false
    };
    let (silent, dripping) = tokio::join!(closes(&mut silent), dripping);
    assert!(silent && dripping);
    assert!(asks(&mut known).await.contains("hello"), "it asked in time, and may ask again");

    let (address, _stop) = serves(hello(), ConnectionLimits { idle: SHORT, ..patient() }).await;
    let mut idle = TcpStream::connect(address).await.expect("a connection");
    assert!(asks(&mut idle).await.contains("hello"));
    assert!(closes(&mut idle).await);
}

#[tokio::test]
async fn the_idlest_connection_makes_way_for_a_newcomer() {
    let slow = Router::new().route(
        "/",
        get(async || {
            sleep(Duration::from_secs(2)).await;
            "hello"
        }),
    );
    let (address, _stop) = serves(slow, ConnectionLimits { most: 3, ..patient() }).await;
    let mut busy = TcpStream::connect(address).await.expect("a connection");
    let busy = tokio::spawn(async move { asks(&mut busy).await });
    sleep(Duration::from_millis(200)).await;
    let mut silent = vec![];
    for _ in 0..10 {
        silent.push(TcpStream::connect(address).await.expect("a connection"));
    }
    let mut newcomer = TcpStream::connect(address).await.expect("a connection");
    assert!(asks(&mut newcomer).await.contains("hello"));
    assert!(busy.await.expect("a task").contains("hello"), "who is being answered is not idle");
    assert!(closes(&mut silent[0]).await);
}

#[tokio::test]
async fn an_answer_has_left_when_all_of_it_was_taken() {
    let left = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let answers = |size: usize, left: &Arc<AtomicBool>| {
        let left = Arc::clone(left);
        get(async move || {
            let mut response = Body::from(vec![b'x'; size]).into_response();
            when_left(&mut response, move || left.store(true, Ordering::SeqCst));
            response
        })
    };
    let router = Router::new().route("/", answers(10, &left[0])).route("/large", answers(64 * 1024 * 1024, &left[1]));
    let (address, stop) = serves(router, ConnectionLimits { stalled: SHORT, ..patient() }).await;
    let mut reader = TcpStream::connect(address).await.expect("a connection");
    assert!(asks(&mut reader).await.contains("xxxxxxxxxx"));
    soon("the small answer has left", async || left[0].load(Ordering::SeqCst).then_some(())).await;
    // A client that does not read is disconnected, and its response does not count as sent.
    let mut stalled = TcpStream::connect(address).await.expect("a connection");
    stalled.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("a request");
    sleep(Duration::from_secs(2)).await;
    let mut read = vec![];
    let end = timeout(SOON, stalled.read_to_end(&mut read)).await.expect("it was closed");
    assert!(end.is_err() || read.len() < 64 * 1024 * 1024);
    stop.cancel();
    assert!(!left[1].load(Ordering::SeqCst));
}

/// Sends the head of an upload and the first byte.
async fn uploads(address: &str, bot: &Agent, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await.expect("a connection");
    let head = format!(
        "POST /api/v1/escalations HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n ",
        address.trim_start_matches("http://"),
        bot.key
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    stream
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 64 * 1024];
    let read = timeout(SOON, stream.read(&mut answer)).await.expect("in time").expect("an answer");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[apply(on_both!)]
async fn an_upload_that_does_not_come_to_an_end_is_refused(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let address = server.also_within(ConnectionLimits { silent_upload: SHORT, ..patient() }).await;
    let mut silent = uploads(&address, &bot, 1_000).await;
    assert!(answer(&mut silent).await.contains("request_timeout"));
    let address = server.also_within(ConnectionLimits { upload: Duration::from_secs(1), ..patient() }).await;
    let dripping = uploads(&address, &bot, 1_000).await;
    let (mut reads, mut writes) = dripping.into_split();
    let drips = tokio::spawn(async move {
        while writes.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let mut told = vec![0; 64 * 1024];
    let read = timeout(SOON, reads.read(&mut told)).await.expect("in time").expect("an answer");
    assert!(String::from_utf8_lossy(&told[..read]).contains("request_timeout"));
    drips.abort();
}

#[apply(on_both!)]
async fn uploads_of_one_key_leave_room_for_others_and_end_when_it_is_revoked(server: TestServer) {
    let (greedy, innocent) = (server.agent("greedy-bot").await, server.agent("innocent-bot").await);
    const ALMOST: usize = 8 * 1024 * 1024 - 2;
    let mut open = vec![];
    for _ in 0..8 {
        let mut stream = uploads(&server.url, &greedy, ALMOST + 2).await;
        stream.write_all(&vec![b' '; ALMOST]).await.expect("most of a body");
        open.push(stream);
    }
    let body = json!({"reason": {"code": "policy_limit", "text": "Refund over limit"}});
    soon("its share is used up", async || {
        let refused = greedy.post("/escalations", body.clone()).await;
        (refused.status == 503).then_some(())
    })
    .await;
    innocent.post("/escalations", body.clone()).await.ok(201);
    let mut tx = server.desk.store().begin_write().await.expect("a transaction");
    let name = Name::parse("greedy-bot").expect("a name");
    agents::revoke(&mut tx, server.workspace, &name, server.now()).await.expect("a revocation");
    tx.commit().await.expect("a commit");
    assert!(answer(&mut open[0]).await.contains("key_revoked"));
    innocent.post("/escalations", body).await.ok(201);
}
