//! The browsers' side: pages, sign-in, the operators' stream and the files of the site, behind one set of guards.

pub mod assets;
pub mod csrf;
pub mod guard;
pub mod headers;
pub mod live;
pub mod origin;
pub mod pages;
pub mod passes;
pub mod session;
pub mod sign_in;
pub mod throttle;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use leptos::config::LeptosOptions;

use crate::server::{config::Settings, demo::Passes, desk::Desk, password::Checker};

/// Bytes of a sign-in form.
const LARGEST_FORM: usize = 16 * 1024;

/// What every handler here needs.
#[derive(Clone)]
pub struct Web {
    pub desk: Desk,
    pub settings: Arc<Settings>,
    pub checker: Checker,
    pub policy: headers::Policy,
    pub leptos: LeptosOptions,
}

/// Every route that is for browsers; with passes, those that let people in by one. Has the fallback of the whole server: a page that says there is none.
pub fn routes(desk: Desk, settings: Arc<Settings>, passes: Option<Passes>) -> Router {
    let leptos = pages::options();
    let policy = headers::Policy::new(&leptos);
    let web = Web { desk, settings, checker: Checker::default(), policy, leptos };
    let forms = Router::new()
        .route("/sign-in", post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .layer(DefaultBodyLimit::max(LARGEST_FORM));
    Router::new()
        .merge(pages::routes(web.clone()).layer(from_fn(assets::serve)))
        .merge(forms.with_state(web.clone()))
        .merge(passes.map(|passes| passes::routes(web.clone(), passes)).unwrap_or_default())
        .route("/live", get(live::live).with_state(web.clone()))
        .layer(from_fn_with_state(web.clone(), csrf::require_same_origin))
        .layer(from_fn_with_state(web.clone(), origin::require_our_host))
        .layer(from_fn_with_state(web, headers::set))
}
