//! Handles requests for escalations that an agent has opened: get, list, cancel, acknowledge.

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};

use super::{
    Page,
    body::{AcknowledgeRequest, CancelRequest},
    json::ApiJson,
    json_answer,
    key_auth::{CallingAgent, EscalationInPath},
    params::QueryParams,
    problem::{Problem, ProblemCode},
    wait::{self, Wait},
};
use crate::{
    domain::{escalation::Status, ids::EscalationId, reason::Reason, text::Text},
    server::{
        contract::{EscalationBody, escalation_json, written},
        core::command::AgentVerb,
        error::CurrentState,
        store::agent_list::{self, AgentFilter, AgentListOrder},
    },
};

/// The values of the `status` parameter, with the states each includes.
const STATUSES: [(&str, &[Status]); 6] = [
    ("open", &[Status::Waiting, Status::Claimed]),
    ("waiting", &[Status::Waiting]),
    ("claimed", &[Status::Claimed]),
    ("resolved", &[Status::Resolved]),
    ("expired", &[Status::Expired]),
    ("cancelled", &[Status::Cancelled]),
];

/// The values of the `order` parameter.
const ORDERS: [(&str, AgentListOrder); 2] = [("newest", AgentListOrder::Newest), ("oldest", AgentListOrder::Oldest)];

/// `GET /escalations/{id}`: at once or, with `wait`, when something has happened. Only this answer has the state with
/// which the agent resumes.
pub async fn get(caller: CallingAgent, EscalationInPath(id): EscalationInPath, uri: Uri) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, &["wait", "until", "after"])?;
    let (wait, cursor) = (Wait::of(&params)?, params.cursor(&caller.desk.store().epoch())?);
    let mut current = caller.current(id).await?;
    let after = match cursor {
        None => current.escalation.opened_seq,
        Some(cursor) => wait::position(&caller, cursor).await?,
    };
    if let Some(wait) = wait {
        current = wait.run(&caller, &caller.enter()?, id, after).await?;
    }
    caller.record_delivery_of(&current);
    let at_desk = caller.at_desk(&current).await?;
    let body = EscalationBody::in_answer(&current, at_desk, caller.desk.links());
    Ok(json_answer(StatusCode::OK, written(&body.with_state(&current.escalation.opening))))
}

/// `GET /escalations`
pub async fn list(caller: CallingAgent, uri: Uri) -> Result<Response, Problem> {
    let known = ["status", "conversation_id", "tool_call_id", "acknowledged", "order", "limit", "after"];
    let params = QueryParams::of(&uri, &known)?;
    let filter = AgentFilter {
        statuses: params.word("status", &STATUSES)?.unwrap_or_default().to_vec(),
        conversation_id: params.text("conversation_id").map(str::to_owned),
        tool_call_id: params.text("tool_call_id").map(str::to_owned),
        acknowledged: params.word("acknowledged", &[("true", true), ("false", false)])?,
        order: params.word("order", &ORDERS)?.unwrap_or_default(),
    };
    let limit = params.limit()?;
    let after: Option<EscalationId> = match params.text("after") {
        Some(text) => Some(
            text.parse().map_err(|_| Problem::new(ProblemCode::BadCursor, "`after` is not a cursor of this list."))?,
        ),
        None => None,
    };
    let desk = &caller.desk;
    let found = agent_list::list(desk.store(), caller.workspace, caller.agent.id, filter, after, limit + 1).await?;
    let page = Page::of(found, limit, |current| current.escalation.id.to_string());
    page.items.iter().for_each(|current| caller.record_delivery_of(current));
    let escalations: Vec<_> = page.items.iter().map(|current| &*current.escalation).collect();
    let at_desk = desk.at_desk(caller.workspace, &escalations).await?;
    let at_desk = |current: &CurrentState| at_desk.get(&current.escalation.id).copied();
    let body = page.map(|current| EscalationBody::in_answer(current, at_desk(current), desk.links()));
    Ok(json_answer(StatusCode::OK, written(&body)))
}

/// `POST /escalations/{id}/cancel`
pub async fn cancel(
    caller: CallingAgent,
    EscalationInPath(escalation): EscalationInPath,
    uri: Uri,
    request: ApiJson<CancelRequest>,
) -> Result<Response, Problem> {
    QueryParams::of(&uri, &[])?;
    let mut checks = request.checks;
    let reason = checks.model("/reason", request.body.reason);
    checks.verdict()?;
    let reason = reason.unwrap_or_else(|| Text::from_static(Reason::NOT_GIVEN));
    let done = caller.run(escalation, AgentVerb::Cancel { reason }, None, request.room).await?;
    answer(&caller, &done.current).await
}

/// `POST /escalations/{id}/acknowledge`
pub async fn acknowledge(
    caller: CallingAgent,
    EscalationInPath(escalation): EscalationInPath,
    uri: Uri,
    mut request: ApiJson<AcknowledgeRequest>,
) -> Result<Response, Problem> {
    QueryParams::of(&uri, &[])?;
    request.checks.verdict()?;
    let done = caller.run(escalation, AgentVerb::Acknowledge, None, request.room).await?;
    answer(&caller, &done.current).await
}

async fn answer(caller: &CallingAgent, current: &CurrentState) -> Result<Response, Problem> {
    caller.record_delivery_of(current);
    let at_desk = caller.at_desk(current).await?;
    Ok(json_answer(StatusCode::OK, escalation_json(current, at_desk, caller.desk.links())))
}
