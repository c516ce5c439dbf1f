//! Handles the request that changes what an agent said when it opened an escalation.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};

use super::{
    body::UpdateRequest,
    checks::Checks,
    documented::{InPath, RetryKey, UpdateProblems},
    idempotency,
    json::ApiJson,
    key_auth::{CallingAgent, EscalationInPath},
    opening::{self, MOST_BESIDE_MESSAGES},
    params::QueryParams,
    problem::{Problem, ProblemCode},
    schemas::{find_faults, unusable},
    strict_object::StrictObject,
};
use crate::{
    domain::{ask::AskKind, field_problem::FieldProblem, update::OpeningUpdate},
    server::{
        contract::{EscalationBody, written},
        core::command::{AgentVerb, RenderAnswer},
        schema::Schemas,
    },
};

/// Updates an open escalation.
///
/// Corrects what you said at the open, while the operator looks. A changed ask gets a new version: the operator sees what
/// changed, and a decision about the version before is refused. An urgency that an operator has set stays, with a warning.
#[utoipa::path(
    patch, path = "/api/v1/escalations/{id}", tag = "Escalations", operation_id = "update_escalation",
    params(InPath, RetryKey),
    request_body(content = UpdateRequest, example = json!({
        "summary": "Dana was charged twice for order A-4721. The second charge is 250 EUR.",
        "context": [{"label": "Order", "value": "A-4721", "url": "https://shop.example/orders/A-4721"}],
    })),
    responses((status = 200, description = "The escalation, as it is now.", body = EscalationBody), UpdateProblems),
)]
pub async fn update(
    caller: CallingAgent,
    EscalationInPath(id): EscalationInPath,
    uri: Uri,
    headers: HeaderMap,
    mut request: ApiJson<UpdateRequest>,
) -> Result<Response, Problem> {
    QueryParams::of(&uri, &[])?;
    let before = caller.current(id).await?;
    let (sha256, length, room) = (request.sha256, request.length, std::mem::take(&mut request.room));
    let kind = before.escalation.opening.ask.kind;
    let checked = move |schemas: &_| {
        let mut checks = request.checks;
        check(schemas, request.body, kind, length, &mut checks).map(|update| (update, checks.into_warnings()))
    };
    let (update, warnings) = caller.desk.schemas().run(checked).await??;
    let (at_desk, links, asked) = (caller.at_desk(&before).await?, caller.desk.links().clone(), update.urgency);
    let answer: RenderAnswer = Arc::new(move |done| {
        let it = &done.current.escalation;
        let kept = asked.filter(|asked| it.urgency_is_set && *asked != it.urgency);
        let kept = kept.map(|_| FieldProblem::new("/urgency", "was kept, because an operator has set it"));
        let warnings: Vec<FieldProblem> = warnings.iter().cloned().chain(kept).collect();
        let body = EscalationBody::in_answer(&done.current, at_desk, &links).with_warnings(&warnings);
        (StatusCode::OK.as_u16(), written(&body).into_bytes())
    });
    let once = idempotency::once(&caller, &headers, &uri, sha256, answer.clone())?;
    let done = caller.run(id, AgentVerb::Update(Box::new(update)), once, room).await?;
    Ok(idempotency::answered(done, &answer))
}

/// Checks an update whose body had `length` bytes. `kind` is the kind of the escalation's ask.
fn check(
    schemas: &Schemas,
    request: UpdateRequest,
    kind: AskKind,
    length: usize,
    checks: &mut Checks,
) -> Result<OpeningUpdate, Problem> {
    if length.saturating_sub(written_by_the_model(&request)) > MOST_BESIDE_MESSAGES {
        checks.refuse("", format!("must have at most {MOST_BESIDE_MESSAGES} bytes beside the texts of the model"));
        checks.verdict()?;
    }
    let mut update = OpeningUpdate {
        summary: checks.model("/summary", request.summary),
        tried: request.tried.map(|tried| opening::tried(Some(tried), checks)),
        context: request.context.map(|context| opening::context(context, checks)),
        customer: request.customer.map(|StrictObject(it)| opening::customer(it, "/customer", checks)),
        urgency: opening::urgency(request.urgency, checks),
        ask: request.ask.map(|StrictObject(it)| opening::ask(Some(it), kind, checks)),
    };
    if let Some(ask) = &mut update.ask {
        let found = unusable(schemas, ask, checks);
        if !checks.is_refused() && !found.is_empty() {
            return Err(Problem::fields(ProblemCode::SchemaInvalid, found));
        }
        found.into_iter().for_each(|it| checks.refuse(it.pointer, it.detail));
        checks.verdict()?;
        find_faults(schemas, ask, checks);
    }
    checks.verdict()?;
    Ok(update)
}

/// Returns how many bytes of the body are texts of the model, which are cut and not refused.
fn written_by_the_model(request: &UpdateRequest) -> usize {
    let ask = request.ask.iter().flat_map(|StrictObject(it)| [&it.prompt, &it.suggested_reply]);
    let texts = [&request.summary, &request.urgency].into_iter().chain(ask).flatten().map(|text| text.length);
    texts.chain(request.tried.as_ref().map(|tried| tried.length)).sum()
}
