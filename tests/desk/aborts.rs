//! Promise 11: a disconnect harms no other caller. Requests of every kind are aborted at random moments. Afterwards
//! every connection of the pools exists and is free, no transaction is open, the log is complete, and it contains
//! every answered write.

use std::time::Duration;

use bailout::{
    domain::{
        inbox::{Listing, Query, View},
        operator::Role,
    },
    server::{
        clock::mint,
        store::{Dialect, deadline::BoundedPool},
    },
};
use futures::{StreamExt, future::join_all, stream};
use macro_rules_attribute::apply;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection, Row};
use tokio::time::{Instant, timeout};

use crate::{
    on_both,
    support::{
        TestServer,
        browser::Browser,
        chance::{Chance, TORTURE},
        ledger::{effects, log},
        server::{Agent, PASSWORD, id},
    },
};

const ABORTS: usize = if TORTURE { 20_000 } else { 500 };
/// The number of writes that must be answered, so that a loss can be noticed.
const ANSWERED: usize = 20;
/// The number of reads of the `Desk` that are dropped before they finish, as those of a handler can be.
const DROPPED_READS: usize = 200;
const AT_A_TIME: usize = 32;

/// Builds a request of one of the kinds.
fn request(bot: &Agent, browser: &Browser, it: &str, what: usize, mark: &str) -> RequestBuilder {
    let api = |path: &str| bot.http.get(format!("{}/api/v1{path}", bot.url)).bearer_auth(&bot.key);
    let post =
        |path: &str, body: Value| bot.http.post(format!("{}/api/v1{path}", bot.url)).bearer_auth(&bot.key).json(&body);
    match what {
        0 | 1 => post(
            "/escalations",
            json!({"reason": {"code": "other", "text": "help"}, "metadata": {"mark": mark}, "conversation": {"messages": []}}),
        ),
        2 | 3 => post(
            &format!("/escalations/{it}/messages"),
            json!({"client_message_id": mark, "role": "customer", "text": mark}),
        ),
        4 => api(&format!("/escalations/{it}?wait=5&until=outcome")),
        5 => bot.listens("/events"),
        6 => api(&format!("/escalations/{it}/transcript")),
        7 => api("/escalations?limit=200"),
        8 => browser.asks("/live"),
        9 => browser.asks("/queue"),
        10 => browser.asks(&format!("/e/{it}")),
        11 => browser.calls("inbox", "view=queue"),
        12 => browser.calls("thread", &format!("id={it}")),
        13 => browser.calls("claim", &format!("id={it}")),
        14 => browser.calls("note", &format!("id={it}&text={mark}")),
        _ => browser.submits(
            "/sign-in",
            &format!("email=ada@example.com&password={}", PASSWORD.replace(' ', "+")),
            "same-origin",
        ),
    }
}

const SORTS: usize = 16;

/// Takes every connection of a pool at once. Fails if one is not available within ten seconds.
async fn all_of(pool: &BoundedPool) -> Result<(), String> {
    let most = pool.max_connections();
    let taken = join_all((0..most).map(|_| timeout(Duration::from_secs(10), pool.acquire()))).await;
    match taken.iter().filter(|it| matches!(it, Ok(Ok(_)))).count() {
        all if all == most as usize => Ok(()),
        some => Err(format!("of {most} connections {some} could be had")),
    }
}

