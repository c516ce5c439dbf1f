//! The settings pages, for admins. Pages that change people or keys, or remove a queue, ask for the password again
//! after a while.

pub mod agents;
pub mod people;
pub mod queues;
mod spans;
pub mod trial;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use super::{confirm, gate, respond::see_other, web_state::WebState};
use crate::server::site::{
    settings::agents as agents_page,
    settings::{people::view as people_page, queues::view as queues_page},
};

/// The maximum bytes of the form of a queue: the longest text of all fields, url-encoded, fits.
const LARGEST_QUEUE: usize = 256 * 1024;

/// Returns the routes of every page of the settings, behind the gate.
pub fn routes(web: &WebState) -> Router<WebState> {
    let sensitive = Router::new()
        .route(people_page::PATH, get(people::list).post(people::invite))
        .route("/settings/people/{id}", get(people::person).post(people::change))
        .route(agents_page::PATH, get(agents::list).post(agents::change))
        .route("/settings/queues/{id}/remove", post(queues::remove))
        .route_layer(from_fn_with_state(web.clone(), confirm::require));
    let of_queues = Router::new()
        .route(queues_page::PATH, get(queues::show).post(queues::add))
        .route("/settings/queues/{id}", post(queues::change))
        .layer(DefaultBodyLimit::max(LARGEST_QUEUE));
    Router::new()
        .route("/settings", get(|| async { see_other(people_page::PATH) }))
        .route(agents_page::TRIAL, post(trial::open))
        .merge(of_queues)
        .merge(sensitive)
        .route_layer(from_fn_with_state(web.clone(), gate::admins))
}
