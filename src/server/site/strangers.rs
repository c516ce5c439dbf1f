//! Rate-limits requests without a valid session by the address they come from. Requests of signed-in operators are not
//! counted, except a sign-out.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    http::{
        StatusCode,
        header::{LOCATION, RETRY_AFTER},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{session, web_state::WebState};
use crate::server::rates::RateLimiters;

/// Responds with 429 when an address has sent too many requests without a session. The handlers check whether a session
/// cookie is valid: a request that they answer with 401 or a redirect to the sign-in page counts as a stranger's.
pub async fn limit(
    State(web): State<WebState>,
    Extension(rates): Extension<Arc<RateLimiters>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let shows_session = session::is_shown(&web.settings, &parts);
    if !shows_session && let Some(refused) = refused(&rates, &parts) {
        return refused;
    }
    let response = next.run(Request::from_parts(parts.clone(), body)).await;
    let is_strangers = response.status() == StatusCode::UNAUTHORIZED
        || response.headers().get(LOCATION).is_some_and(|to| to.as_bytes().starts_with(b"/sign-in"));
    match shows_session && is_strangers {
        true => refused(&rates, &parts).unwrap_or(response),
        false => response,
    }
}

fn refused(rates: &RateLimiters, parts: &Parts) -> Option<Response> {
    let standing = rates.of_stranger(parts).filter(|standing| !standing.is_allowed)?;
    let sentence = "Too many requests came from your address. Wait a moment and load the page again.\n";
    Some((StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, standing.seconds.to_string())], sentence).into_response())
}
