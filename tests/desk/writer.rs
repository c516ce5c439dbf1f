//! The writer: statements grow with tables, not with commands; a repeated command takes effect once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bailout::domain::operator::Role;
use futures::future::join_all;
use serde_json::json;
use tracing_subscriber::{Layer, layer::SubscriberExt};

use crate::support::{Engine, TestServer};

/// Counts the statements that this thread sends.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

// PostgreSQL's driver speaks on the thread of its task, so with one thread every statement is seen; and the writer is
// not polled before all the claims are queued, so that they are one batch.
#[tokio::test(flavor = "current_thread")]
async fn a_batch_costs_as_many_statements_as_a_command() {
    let Some(server) = TestServer::start(Engine::Postgres).await else { return };
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let mut ids = vec![];
    for n in 0..65 {
        ids.push(bot.escalates(json!({"conversation": {"external_id": format!("conv_{n}"), "messages": []}})).await);
    }
    // Nothing but the writer may speak while it is counted.
    server.desk.shutdown().cancel();
    let statements = Statements::default();
    let _counting = tracing::subscriber::set_default(tracing_subscriber::registry().with(statements.clone()));
    let mut costs = vec![];
    // The first one opens connections and prepares statements; the two after it are compared.
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
