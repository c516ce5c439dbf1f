//! Promise 17: one slow client affects no other. The client opens a stream of large events and reads nothing of it. All
//! others receive everything, in order, and the slow client is disconnected.

use std::time::Duration;

use bailout::server::connections::ConnectionLimits;
use macro_rules_attribute::apply;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{
    on_both,
    support::{TestServer, chance::TORTURE, sse::Pieces},
};

const CLIENTS: usize = if TORTURE { 999 } else { 100 };
/// Far more than a connection buffers: 60 KB each.
const EVENTS: usize = 200;
/// A thousand readers in one process have to wait for each other.
const STALLED: Duration = Duration::from_secs(if TORTURE { 20 } else { 1 });
const HEARD_WITHIN: Duration = Duration::from_secs(if TORTURE { 900 } else { 120 });
const LONG: Duration = Duration::from_secs(600);

#[apply(on_both!)]
async fn who_does_not_read_is_given_up_and_the_others_hear_everything(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let limits = ConnectionLimits {
        most: 2_000,
        first_request: LONG,
        idle: LONG,
        stalled: STALLED,
        silent_upload: LONG,
        upload: LONG,
    };
    let url = server.also_within(limits).await;
    let cursor =
        format!("{}.{}", server.desk.store().epoch(), server.desk.head(server.workspace).await.expect("a head"));
    let path = format!("/api/v1/events?after={cursor}");
    let host = url.trim_start_matches("http://").to_owned();
    let mut stalled = TcpStream::connect(&host).await.expect("a connection");
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\nauthorization: Bearer {}\r\n\r\n",
        bot.key
    );
    stalled.write_all(head.as_bytes()).await.expect("a request");
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (url, key, http) = (format!("{url}{path}"), bot.key.clone(), bot.http.clone());
        clients.spawn(async move {
            let mut response =
                http.get(url).bearer_auth(key).header("accept", "text/event-stream").send().await.expect("a stream");
            let (mut pieces, mut heard) = (Pieces::default(), vec![]);
            while heard.len() < EVENTS {
                let chunk = response.chunk().await.expect("an open stream").expect("more");
                let opened = pieces.add(&chunk).into_iter().filter(|it| it.event == "escalation.opened");
                heard.extend(opened.map(|it| it.json()["escalation_id"].as_str().expect("an id").to_owned()));
            }
            heard
        });
    }
    let mut opened = vec![];
    let item = json!({"label": "a long value", "value": "x".repeat(4_000)});
    for _ in 0..EVENTS {
        let large = json!({"summary": "x".repeat(1_000), "metadata": {"x": "y".repeat(15_000)}, "context": vec![item.clone(); 15]});
        opened.push(bot.escalates(large).await);
    }
    let heard = timeout(HEARD_WITHIN, clients.join_all()).await.expect("they hear it in time");
    assert!(heard.iter().all(|heard| *heard == opened), "somebody did not hear everything, in order");
    // The stalled client is cut off: its stream ends and is incomplete. That is the control, too: a client that
    // reads too late does not receive everything.
    let mut read = vec![];
    let ended = timeout(Duration::from_secs(60), stalled.read_to_end(&mut read)).await;
    let end = ended.expect("its connection is closed");
    let text = String::from_utf8_lossy(&read);
    let count = text.matches("event: escalation.opened").count();
    println!(
        "{:?}: {CLIENTS} clients heard {EVENTS} events each; the stalled one {count}, then {end:?}",
        server.desk.store().dialect()
    );
    assert!(count < EVENTS, "it was sent everything all the same");
}
