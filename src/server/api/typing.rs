//! Handles the hint that the customer is typing.

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};

use super::{
    body::TypingRequest,
    documented::{InPath, TypingProblems},
    json::ApiJson,
    json_answer,
    key_auth::{CallingAgent, EscalationInPath},
    params::QueryParams,
    problem::Problem,
};
use crate::{domain::presence::Hint, server::contract::AnyObject};

/// Tells that the customer is typing.
///
/// The operator sees it for a few seconds. It is not stored.
#[utoipa::path(
    post, path = "/api/v1/escalations/{id}/typing", tag = "Messages", operation_id = "customer_is_typing", params(InPath),
    request_body(content = Option<TypingRequest>, example = json!({})),
    responses((status = 202, description = "The request was accepted. If the escalation is open, its operator sees the hint.", body = AnyObject), TypingProblems),
)]
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
