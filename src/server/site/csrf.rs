//! Prevents cross-site request forgery: every unsafe request must say that it comes from our own pages.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header::ORIGIN},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{origin, unknown, web_state::WebState};

/// Lets safe methods pass, and others when `Sec-Fetch-Site` is `same-origin` or `Origin` is our origin.
pub async fn require_same_origin(State(web): State<WebState>, request: Request, next: Next) -> Response {
    if unknown::is_misdirected(&request) {
        return unknown::nothing_here(&web, &request);
    }
    if request.method().is_safe() || is_same(&web, request.headers(), request.uri()) {
        return next.run(request).await;
    }
    let ours = match &web.settings.public_url {
        Some(ours) => ours.as_str(),
        None => "the address in the browser's address bar",
    };
    let sentence = format!("This request does not come from Bailout's own pages. Its Origin must be {ours}.\n");
    (StatusCode::FORBIDDEN, sentence).into_response()
}

fn is_same(web: &WebState, headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("sec-fetch-site") == Some("same-origin")
        || text(ORIGIN.as_str()).is_some_and(|origin| origin::is_ours(&web.settings, headers, uri, origin))
}
