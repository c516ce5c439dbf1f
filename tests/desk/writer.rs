//! Tests of the writer: the number of statements grows with the tables, not with the commands; a repeated command takes
//! effect once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{body::Body, http::Request};
use bailout::{
    domain::{ids::EscalationId, operator::Role, text::Text},
    server::{
        config::Cli,
        core::command::{ActorVerb, AgentVerb, Command, IdempotentRequest},
        error::Error,
    },
};
use clap::Parser;
use futures::future::join_all;
use serde_json::json;
use tower::ServiceExt;
use tracing_subscriber::{Layer, layer::SubscriberExt};

use crate::support::{Engine, TestServer, server::id};

/// Returns a cancel whose answer panics while the writer builds it.
async fn panicking(server: &TestServer, escalation: EscalationId) -> Command {
    let current = server.desk.current(server.workspace, escalation).await.expect("a read").expect("an escalation");
    let agent = current.escalation.agent.clone();
    let once = IdempotentRequest {
        agent: agent.id,
        path: "/panic".to_owned(),
        key: "panic-panic".to_owned(),
        body_sha256: [0; 32],
        answer: Arc::new(|_| panic!("an answer that cannot be made")),
    };
    let reason = Text::parse("The customer is happy.").expect("a reason");
    let verb = ActorVerb::Agent(agent, AgentVerb::Cancel { reason });
    Command { workspace: server.workspace, escalation, verb, once: Some(once) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_panic_ends_its_transaction_and_not_the_writer() {
    let Some(server) = TestServer::start(Engine::Sqlite).await else { return };
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_1").await;
    let command = panicking(&server, id(&it)).await;
    let panicked = server.desk.run(command).await;
    assert!(matches!(panicked, Err(Error::Internal(_))), "{panicked:?}");
    // None of it happened, and the writer goes on.
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "waiting");
    ada.claims(&it).await.expect("a claim");
    assert_eq!(reqwest::get(format!("{}/readyz", server.url)).await.expect("an answer").status(), 200);
}

// With one thread, the writer is not polled before all commands are queued, so that they form one batch.
#[tokio::test(flavor = "current_thread")]
async fn a_panic_fails_its_own_command_and_no_other_of_the_batch() {
    let Some(server) = TestServer::start(Engine::Sqlite).await else { return };
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let mut ids = vec![];
    for n in 0..8 {
        ids.push(bot.hands_over(&format!("conv_{n}")).await);
    }
    let command = panicking(&server, id(&ids[0])).await;
    let panics = server.desk.run(command);
    let (panicked, claimed) = tokio::join!(panics, join_all(ids[1..].iter().map(|it| ada.claims(it))));
    assert!(matches!(panicked, Err(Error::Internal(_))), "{panicked:?}");
    for claimed in claimed {
        claimed.expect("a claim");
    }
    assert_eq!(bot.get(&format!("/escalations/{}", ids[0])).await.ok(200)["status"], "waiting");
}

#[test]
fn a_server_without_its_writer_is_not_ready() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (first, second) = (runtime(), runtime());
    let server = first.block_on(TestServer::start(Engine::Sqlite)).expect("SQLite is always there");
    let settings = Cli::try_parse_from(["bailout", "--database-url", &server.database.url]).expect("settings").settings;
    let router = bailout::server::router::router(server.desk.clone(), Arc::new(settings));
    let ready = || {
        let request = Request::get("/readyz").body(Body::empty()).expect("a request");
        second.block_on(router.clone().oneshot(request)).expect("an answer").status()
    };
    assert_eq!(ready(), 200);
    // The writer ends with its runtime.
    first.shutdown_timeout(std::time::Duration::from_secs(5));
    assert_eq!(ready(), 503);
}

/// A layer that counts the statements of this thread.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

// PostgreSQL's driver runs on the thread of its task, so with one thread every statement is seen. The writer is not
// polled before all claims are queued, so that they form one batch.
#[tokio::test(flavor = "current_thread")]
async fn a_batch_costs_as_many_statements_as_a_command() {
    let Some(server) = TestServer::start(Engine::Postgres).await else { return };
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let mut ids = vec![];
    for n in 0..65 {
        ids.push(bot.escalates(json!({"conversation": {"id": format!("conv_{n}"), "messages": []}})).await);
    }
    // Only the writer may send statements while they are counted, so everything that is saved at the end is saved now.
    server.desk.usage().save(server.desk.store(), server.now()).await.expect("a write");
    server.desk.hints().save(server.desk.store(), server.now()).await;
    server.desk.shutdown().cancel();
    let statements = Statements::default();
    let _counting = tracing::subscriber::set_default(tracing_subscriber::registry().with(statements.clone()));
    let mut costs = vec![];
    // The first run opens connections and prepares statements; the two after it are compared.
    for some in [&ids[..1], &ids[1..2], &ids[2..]] {
        let before = statements.0.load(Ordering::SeqCst);
        for claimed in join_all(some.iter().map(|it| ada.claims(it))).await {
            claimed.expect("a claim");
        }
        costs.push(statements.0.load(Ordering::SeqCst) - before);
    }
    println!("statements: {} for one claim, {} for sixty-three", costs[1], costs[2]);
    assert!(costs[1] > 0, "the counter counts nothing");
    assert_eq!(costs[1], costs[2], "sixty-three claims together cost more statements than one");
}
