//! Answers requests to addresses that do not exist, in the form that the asker reads: a page for a browser, a problem for a
//! program. A developer who forgets `/api/v1` learns that, instead of being sent to the sign-in page.

use axum::{
    extract::{MatchedPath, Request},
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use leptos::prelude::*;

use super::{frame::card, respond::HOME, web_state::WebState};
use crate::{
    domain::{ids::RequestId, operator::Preferences},
    server::contract::{API, PROBLEM_JSON, ProblemBody, ProblemCode, problem_type, short},
};

/// The route of the console's pages. It also matches every address that no other route does.
pub const ANY_ADDRESS: &str = "/{*address}";

/// Returns whether a request would change something at an address that only has pages, or nothing.
pub fn is_misdirected(request: &Request) -> bool {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    !request.method().is_safe() && matches!(matched, Some(ANY_ADDRESS | "/"))
}

/// Returns whether the asker is a browser that shows a page.
pub fn reads_pages(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

/// Answers that there is nothing at the address of a request.
pub fn nothing_here(web: &WebState, request: &Request) -> Response {
    if reads_pages(request.headers()) {
        return web.page(StatusCode::NOT_FOUND, Preferences::default(), "Page not found · Bailout", || {
            card(vec![
                view! { <h1 class="sign-in-title">"There is nothing here"</h1> }.into_any(),
                view! { <p>"The address may be mistyped, or the page may have moved."</p> }.into_any(),
                view! { <p><a class="button" data-kind="primary" href=HOME>"Go to the queue"</a></p> }.into_any(),
            ])
        });
    }
    let path = request.uri().path();
    let detail = short(&format!("There is nothing at {path}. The API for agents is under {API}."));
    let (status, code, title) = ProblemCode::NotFound.facts();
    let problem = ProblemBody {
        kind: problem_type(web.desk.links(), code),
        title,
        status,
        code,
        detail: &detail,
        errors: &[],
        request_id: request.extensions().get::<RequestId>().copied(),
        current: None,
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response()
}
