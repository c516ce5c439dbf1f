//! Tests alerts: one is sent when an escalation has waited for a minute, and retried only when it did not arrive.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{StatusCode, header::LOCATION},
    response::IntoResponse,
    routing::post,
};
use bailout::{
    domain::{operator::Role, time::Span},
    server::{store::escalations, workers::alerts::AlertSender},
};
use futures::future::join_all;
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, time::timeout};

use crate::{
    on_both,
    support::{Engine, TestServer, server::soon},
};

/// The behaviour of a receiver.
#[derive(Clone, Copy)]
enum Manner {
    Takes,
    Fails,
    /// Fails only the first two times.
    FailsTwice,
    SendsOn,
    Hangs,
}

/// A receiver of alerts.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    async fn that(manner: Manner) -> Self {
        let got: Arc<Mutex<Vec<Value>>> = Arc::default();
        let taken = Arc::clone(&got);
        let receive = move |body: String| async move {
            let so_many = {
                let mut taken = taken.lock().expect("what came");
                taken.push(serde_json::from_str(&body).expect("JSON"));
                taken.len()
            };
            match manner {
                Manner::FailsTwice if so_many <= 2 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                Manner::Takes | Manner::FailsTwice => StatusCode::OK.into_response(),
                Manner::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                Manner::SendsOn => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "/")]).into_response(),
                Manner::Hangs => std::future::pending().await,
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(receive))).await });
        Self { url, got }
    }

    fn alerts(&self) -> AlertSender {
        AlertSender::new(self.url.parse().expect("an address")).expect("a client")
    }

    fn texts(&self) -> Vec<String> {
        let got = self.got.lock().expect("what came");
        got.iter().map(|it| it["text"].as_str().expect("a text").to_owned()).collect()
    }
}

#[apply(on_both!)]
async fn somebody_is_called_once_when_one_has_waited_for_a_minute(server: TestServer) {
    let (receiver, bot) = (Receiver::that(Manner::Takes).await, server.agent("billing-bot").await);
    let (ada, alerts) = (server.person("Ada", Role::Operator).await, receiver.alerts());
    let claimed = bot.hands_over("conv_1").await;
    ada.claims(&claimed).await.expect("a claim");
    let waits = bot.hands_over("conv_2").await;
    server.pass(Span::seconds(55));
    alerts.send_due(&server.desk).await.expect("a look");
    assert_eq!(receiver.texts(), [""; 0], "not yet");
    server.pass(Span::seconds(6));
    alerts.send_due(&server.desk).await.expect("a look");
    alerts.send_due(&server.desk).await.expect("a look");
    let texts = receiver.texts();
    let [text] = &texts[..] else { panic!("one call: {texts:?}") };
    assert!(text.starts_with("Dana has waited 1m for a human in the queue default: policy limit.\n"), "{text}");
    assert!(text.contains("Refund over limit") && text.contains(&waits) && !text.contains(&claimed), "{text}");
    // Later changes of the escalation send no second alert.
    let fence = ada.claims(&waits).await.expect("a claim");
    ada.releases(&waits, fence).await.expect("a release");
    alerts.send_due(&server.desk).await.expect("a look");
    assert_eq!(receiver.texts().len(), 1);
}

#[apply(on_both!)]
async fn a_receiver_that_fails_harms_nothing(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    for (n, (manner, calls)) in [(Manner::Fails, 4), (Manner::SendsOn, 1)].into_iter().enumerate() {
        let receiver = Receiver::that(manner).await;
        bot.hands_over(&format!("conv_{n}")).await;
        server.pass(Span::seconds(61));
        let alerts = receiver.alerts();
        alerts.send_due(&server.desk).await.expect("a look");
        alerts.send_due(&server.desk).await.expect("a look");
        assert_eq!(receiver.texts().len(), calls, "called a few times, and not led on");
    }
    // The receiver is unreachable. A server that is shutting down does not wait for the pause before a retry.
    bot.hands_over("conv_9").await;
    server.pass(Span::seconds(61));
    let nobody = AlertSender::new("http://127.0.0.1:1/".parse().expect("an address")).expect("a client");
    let desk = server.desk.clone();
    let calls = tokio::spawn(async move { nobody.send_due(&desk).await });
    soon("the call", async || {
        let due = escalations::alerts_due(server.desk.store(), server.now(), 1).await.expect("a look");
        due.is_empty().then_some(())
    })
    .await;
    server.desk.shutdown().cancel();
    timeout(Duration::from_secs(5), calls).await.expect("an end at once").expect("a task").expect("a look");
}

