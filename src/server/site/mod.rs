//! The plain pages: sign-in, one-time links, settings, the operator's own page, search. Each page has its form,
//! handlers and view in one file, or the view in a submodule. The guards of all browser requests are here too.

pub mod assets;
pub mod confirm;
pub mod csrf;
pub mod device;
pub mod docs;
pub mod forms;
pub mod frame;
pub mod gate;
pub mod join;
pub mod me;
pub mod origin;
pub mod plain;
pub mod respond;
pub mod search;
pub mod session;
pub mod session_list;
pub mod settings;
pub mod sign_in;
pub mod strangers;
pub mod throttle;
pub mod unknown;
pub mod web_state;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use self::{forms::LARGEST_FORM, web_state::WebState};

/// Returns the routes of every plain page.
pub fn routes(web: &WebState) -> Router {
    let own = me::routes().route_layer(from_fn_with_state(web.clone(), gate::people));
    let for_people =
        Router::new().route("/search", get(search::search)).layer(from_fn_with_state(web.clone(), gate::people));
    Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .merge(join::routes())
        .merge(docs::routes())
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
