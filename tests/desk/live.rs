//! Tests the event streams of agents: events from the log, then live ones, with a cursor.

use std::{sync::Arc, time::Duration};

use bailout::{
    domain::{disposition::Disposition, operator::Role, outcome::Resolution},
    server::{
        clock::Clock,
        config::Cli,
        core::{
            command::OperatorVerb,
            log::{Audience, follow},
        },
    },
};
use clap::Parser;
use futures::StreamExt;
use macro_rules_attribute::apply;
use tokio::sync::Barrier;

use crate::{
    on_both,
    support::{
        Engine, Person, TestServer,
        server::{Agent, soon},
        sse::{self, Heard},
    },
};

/// Reads a stream until `many` events have arrived, not counting pings.
async fn hears(agent: &Agent, path: &str, last_event_id: Option<&str>, many: usize) -> Vec<Heard> {
    let mut request = agent.listens(path);
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    let response = request.send().await.expect("a stream");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    sse::read(response, many).await
}

#[apply(on_both!)]
async fn a_stream_resumes_where_it_was(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let other = server.agent("other-bot").await;
    other.hands_over("conv_1").await;
    let it = bot.hands_over("conv_1").await;
    let fence = ada.claims(&it).await.expect("a claim");
    ada.replies(&it, fence, "Hello").await.expect("a reply");
    let path = format!("/escalations/{it}/events");
    let first = hears(&bot, &path, None, 3).await;
    let types: Vec<&str> = first.iter().map(|it| it.event.as_str()).collect();
    assert_eq!(types, ["escalation.opened", "escalation.claimed", "message.created"]);
    assert!(first[1].json()["control"] == "human" && first[1].json()["data"]["escalation"]["desk"].is_null());

    // The stream was closed before the escalation was. The resumed stream has the same outcome as other responses.
    ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("a resolve");
    let later = hears(&bot, &path, first[2].id.as_deref(), 1).await;
    assert_eq!(later[0].event, "escalation.resolved");
    let got = bot.get(&format!("/escalations/{it}")).await.ok(200);
    assert_eq!(later[0].json()["data"]["escalation"]["outcome"], got["outcome"]);
    let all = hears(&bot, &format!("/events?after={}.0", server.desk.store().epoch()), None, 4).await;
    assert_eq!(&all[..3], &first[..]);
    assert_eq!(all[3], later[0]);
    // The stream of one escalation ends after its end, and whoever has that is told that nothing follows.
    let whole = bot.listens(&path).send().await.expect("a stream").text().await.expect("an end in order");
    assert_eq!(whole.matches("\nevent: ").count(), 4, "{whole}");
    let over = bot.listens(&path).header("last-event-id", later[0].id.clone().expect("an id")).send().await;
    assert_eq!(over.expect("an answer").status(), 204);
    // The page as JSON has the same events, and an event has the cursor of its frame.
    let page = bot.events_of(&it).await;
    let frames: Vec<_> = all.iter().map(Heard::json).collect();
    assert_eq!(page, frames);
    assert!(all.iter().all(|frame| frame.id.as_deref() == frame.json()["cursor"].as_str()));

    // A cursor of another epoch, or of the future, gets a `reset` event.
    for cursor in ["zzzzzzzz.1".to_owned(), format!("{}.999999", server.desk.store().epoch())] {
        let reset = hears(&bot, "/events", Some(&cursor), 1).await;
        assert_eq!(reset[0].event, "reset");
        let head = server.desk.head(server.workspace).await.expect("a head");
        assert_eq!(reset[0].json()["cursor"], format!("{}.{head}", server.desk.store().epoch()));
        assert_eq!(reset[0].id.as_deref(), reset[0].json()["cursor"].as_str());
    }
    for after in [format!("{}.999999", server.desk.store().epoch()), "zzzzzzzz.1".to_owned(), "31".to_owned()] {
        for path in [format!("/escalations/{it}?wait=1&after={after}"), format!("/events?after={after}")] {
            let beyond = bot.get(&path).await;
            assert_eq!((beyond.refused(400), &beyond.body["current"]), ("bad_cursor", &serde_json::Value::Null));
        }
    }
    assert_eq!(other.get(&path).await.refused(404), "not_found");
}

