//! Handles receipts: the agent reports whether an operator's message reached the customer.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    body::ReceiptRequest,
    documented::{InPath, ReceiptProblems, RetryKey},
    idempotency,
    json::ApiJson,
    key_auth::{CallingAgent, EscalationInPath},
    params::QueryParams,
    problem::{Problem, ProblemCode},
};
use crate::{
    domain::{
        ids::MessageId,
        message::{Receipt, ReceiptState},
        seq::Seq,
        text::Text,
    },
    server::{
        contract::written,
        core::command::{AgentVerb, CommandResult, RenderAnswer},
    },
};

/// Reports what became of an operator's message.
#[utoipa::path(
    post, path = "/api/v1/escalations/{id}/receipts", tag = "Messages", operation_id = "add_receipt", params(InPath, RetryKey),
    request_body(content = ReceiptRequest, example = json!({
        "message_id": "msg_06a57jrnjrmxf0b42j1f1crzmr", "state": "shown",
    })),
    responses((status = 200, description = "The receipt was taken.", body = ReceiptBody), ReceiptProblems),
)]
pub async fn receive(
    caller: CallingAgent,
    EscalationInPath(escalation): EscalationInPath,
    uri: Uri,
    headers: HeaderMap,
    request: ApiJson<ReceiptRequest>,
) -> Result<Response, Problem> {
    QueryParams::of(&uri, &[])?;
    let mut checks = request.checks;
    let message = checks.required::<100>("/message_id", request.body.message_id);
    let message = message.and_then(|id| {
        let parsed = id.as_str().parse::<MessageId>().ok();
        if parsed.is_none() {
            checks.refuse("/message_id", "is no id of a message");
        }
        parsed
    });
    let state = checks.given("/state", request.body.state);
    let detail = checks.known("/detail", request.body.detail);
    checks.verdict()?;
    let (Some(message), Some(state)) = (message, state) else { return Err(Problem::from(ProblemCode::InvalidField)) };
    let receipt = Receipt { state, detail };

    let answer: RenderAnswer = {
        let receipt = receipt.clone();
        Arc::new(move |done| (StatusCode::OK.as_u16(), taken(message, &receipt, done)))
    };
    let once = idempotency::once(&caller, &headers, &uri, request.sha256, answer.clone())?;
    let done = caller.run(escalation, AgentVerb::Receipt { message, receipt }, once, request.room).await?;
    Ok(idempotency::answered(done, &answer))
}

/// The receipt, as it was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = TakenReceipt)]
struct ReceiptBody<'a> {
    message_id: MessageId,
    state: ReceiptState,
    detail: Option<&'a Text<500>>,
    /// The seq of the escalation's newest event: that of this receipt, unless the receipt was known already.
    seq: Seq,
}

fn taken(message_id: MessageId, receipt: &Receipt, done: &CommandResult) -> Vec<u8> {
    let (detail, seq) = (receipt.detail.as_ref(), done.current.escalation.seq);
    written(&ReceiptBody { message_id, state: receipt.state, detail, seq }).into_bytes()
}
