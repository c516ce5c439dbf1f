//! The state that the handlers of all browser requests share.

use std::sync::Arc;

use leptos::config::{LeptosOptions, get_configuration};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::server::{
    config::Settings,
    core::{desk::Desk, open_streams::Credential},
    headers::ContentSecurityPolicy,
    password::PasswordChecker,
};

/// The state that every handler of a browser's request needs.
#[derive(Clone)]
pub struct WebState {
    pub desk: Desk,
    pub settings: Arc<Settings>,
    pub checker: PasswordChecker,
    pub policy: ContentSecurityPolicy,
    pub leptos: LeptosOptions,
    /// The published contract of the agents' API, which the documentation shows.
    pub openapi: &'static Value,
    /// The semaphore with a permit for every page that may be read and drawn at once.
    pub drawing: Arc<Semaphore>,
}

impl WebState {
    /// Creates the state for a desk.
    pub fn new(desk: Desk, settings: Arc<Settings>, openapi: &'static Value) -> Self {
        let leptos = options();
        let policy = ContentSecurityPolicy::new(&leptos);
        let drawing = Arc::new(Semaphore::new(pages_at_once()));
        Self { desk, settings, checker: PasswordChecker::default(), policy, leptos, openapi, drawing }
    }

    /// Closes the open streams of sessions that have ended.
    pub fn close_sessions(&self, ended: impl IntoIterator<Item = [u8; 32]>) {
        for digest in ended {
            self.desk.open_streams().close(&Credential::Session(digest));
        }
    }
}

/// Returns how many pages may be read and drawn at once: half of the processor's threads, and the other half does the
/// rest. At least two, so that one slow read does not block every page.
fn pages_at_once() -> usize {
    std::thread::available_parallelism().map_or(2, |threads| threads.get().div_ceil(2).max(2))
}

/// Returns Leptos's settings: those of `Leptos.toml` in the working directory, or else the same values.
fn options() -> LeptosOptions {
    match get_configuration(Some("Leptos.toml")) {
        Ok(file) => file.leptos_options,
        Err(_) => LeptosOptions::builder().output_name("bailout").build(),
    }
}
