//! The hint that the customer types.

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};

use super::{
    body::TypingRequest,
    json::ApiJson,
    json_answer,
    key_auth::{Caller, Which},
    params::Params,
    problem::Problem,
};
use crate::domain::presence::Hint;

/// `POST /escalations/{id}/typing`: told to whoever looks, and forgotten.
pub async fn typing(
    caller: Caller,
    Which(id): Which,
    uri: Uri,
    _: ApiJson<TypingRequest>,
) -> Result<Response, Problem> {
    Params::of(&uri, &[])?;
    let current = caller.current(id).await?;
    if current.escalation.status.is_open() {
        let at = caller.desk.clock().now();
        caller.desk.hints().tell(caller.workspace, Hint::CustomerTyping { escalation: id, at });
    }
    Ok(json_answer(StatusCode::ACCEPTED, "{}"))
}