#[apply(on_both!)]
async fn who_has_the_end_has_the_outcome_whatever_came_after(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    for of_all in [false, true] {
        let it = bot.hands_over("conv_1").await;
        let id = crate::support::server::id(&it);
        let fence = ada.claims(&it).await.expect("a claim");
        let done = ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("a resolve");
        let closed = done.current.escalation.closed_seq.expect("the end");
        let text = bailout::domain::text::NoteText::parse("Done.").expect("a note");
        ada.does(id, OperatorVerb::Note { text }).await.expect("a note");
        let path = if of_all { "/events".to_owned() } else { format!("/escalations/{it}/events") };
        let request = bot.listens(&format!("{path}?after={}.{closed}", server.desk.store().epoch()));
        let _stream = request.send().await.expect("a stream");
        soon("the delivery", async || {
            let current = server.desk.current(server.workspace, id).await.expect("a read").expect("an escalation");
            current.escalation.delivered_at
        })
        .await;
    }
}

#[apply(on_both!)]
async fn an_outcome_that_nobody_received_is_not_delivered(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_1").await;
    let fence = ada.claims(&it).await.expect("a claim");
    ada.replies(&it, fence, "Hello").await.expect("a reply");
    ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("a resolve");
    // A worker that starts anew asks where the log ends, and goes on from there. Something else has happened last.
    bot.hands_over("conv_2").await;
    let here = bot.get("/events").await.ok(200)["cursor"].as_str().expect("a cursor").to_owned();
    bot.get(&format!("/events?after={here}")).await.ok(200);
    drop(bot.listens(&format!("/events?after={here}")).send().await.expect("a stream"));
    let over = bot.listens(&format!("/escalations/{it}/events?after={here}")).send().await.expect("an answer");
    assert_eq!(over.status(), 204);
    server.desk.background_tasks().close();
    server.desk.background_tasks().wait().await;
    server.desk.background_tasks().reopen();
    let id = crate::support::server::id(&it);
    let current = server.desk.current(server.workspace, id).await.expect("a read").expect("an escalation");
    assert_eq!(current.escalation.delivered_at, None);
    server.desk.hints().save(server.desk.store(), server.now()).await;
    // The control: whoever gets the page with the end has the outcome.
    let page = bot.get(&format!("/escalations/{it}/events")).await.ok(200);
    let last = page["items"].as_array().and_then(|items| items.last()).expect("an event");
    assert_eq!(page["cursor"], last["cursor"], "one may go on from there, and misses nothing of others");
    soon("the delivery", async || {
        let current = server.desk.current(server.workspace, id).await.expect("a read").expect("an escalation");
        current.escalation.delivered_at
    })
    .await;
}

