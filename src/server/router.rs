//! The router with every route of the server.

use std::sync::Arc;

use axum::{Extension, Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

use super::{
    api,
    config::Settings,
    console,
    headers::{self, SecurityHeaders},
    host,
    ops::health,
    rates::RateLimiters,
    request_id,
    site::{self, web_state::WebState},
};
use crate::server::core::desk::Desk;

/// Builds the router: the agents' API under `/api/v1`, the health routes, and everything else for browsers. A panic in
/// a handler answers 500 and does not affect other requests.
pub fn router(desk: Desk, settings: Arc<Settings>) -> Router {
    router_with(desk, settings, |_| Router::new())
}

/// Builds the same router with more routes for browsers.
pub fn router_with(desk: Desk, settings: Arc<Settings>, more: impl FnOnce(&WebState) -> Router) -> Router {
    let web = WebState::new(desk.clone(), Arc::clone(&settings), api::openapi());
    let policy = web.policy.clone();
    let for_browsers = console::routes(&web).merge(site::routes(&web)).merge(more(&web));
    Router::new()
        .merge(api::routes(desk.clone()))
        .merge(health::routes(desk, Arc::clone(&settings)))
        .merge(site::guarded(web, for_browsers))
        .layer(Extension(Arc::new(RateLimiters::new(Arc::clone(&settings)))))
        .layer(middleware::from_fn(host::require_one))
        .layer(CatchPanicLayer::custom(request_id::panicked))
        .layer(middleware::from_fn_with_state(SecurityHeaders { policy, settings }, headers::set))
        .layer(middleware::from_fn(request_id::give))
}
