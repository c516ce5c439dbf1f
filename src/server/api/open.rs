//! Handles the request that opens an escalation.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::LOCATION},
    response::Response,
};

use super::{
    body::OpenRequest,
    checks::Checks,
    documented::{OpenProblems, RetryKey},
    idempotency,
    json::ApiJson,
    json_answer,
    key_auth::CallingAgent,
    opening,
    params::{QueryParams, query_params},
    problem::Problem,
    wait::{UNTIL_WORD, WAIT, Wait},
};
use crate::{
    domain::{
        escalation::by_agent::NewEscalation,
        ids::EscalationId,
        queue::{QueueDefaults, QueueRef},
    },
    server::{
        clock::mint,
        contract::{EscalationBody, path_of, written},
        core::command::{AgentVerb, CommandResult, RenderAnswer},
        error::Error,
        store::queues,
    },
};

query_params! { struct OpenParams: WAIT, UNTIL_WORD; }

/// Opens an escalation.
///
/// A second takeover of a conversation is no error: it answers 200 with the open escalation and
/// `already_open`. Of the second request, the operator reads the reason and the summary, and the urgency may rise; nothing
/// else of it is kept. With `wait`, the answer comes when something has happened, and is the escalation as it then is.
#[utoipa::path(
    post, path = "/api/v1/escalations", tag = "Escalations", operation_id = "open_escalation",
    params(OpenParams, RetryKey),
    request_body(content = OpenRequest, example = json!({
        "reason": {"code": "policy_limit", "text": "A refund of 250 EUR is above my limit of 100 EUR."},
        "summary": "Dana was charged twice for order A-4721 and wants the second charge back.",
        "conversation": {
            "id": "chat-88", "customer": {"name": "Dana"},
            "messages": [{"role": "customer", "text": "I was charged twice."}],
        },
    })),
    responses(
        (status = 201, description = "The escalation is open.", body = EscalationBody, headers(
            ("Location" = String, description = "The path of the escalation."),
        )),
        (status = 200, description = "The conversation already had an open takeover; the body is that escalation.", body = EscalationBody, headers(
            ("Location" = String, description = "The path of the escalation."),
        )),
        OpenProblems,
    ),
)]
pub async fn open(
    caller: CallingAgent,
    uri: Uri,
    headers: HeaderMap,
    mut request: ApiJson<OpenRequest>,
) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, OpenParams::ALL)?;
    let wait = Wait::of(&params)?;
    let links = caller.desk.links().clone();
    let (sha256, room) = (request.sha256, std::mem::take(&mut request.room));
    let open = checked(&caller, request).await?;
    // The availability is read before the write, because rendering the answer must not read the database.
    let at_desk = caller.at_desk_of_queue(open.queue.id).await?;
    let answer: RenderAnswer = Arc::new(move |done| {
        let (status, is_open) = (status(done), done.asked_again);
        // The availability was read before the write, for a new escalation. Nothing is read during the write.
        let at_desk = Some(at_desk).filter(|_| !is_open);
        let body = EscalationBody::in_answer(&done.current, at_desk, &links).already_open(is_open);
        (status.as_u16(), written(&body).into_bytes())
    });
    let once = idempotency::once(&caller, &headers, &uri, sha256, answer.clone())?;
    // The stream is taken before the escalation is opened, so that a caller that cannot wait is refused first.
    let open_stream = wait.map(|_| caller.enter()).transpose()?;

    let done = caller.run(open.id, AgentVerb::Open(Box::new(open)), once, room).await?;
    let id = done.current.escalation.id;
    let response = match (wait, &open_stream) {
        (Some(wait), Some(open_stream)) => {
            let (status, is_open) = match &done.replay {
                // The stored status tells whether the first request opened it.
                Some((status, _)) => (StatusCode::from_u16(*status).unwrap_or_default(), *status == 200),
                None => (status(&done), done.asked_again),
            };
            let current = wait.run(&caller, open_stream, id, done.current.escalation.opened_seq).await?;
            caller.record_delivery_of(&current);
            let at_desk = caller.at_desk(&current).await?;
            let body = EscalationBody::in_answer(&current, at_desk, caller.desk.links()).already_open(is_open);
            let response = json_answer(status, written(&body));
            if done.replay.is_some() { idempotency::replayed(response) } else { response }
        }
        _ => idempotency::answered(done, &answer),
    };
    Ok(located(response, id))
}

/// Returns 201 for a new escalation, and 200 for a takeover that was open already.
fn status(done: &CommandResult) -> StatusCode {
    if done.asked_again { StatusCode::OK } else { StatusCode::CREATED }
}

/// Validates the request, looks up the queue it names and returns the escalation to open.
async fn checked(caller: &CallingAgent, request: ApiJson<OpenRequest>) -> Result<NewEscalation, Problem> {
    // A transcript of megabytes and schemas take a while to check, so the check does not run on an async worker thread.
    let check = move |schemas: &_| {
        let mut checks = request.checks;
        opening::check(schemas, request.body, request.length, &mut checks).map(|checked| (checked, checks))
    };
    let (checked, mut checks) = caller.desk.schemas().run(check).await??;
    let (queue, defaults) = queue(caller, checked.queue.as_deref(), &mut checks).await?;
    let mut opening = checked.opening;
    opening.on_expiry_note = opening.on_expiry_note.or(defaults.expiry_note);
    opening.warnings = checks.into_warnings();
    Ok(NewEscalation {
        id: EscalationId::new(mint()),
        agent: caller.agent.clone(),
        queue,
        urgency: checked.urgency.or(defaults.urgency).unwrap_or_default(),
        within: checked.within.or(defaults.within),
        opening: Arc::new(opening),
        transcript: checked.transcript,
    })
}

/// Returns the queue and its defaults. An unknown name falls back to the default queue, with a warning, so that it does
/// not leave a customer without help.
pub async fn queue(
    caller: &CallingAgent,
    named: Option<&str>,
    checks: &mut Checks,
) -> Result<(QueueRef, QueueDefaults), Problem> {
    let (store, workspace) = (caller.desk.store(), caller.workspace);
    if let Some(name) = named {
        match queues::named(store, workspace, name).await? {
            Some((queue, defaults)) => {
                if queue.name.as_str() != name {
                    checks.warn("/routing/queue", format!("this queue is called {} now", queue.name));
                }
                return Ok((queue, defaults));
            }
            None => checks.warn("/routing/queue", "there is no such queue; the default queue was taken"),
        }
    }
    let default = queues::named(store, workspace, queues::DEFAULT).await?;
    let missing = || Error::Inconsistent { table: "queue", column: "name", id: queues::DEFAULT.to_owned() };
    Ok(default.ok_or_else(missing)?)
}

fn located(mut response: Response, id: EscalationId) -> Response {
    if let Ok(path) = HeaderValue::from_str(&path_of(id)) {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}
