//! Gives every request an id, so that a person who has a response can find it in the log. Ids that callers send are not
//! used, because they would let anyone write into the log.

use std::any::Any;

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;

use crate::{domain::ids::RequestId, server::clock::mint};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware around everything: puts a [`RequestId`] into the request's extensions, the log's span and the response's
/// `X-Request-Id`.
pub async fn give(mut request: Request, next: Next) -> Response {
    let id = RequestId::new(mint());
    request.extensions_mut().insert(id);
    let mut response = next.run(request).instrument(tracing::info_span!("request", %id)).await;
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// Returns the message of a panic, for the log.
pub fn last_words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing")
}

/// Builds the response of a handler that panicked: status 500. The message of the panic goes to the log.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    tracing::error!(said = last_words(&*panic), "a handler panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side.").into_response()
}
