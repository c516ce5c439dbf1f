//! Support for the tests: operators, agents and a separate server for each test.

pub mod actor;
pub mod browser;
pub mod chance;
pub mod contract;
pub mod database;
pub mod forwarder;
mod history;
pub mod ledger;
pub mod markup;
pub mod person;
pub mod program;
pub mod proxy;
pub mod routes;
pub mod server;
pub mod sse;
pub mod writers;

pub use database::Engine;
pub use history::accepted;
pub use person::Person;
pub use server::TestServer;

/// Runs a story on each database: `#[apply(on_both!)] async fn name(server: TestServer)`. Without PostgreSQL, that half is skipped, unless CI requires it.
#[macro_export]
macro_rules! on_both {
    (async fn $name:ident($server:ident: TestServer) $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            async fn story($server: TestServer) $body
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                if let Some(server) = TestServer::start($crate::support::Engine::Sqlite).await {
                    story(server).await;
                }
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                if let Some(server) = TestServer::start($crate::support::Engine::Postgres).await {
                    story(server).await;
                }
            }
        }
    };
}
