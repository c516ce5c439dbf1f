//! The console: its page, the operators' live stream, and the guards of its server functions.

pub mod guard;
pub mod live;
pub mod pages;

use axum::{Router, middleware::from_fn, routing::get};

use super::site::{assets, web_state::WebState};

/// Returns the routes of the console's page, its server functions and its stream. They are also the fallback of the
/// whole server: a file of the built site, or the page that says that there is none.
pub fn routes(web: &WebState) -> Router {
    Router::new()
        .merge(pages::routes(web.clone()).layer(from_fn(assets::serve)))
        .route("/live", get(live::live).with_state(web.clone()))
}
