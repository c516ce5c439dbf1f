//! The plain pages: sign-in, one-time links, settings, the operator's own page, search. Each page has its form,
//! handlers and view in one file, or the view in a submodule. The guards of all browser requests are here too.

pub mod assets;
pub mod confirm;
pub mod csrf;
pub mod device;
pub mod forms;
pub mod frame;
pub mod gate;
pub mod join;
pub mod me;
pub mod origin;
pub mod plain;
pub mod search;
pub mod session;
pub mod settings;
pub mod sign_in;
pub mod strangers;
pub mod throttle;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use leptos::config::LeptosOptions;
use tokio::sync::Semaphore;

use crate::server::{
    config::Settings,
    core::{desk::Desk, open_streams::Credential},
    headers::ContentSecurityPolicy,
    password::PasswordChecker,
};

/// The maximum bytes of a plain page's form.
const LARGEST_FORM: usize = 16 * 1024;

/// Returns how many pages may be read and drawn at once: half of the processor's threads, and the other half does the
/// rest. At least two, so that one slow read does not block every page.
fn pages_at_once() -> usize {
    std::thread::available_parallelism().map_or(2, |threads| threads.get().div_ceil(2).max(2))
}

/// The state that every handler of a browser's request needs.
#[derive(Clone)]
pub struct WebState {
    pub desk: Desk,
    pub settings: Arc<Settings>,
    pub checker: PasswordChecker,
    pub policy: ContentSecurityPolicy,
    pub leptos: LeptosOptions,
    /// The semaphore with a permit for every page that may be read and drawn at once.
    pub drawing: Arc<Semaphore>,
}

impl WebState {
    /// Creates the state for a desk.
    pub fn new(desk: Desk, settings: Arc<Settings>) -> Self {
        let leptos = plain::options();
        let policy = ContentSecurityPolicy::new(&leptos);
        let drawing = Arc::new(Semaphore::new(pages_at_once()));
        Self { desk, settings, checker: PasswordChecker::default(), policy, leptos, drawing }
    }

    /// Closes the open streams of sessions that have ended.
    pub fn close_sessions(&self, ended: impl IntoIterator<Item = [u8; 32]>) {
        for digest in ended {
            self.desk.open_streams().close(&Credential::Session(digest));
        }
    }
}

/// Returns the routes of every plain page.
pub fn routes(web: &WebState) -> Router {
    let own = me::routes().route_layer(from_fn_with_state(web.clone(), gate::people));
    let for_people =
        Router::new().route("/search", get(search::search)).layer(from_fn_with_state(web.clone(), gate::people));
    Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .merge(join::routes())
        .merge(own)
        .merge(settings::routes(web))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .merge(for_people)
        .with_state(web.clone())
}

/// Adds the guards that every browser request passes before its route.
pub fn guarded(web: WebState, routes: Router) -> Router {
    routes
        .layer(from_fn_with_state(web.clone(), csrf::require_same_origin))
        .layer(from_fn_with_state(web.clone(), strangers::limit))
        .layer(from_fn_with_state(web, origin::require_our_host))
}