#[apply(on_both!)]
async fn a_revoked_key_is_out_at_once(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    let waiting = {
        let (bot, path) = (bot.clone(), format!("/escalations/{it}?wait=30"));
        tokio::spawn(async move { bot.get(&path).await })
    };
    let mut stream = bot.listens("/events").send().await.expect("a stream");
    let name = bailout::domain::text::Name::parse("billing-bot").expect("a name");
    let mut tx = server.desk.store().begin_write().await.expect("a transaction");
    let revoked = bailout::server::store::agents::revoke(&mut tx, server.workspace, &name, server.now()).await;
    assert!(revoked.expect("a revocation"));
    tx.commit().await.expect("a commit");
    let began = std::time::Instant::now();
    assert_eq!(waiting.await.expect("an answer").refused(401), "key_revoked");
    while let Some(chunk) = stream.chunk().await.expect("the stream ends in order") {
        assert!(began.elapsed() < Duration::from_secs(10), "still streaming {chunk:?}");
    }
    assert_eq!(bot.get("/escalations").await.refused(401), "key_revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_happens_at_one_server_is_heard_at_the_other() {
    let Some(first) = TestServer::start(Engine::Postgres).await else { return };
    let second = TestServer::on(first.database.clone()).await;
    let bot = first.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    let ada = second.employs(first.person("Ada", Role::Operator).await.operator);
    let waiting = {
        let (bot, path) = (bot.clone(), format!("/escalations/{it}?until=reply&wait=30"));
        tokio::spawn(async move { bot.get(&path).await.ok(200) })
    };
    let fence = ada.claims(&it).await.expect("a claim at the second server");
    ada.replies(&it, fence, "Hello").await.expect("a reply at the second server");
    let heard = waiting.await.expect("an answer at the first server");
    assert_eq!(heard["control"], "human");
    // In the other direction, the stream of the second server receives what the first one writes.
    let there = bot.at(&second);
    bot.says(&it, "customer", "Thank you").await.ok(201);
    let heard = hears(&there, &format!("/escalations/{it}/events"), None, 4).await;
    assert_eq!(heard[3].json()["data"]["message"]["text"], "Thank you");
}

/// Tests that each event of another server is read and rendered once: all subscribers share it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_another_server_wrote_is_read_once_for_all_streams() {
    let Some(first) = TestServer::start(Engine::Postgres).await else { return };
    let second = TestServer::on(first.database.clone()).await;
    let bot = first.agent("billing-bot").await;
    bot.hands_over("conv_0").await;
    let epoch = second.desk.store().epoch();
    let head = second.desk.head(second.workspace).await.expect("a head");
    // Each stream has received one event before the others are written, so all of them are subscribed.
    let listening = Arc::new(Barrier::new(11));
    let streams: Vec<_> = (0..10)
        .map(|_| {
            let mut events =
                follow(second.desk.log(), second.desk.store(), second.workspace, Audience::Operators, &epoch, head)
                    .boxed();
            let listening = Arc::clone(&listening);
            tokio::spawn(async move {
                events.next().await.expect("an event").expect("a read");
                listening.wait().await;
                events.take(10).map(|event| event.expect("an event")).collect::<Vec<_>>().await
            })
        })
        .collect();
    let there = bot.at(&second);
    there.hands_over("conv_first").await;
    listening.wait().await;
    // Both servers write, in turn.
    for n in 1..=10 {
        if n % 2 == 0 { &bot } else { &there }.hands_over(&format!("conv_{n}")).await;
    }
    let mut heard = vec![];
    for stream in streams {
        let events = stream.await.expect("a task");
        assert!(events.is_sorted_by_key(|event| event.seq));
        heard.push(events);
    }
    for other in &heard[1..] {
        assert!(heard[0].iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other)), "each stream read by itself");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_tells_nobody_is_heard_through_all_that_others_tell() {
    let Some(first) = TestServer::start(Engine::Postgres).await else { return };
    let bot = first.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    let ada = first.person("Ada", Role::Operator).await;
    // Another connection sends notifications all the time.
    let url = first.database.url.clone();
    let telling = tokio::spawn(async move {
        use sqlx::Connection;
        let mut connection = sqlx::AnyConnection::connect(&url).await.expect("a connection");
        loop {
            sqlx::query("notify bailout, 'nothing'").execute(&mut connection).await.expect("a notification");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let waiting = {
        let (bot, path) = (bot.clone(), format!("/escalations/{it}?wait=10"));
        tokio::spawn(async move { bot.get(&path).await.ok(200) })
    };
    let settings = Cli::try_parse_from(["bailout", "--database-url", &first.database.url]).expect("settings").settings;
    let silent = bailout::server::open(&settings, Clock::system()).await.expect("a second desk");
    let there = Person { desk: silent, ..ada };
    there.claims(&it).await.expect("a claim at the silent desk");
    let heard = waiting.await.expect("an answer");
    telling.abort();
    assert_eq!(heard["claimed_by"]["name"], "Ada", "{heard}");
}