#[apply(on_both!)]
async fn a_receiver_that_fails_for_a_moment_is_called_until_it_takes_it(server: TestServer) {
    let (receiver, bot) = (Receiver::that(Manner::FailsTwice).await, server.agent("billing-bot").await);
    let waits = bot.hands_over("conv_1").await;
    server.pass(Span::seconds(61));
    let (alerts, begun) = (receiver.alerts(), Instant::now());
    alerts.send_due(&server.desk).await.expect("a look");
    assert!(begun.elapsed() >= Duration::from_secs(4), "the pauses do not grow: {:?}", begun.elapsed());
    alerts.send_due(&server.desk).await.expect("a look");
    let texts = receiver.texts();
    assert!(texts.len() == 3 && texts.iter().all(|text| text.contains(&waits)), "{texts:?}");
}

#[apply(on_both!)]
async fn nobody_is_called_again_once_somebody_has_come(server: TestServer) {
    let (receiver, bot) = (Receiver::that(Manner::Fails).await, server.agent("billing-bot").await);
    let ada = server.person("Ada", Role::Operator).await;
    let it = bot.hands_over("conv_1").await;
    server.pass(Span::seconds(61));
    let (desk, alerts) = (server.desk.clone(), receiver.alerts());
    let calls = tokio::spawn(async move { alerts.send_due(&desk).await });
    soon("the call", async || (receiver.texts().len() == 1).then_some(())).await;
    ada.claims(&it).await.expect("a claim");
    calls.await.expect("a task").expect("a look");
    // If the claim took longer than the first pause, there was one retry. Without a claim there are four calls.
    let called = receiver.texts().len();
    assert!((1..=2).contains(&called), "called {called} times");
}

#[apply(on_both!)]
async fn a_receiver_that_hangs_up_is_not_called_again(server: TestServer) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            // A receiver that closes the connection may have read the whole alert, so there is no retry.
            let read = caller.read(&mut [0; 4_096]).await.expect("a request");
            counted.fetch_add(usize::from(read > 0), Ordering::SeqCst);
        }
    });
    server.agent("billing-bot").await.hands_over("conv_1").await;
    server.pass(Span::seconds(61));
    let alerts = AlertSender::new(url.parse().expect("an address")).expect("a client");
    alerts.send_due(&server.desk).await.expect("a look");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[apply(on_both!)]
async fn a_receiver_that_hangs_holds_nobody_up(server: TestServer) {
    let (receiver, bot) = (Receiver::that(Manner::Hangs).await, server.agent("billing-bot").await);
    let ada = server.person("Ada", Role::Operator).await;
    let it = bot.hands_over("conv_1").await;
    server.pass(Span::seconds(61));
    let (desk, alerts, begun) = (server.desk.clone(), receiver.alerts(), Instant::now());
    let calls = tokio::spawn(async move { alerts.send_due(&desk).await });
    soon("the call", async || (receiver.texts().len() == 1).then_some(())).await;
    // While the receiver hangs, everything else goes on, also for the same escalation.
    ada.claims(&it).await.expect("a claim");
    bot.says(&it, "customer", "Hello?").await.ok(201);
    assert!(!calls.is_finished(), "it did not hang");
    timeout(Duration::from_secs(30), calls).await.expect("an end").expect("a task").expect("a look");
    assert!(begun.elapsed() >= Duration::from_secs(9), "it did not wait");
    assert_eq!(receiver.texts().len(), 1, "it may have taken it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_servers_call_once() {
    let Some(first) = TestServer::start(Engine::Postgres).await else { return };
    let second = TestServer::on(Arc::clone(&first.database)).await;
    let (receiver, bot) = (Receiver::that(Manner::Takes).await, first.agent("billing-bot").await);
    let ids = join_all((0..20).map(|n| bot.escalates(json!({"summary": format!("Number {n}")})))).await;
    first.pass(Span::seconds(61));
    second.pass(Span::seconds(61));
    let alerts: Vec<AlertSender> = (0..4).map(|_| receiver.alerts()).collect();
    let looks =
        alerts.iter().enumerate().map(|(n, it)| it.send_due(if n % 2 == 0 { &first.desk } else { &second.desk }));
    join_all(looks).await.into_iter().for_each(|look| look.expect("a look"));
    let texts = receiver.texts();
    for id in &ids {
        assert_eq!(texts.iter().filter(|text| text.contains(id)).count(), 1, "{id}: {texts:?}");
    }
    assert_eq!(texts.len(), ids.len());
}
