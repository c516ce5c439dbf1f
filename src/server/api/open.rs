//! Handles the request that opens an escalation.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::LOCATION},
    response::Response,
};

use super::{
    body::OpenRequest,
    checks::Checks,
    idempotency,
    json::ApiJson,
    json_answer,
    key_auth::CallingAgent,
    opening,
    params::QueryParams,
    problem::Problem,
    wait::{self, WaitParams},
};
use crate::{
    domain::{
        escalation::by_agent::NewEscalation,
        ids::EscalationId,
        queue::{QueueDefaults, QueueRef},
    },
    server::{
        clock::mint,
        contract::{escalation_json, path_of},
        core::command::{AgentVerb, CommandResult},
        error::Error,
        store::queues,
    },
};

/// `POST /escalations`
pub async fn open(
    caller: CallingAgent,
    uri: Uri,
    headers: HeaderMap,
    mut request: ApiJson<OpenRequest>,
) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, &["wait", "until"])?;
    let wait = params.number("wait", wait::SECONDS)?;
    // `until` is validated even without `wait`, so that a wrong value is always refused.
    let patience = WaitParams::new(&params, wait.unwrap_or_default())?;
    let patience = wait.map(|_| patience);
    let links = caller.desk.links().clone();
    let (sha256, room) = (request.sha256, std::mem::take(&mut request.room));
    let open = checked(&caller, request).await?;
    // The availability is read before the write, because rendering the answer must not read the database.
    let at_desk = caller.desk.at_desk_of_queue(caller.workspace, open.queue.id).await?;
    let answer =
        Arc::new(move |done: &CommandResult| escalation_json(&done.current, Some(at_desk), &links).into_bytes());
    let once = idempotency::once(&caller, &headers, &uri, sha256, StatusCode::CREATED, answer.clone())?;
    // The stream is taken before the escalation is opened, so that a caller that cannot wait is refused first.
    let open_stream = patience.map(|_| caller.enter()).transpose()?;

    let mut done = caller.run(open.id, AgentVerb::Open(Box::new(open)), once, room).await?;
    let replay = done.replay.take();
    let (is_replay, id) = (replay.is_some(), done.current.escalation.id);
    let response = match (patience, &open_stream, replay) {
        (Some(patience), Some(open_stream), _) => {
            let after = done.current.escalation.opened_seq;
            json_answer(StatusCode::CREATED, wait::heard(&caller, open_stream, id, after, patience).await?)
        }
        (_, _, Some(replay)) => idempotency::replay(replay),
        _ => json_answer(StatusCode::CREATED, done.answer.take().unwrap_or_else(|| answer(&done))),
    };
    let response = located(response, id);
    Ok(if is_replay { idempotency::replayed(response) } else { response })
}

/// Validates the request, looks up the queue it names and returns the escalation to open.
async fn checked(caller: &CallingAgent, request: ApiJson<OpenRequest>) -> Result<NewEscalation, Problem> {
    // A transcript of megabytes and schemas take a while to check, so the check does not run on an async worker thread.
    let check = move |schemas: &_| {
        let mut checks = Checks::default();
        opening::check(schemas, request.body, request.length, &mut checks).map(|checked| (checked, checks))
    };
    let (checked, mut checks) = caller.desk.schemas().run(check).await??;
    let (queue, defaults) = queue(caller, checked.queue, &mut checks).await?;
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
async fn queue(
    caller: &CallingAgent,
    named: Option<String>,
    checks: &mut Checks,
) -> Result<(QueueRef, QueueDefaults), Problem> {
    let (store, workspace) = (caller.desk.store(), caller.workspace);
    if let Some(name) = named {
        match queues::named(store, workspace, &name).await? {
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
