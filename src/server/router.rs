//! Every route on one page.

use std::sync::Arc;

use axum::{Extension, Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

use super::{
    api,
    config::Settings,
    demo::DemoPasses,
    desk::Desk,
    headers::{self, ContentSecurityPolicy, SecurityHeaders},
    host,
    rates::RateLimiters,
    request_id, web,
};

/// The agents' API under `/api/v1`, health beside it, and everything else for browsers. A panic in a handler answers 500
/// and harms nobody else.
pub fn router(desk: Desk, settings: Arc<Settings>) -> Router {
    all(desk, settings, None)
}

/// The same, and the demo's sign-in links. Only the demo calls this.
pub fn demo(desk: Desk, settings: Arc<Settings>, passes: DemoPasses) -> Router {
    all(desk, settings, Some(passes))
}

fn all(desk: Desk, settings: Arc<Settings>, passes: Option<DemoPasses>) -> Router {
    let policy = ContentSecurityPolicy::new(&web::pages::options());
    Router::new()
        .merge(api::routes(desk.clone()))
        .merge(api::health(desk.clone()))
        .merge(web::routes(desk, Arc::clone(&settings), policy.clone(), passes))
        .layer(Extension(Arc::new(RateLimiters::new(Arc::clone(&settings)))))
        .layer(middleware::from_fn(host::require_one))
        .layer(CatchPanicLayer::custom(request_id::panicked))
        .layer(middleware::from_fn_with_state(SecurityHeaders { policy, settings }, headers::set))
        .layer(middleware::from_fn(request_id::give))
}