/// Returns the problems of a server that should be idle.
async fn complaints(server: &TestServer, bot: &Agent) -> Vec<String> {
    let store = server.desk.store();
    let mut complaints = vec![];
    complaints.extend(all_of(store.reader()).await.err().map(|it| format!("readers: {it}")));
    complaints.extend(all_of(store.writer()).await.err().map(|it| format!("writers: {it}")));
    let mut beside = AnyConnection::connect(&server.database.url).await.expect("a connection of our own");
    match store.dialect() {
        Dialect::Postgres => {
            // The sweeper may have a transaction open. Only those idle for over 1 s count, so the check lasts 1.5 s.
            let sql = "select count(*) from pg_stat_activity where datname = current_database() \
                       and state like 'idle in transaction%' and state_change < now() - interval '1 second'";
            let until = Instant::now() + Duration::from_millis(1_500);
            while Instant::now() < until {
                let idle: i64 = sqlx::query(sql).fetch_one(&mut beside).await.expect("a count").get(0);
                if idle > 0 {
                    complaints.push(format!("{idle} transactions are open and idle"));
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Dialect::Sqlite => {
            sqlx::query("pragma busy_timeout = 1000").execute(&mut beside).await.expect("a pragma");
            match sqlx::query("begin immediate").execute(&mut beside).await {
                Ok(_) => drop(sqlx::query("rollback").execute(&mut beside).await.expect("a rollback")),
                Err(error) => complaints.push(format!("the file cannot be written: {error}")),
            }
        }
    }
    let writes = timeout(
        Duration::from_secs(10),
        bot.post("/escalations", json!({"reason": {"code": "other", "text": "at last"}})),
    );
    match writes.await {
        Ok(answer) if answer.status == 201 => {}
        other => complaints.push(format!("an open was not answered at once: {other:?}")),
    }
    complaints
}

#[apply(on_both!)]
async fn whoever_leaves_early_leaves_nothing_behind(server: TestServer) {
    let mut chance = Chance::of("aborts");
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Operator).await;
    let browser = Browser::of("Ada", &server.url).await;
    let mut ids = vec![];
    for n in 0..10 {
        ids.push(bot.hands_over(&format!("conv_{n}")).await);
    }
    let (mut answered, mut sent, mut broken_off) = (vec![], 0, 0);
    // The loop goes on until enough requests are aborted and enough writes answered, however fast the machine is.
    while broken_off < ABORTS || answered.len() < ANSWERED {
        assert!(sent < 20 * ABORTS, "{broken_off} of {sent} were broken off, and {} writes answered", answered.len());
        let planned: Vec<_> = (0..100)
            .map(|_| {
                let (mark, sort) = (mint().to_string(), chance.below(SORTS));
                // Each request has a connection of its own, so that an abort closes it.
                let bot = Agent { http: reqwest::Client::new(), ..bot.clone() };
                let browser =
                    Browser { http: reqwest::Client::new(), url: browser.url.clone(), cookie: browser.cookie.clone() };
                let patience = Duration::from_micros(chance.below(120_000 + 50 * sent) as u64);
                (request(&bot, &browser, &ids[chance.below(ids.len())], sort, &mark), sort, mark, patience)
            })
            .collect();
        let ended = stream::iter(planned).map(|(request, sort, mark, patience)| async move {
            let whole = async {
                let response = request.send().await.expect("an answer");
                let status = response.status();
                response.bytes().await.map(|_| status)
            };
            match timeout(patience, whole).await {
                Ok(Ok(status)) => Some((sort < 4 && status == 201).then_some(mark)),
                _ => None,
            }
        });
        let ended: Vec<_> = ended.buffer_unordered(AT_A_TIME).collect().await;
        sent += ended.len();
        broken_off += ended.iter().filter(|it| it.is_none()).count();
        answered.extend(ended.into_iter().flatten().flatten());
    }
    // The reads that handlers do, dropped at random moments.
    let dropped: Vec<_> = (0..DROPPED_READS).map(|n| (n, Duration::from_micros(chance.below(20_000) as u64))).collect();
    let dropped = stream::iter(dropped).map(|(n, patience)| {
        let (desk, workspace, it) = (server.desk.clone(), server.workspace, id(&ids[n % ids.len()]));
        async move {
            let me = bailout::domain::ids::OperatorId::new(mint());
            let query = Query { listing: Listing::from(View::ALL[n % 5]), me, as_of: desk.clock().now() };
            match n % 4 {
                0 => timeout(patience, desk.inbox(workspace, query)).await.is_err(),
                1 => timeout(patience, desk.thread(workspace, it)).await.is_err(),
                2 => timeout(patience, desk.head(workspace)).await.is_err(),
                _ => timeout(patience, desk.current(workspace, it)).await.is_err(),
            }
        }
    });
    let dropped = dropped.buffer_unordered(AT_A_TIME).filter(|dropped| std::future::ready(*dropped)).count().await;

    assert_eq!(complaints(&server, &bot).await, [""; 0]);
    let happened = effects(&log(&server).await);
    assert!(answered.iter().all(|mark| happened.get(mark) == Some(&1)), "an answered write is not there once");
    println!(
        "{:?}: of {sent} requests {broken_off} were broken off, and {dropped} of {DROPPED_READS} reads; \
             {} writes were answered and are there; every connection is free",
        server.desk.store().dialect(),
        answered.len()
    );
    assert!(dropped > DROPPED_READS / 10, "too few reads were dropped");

    // The control: one transaction left open is noticed, even if everything else is fine.
    let held = server.desk.store().begin_write().await.expect("a transaction");
    let noticed = complaints(&server, &bot).await;
    println!("{:?}: control, one transaction left open: {noticed:?}", server.desk.store().dialect());
    // PostgreSQL ends the transaction itself after two seconds, so there only its connection is missing.
    assert!(noticed.iter().any(|it| it.starts_with("writers: ")), "{noticed:?}");
    drop(held);
}
