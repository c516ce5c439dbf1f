//! The browsers' side: pages, sign-in, the operators' stream and the files of the site, behind one set of guards.

pub mod assets;

pub mod confirm;
pub mod csrf;
pub mod device;
pub mod forms;
pub mod gate;
pub mod guard;
pub mod join;
pub mod live;
pub mod me;
pub mod origin;
pub mod pages;
pub mod passes;
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
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use leptos::config::LeptosOptions;
use tokio::sync::Semaphore;

use crate::server::{
    config::Settings, demo::DemoPasses, desk::Desk, doors::Credential, headers::ContentSecurityPolicy,
    password::PasswordChecker,
};

/// Bytes of a plain page's form.
const LARGEST_FORM: usize = 16 * 1024;

/// What every handler here needs.
#[derive(Clone)]
pub struct WebState {
    pub desk: Desk,
    pub settings: Arc<Settings>,
    pub checker: PasswordChecker,
    pub policy: ContentSecurityPolicy,
    pub leptos: LeptosOptions,
    /// A permit for every page that may be read and drawn at once.
    pub drawing: Arc<Semaphore>,
}

impl WebState {
    /// Closes what is open with sessions that have ended.
    pub fn close_sessions(&self, ended: impl IntoIterator<Item = [u8; 32]>) {
        for digest in ended {
            self.desk.doors().close(&Credential::Session(digest));
        }
    }
}

/// Every route that is for browsers; with passes, those that let people in by one. Has the fallback of the whole server: a
/// page that says there is none.
pub fn routes(
    desk: Desk,
    settings: Arc<Settings>,
    policy: ContentSecurityPolicy,
    passes: Option<DemoPasses>,
) -> Router {
    let leptos = pages::options();
    let drawing = Arc::new(Semaphore::new(pages::at_once()));
    let web = WebState { desk, settings, checker: PasswordChecker::default(), policy, leptos, drawing };
    let own = me::routes().route_layer(from_fn_with_state(web.clone(), gate::people));
    let plain = Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .merge(join::routes())
        .merge(own)
        .merge(settings::routes(&web))
        .layer(DefaultBodyLimit::max(LARGEST_FORM));
    let for_people =
        Router::new().route("/search", get(search::search)).layer(from_fn_with_state(web.clone(), gate::people));
    Router::new()
        .merge(pages::routes(web.clone()).layer(from_fn(assets::serve)))
        .merge(plain.with_state(web.clone()))
        .merge(passes.map(|passes| passes::routes(web.clone(), passes)).unwrap_or_default())
        .route("/live", get(live::live).with_state(web.clone()))
        .merge(for_people.with_state(web.clone()))
        .layer(from_fn_with_state(web.clone(), csrf::require_same_origin))
        .layer(from_fn_with_state(web.clone(), strangers::limit))
        .layer(from_fn_with_state(web, origin::require_our_host))
}
