//! The responses that several pages share: the redirect, the answer to a fault of the server, and the sentence for too
//! many attempts.

use std::time::Duration;

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};

use crate::{
    domain::{ids::RequestId, time::Span},
    server::{clock::mint, error::Error},
};

/// The page after the sign-in when the request names none to go back to.
pub const HOME: &str = "/queue";
/// The `Retry-After` of a busy server. The queue for password checks moves by about sixty a second.
const BUSY: Duration = Duration::from_secs(2);

/// Redirects the browser, which follows by GET.
pub fn see_other(path: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(path) else { return see_other(HOME) };
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// Responds in plain text to a browser whose request failed because of the server.
pub fn failed(error: Error) -> Response {
    match error {
        Error::Unavailable | Error::Overloaded => {
            let after = [(RETRY_AFTER, HeaderValue::from(BUSY.as_secs()))];
            let sentence = "Bailout is busy at this moment. Go back and try again in a few seconds.\n";
            (StatusCode::SERVICE_UNAVAILABLE, after, sentence).into_response()
        }
        fault => {
            let request_id = RequestId::new(mint());
            tracing::error!(%request_id, error = %fault, "a request of a browser failed");
            let sentence = format!("Something went wrong on the server. It is logged as {request_id}.\n");
            (StatusCode::INTERNAL_SERVER_ERROR, sentence).into_response()
        }
    }
}

/// Says that the person has to wait, and how long when that is known. The time is rounded up, so that the person who
/// waits so long gets in.
pub fn too_often(wait: Option<Span>) -> String {
    match wait {
        Some(wait) => format!("Too many attempts. Try again in {} s.", (wait.0 + 999) / 1_000),
        None => "Too many attempts. Wait a minute and try again.".to_owned(),
    }
}
