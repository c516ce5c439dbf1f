//! Handles the hint that the customer is typing.

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};

use super::{
    body::TypingRequest,
    json::ApiJson,
    json_answer,
    key_auth::{CallingAgent, EscalationInPath},
    params::QueryParams,
    problem::Problem,
};
use crate::domain::presence::Hint;

/// `POST /escalations/{id}/typing`: sends the hint to subscribers and does not store it.
pub async fn typing(
    caller: CallingAgent,
    EscalationInPath(id): EscalationInPath,
    uri: Uri,
    mut request: ApiJson<TypingRequest>,
) -> Result<Response, Problem> {
    QueryParams::of(&uri, &[])?;
    request.checks.verdict()?;
    let current = caller.current(id).await?;
    if current.escalation.status.is_open() {
        let at = caller.desk.clock().now();
        caller.desk.hints().send(caller.workspace, Hint::CustomerTyping { escalation: id, at });
    }
    Ok(json_answer(StatusCode::ACCEPTED, "{}"))
}
