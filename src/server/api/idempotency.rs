//! Handles the `Idempotency-Key` header: a repeated request takes effect once and gets the same response. The writer
//! stores the response in the transaction of the effect. This module only reads the header and replays the response.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri},
    response::Response,
};

use super::{json_answer, key_auth::CallingAgent, params::bad, problem::Problem};
use crate::server::core::command::{CommandResult, IdempotentRequest, RenderAnswer, RenderedAnswer};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Reads the header of a request that responds with what `answer` renders.
pub fn once(
    caller: &CallingAgent,
    headers: &HeaderMap,
    uri: &Uri,
    body_sha256: [u8; 32],
    answer: RenderAnswer,
) -> Result<Option<IdempotentRequest>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| is_key(key));
    let key = key.ok_or_else(|| bad("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))?.to_owned();
    Ok(Some(IdempotentRequest { agent: caller.agent.id, path: uri.path().to_owned(), key, body_sha256, answer }))
}

fn is_key(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// Builds the response of a command that was run with [`once`]: the stored answer, marked as such, or the new one.
pub fn answered(mut done: CommandResult, answer: &RenderAnswer) -> Response {
    let response = |(status, bytes): RenderedAnswer| {
        json_answer(StatusCode::from_u16(status).unwrap_or(StatusCode::CREATED), bytes)
    };
    match done.replay.take() {
        Some(stored) => replayed(response(stored)),
        None => response(done.answer.take().unwrap_or_else(|| answer(&done))),
    }
}

/// Marks a response as the answer to a repeated request.
pub fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_letters_and_lengths() {
        assert!(is_key("1") && is_key("a.B_9:-x/~ \"") && is_key(&"k".repeat(255)));
        assert!(!is_key("") && !is_key(&"k".repeat(256)) && !is_key("é") && !is_key("a\tb"));
    }
}
