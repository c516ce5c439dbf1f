//! Handles requests for escalations that an agent has opened: get, list, cancel, acknowledge.

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};

use utoipa::ToSchema;

use super::{
    Page,
    body::{AcknowledgeRequest, CancelRequest},
    documented::{AcknowledgeProblems, CancelProblems, InPath, ListProblems, ReadProblems},
    json::ApiJson,
    json_answer,
    key_auth::{CallingAgent, EscalationInPath},
    params::{AFTER_ITEM, LIMIT, ParamValues, QueryParam, QueryParams, names, query_params},
    problem::{Problem, ProblemCode},
    wait::{self, UNTIL_WORD, WAIT, Wait},
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

/// A page of escalations.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the schema is used: the answer is a `Page`")]
struct EscalationsPage<'a> {
    items: Vec<EscalationBody<'a>>,
    /// The `after` of the next page; null if this is the last one.
    next: Option<String>,
}

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

/// The values of the `acknowledged` parameter.
const ACKNOWLEDGED: [(&str, bool); 2] = [("true", true), ("false", false)];

/// The position of a wait.
const AFTER_POSITION: QueryParam = QueryParam {
    name: "after",
    about: "The `cursor` of an event or of a page of events. Only later events end the wait. Without it, every event since the \
            open counts, so a wait for `event` or `reply` returns at once if one has already happened.",
    values: ParamValues::Text,
};
const STATUS: QueryParam = QueryParam {
    name: "status",
    about: "Only escalations in this state. `open` means waiting or claimed.",
    values: ParamValues::Words(&names(&STATUSES)),
};
const CONVERSATION_ID: QueryParam = QueryParam {
    name: "conversation_id",
    about: "Only escalations of the conversation with this id of the agent's own.",
    values: ParamValues::Text,
};
const TOOL_CALL_ID: QueryParam = QueryParam {
    name: "tool_call_id",
    about: "Only escalations that were opened with this `resume.tool_call_id`.",
    values: ParamValues::Text,
};
const IS_ACKNOWLEDGED: QueryParam = QueryParam {
    name: "acknowledged",
    about: "Only closed escalations whose outcome was acknowledged, or was not.",
    values: ParamValues::Words(&names(&ACKNOWLEDGED)),
};
const ORDER: QueryParam = QueryParam {
    name: "order",
    about: "Which escalations come first, by when they were opened: `newest` (the default) or `oldest`.",
    values: ParamValues::Words(&names(&ORDERS)),
};

query_params! {
    struct GetParams: WAIT, UNTIL_WORD, AFTER_POSITION;
    struct ListParams: STATUS, CONVERSATION_ID, TOOL_CALL_ID, IS_ACKNOWLEDGED, ORDER, LIMIT, AFTER_ITEM;
}

/// Reads an escalation.
///
/// With `wait`, the answer comes when something has happened, and is the escalation as it then is. Of all answers with an
/// escalation, only this one has `resume.state`; closing events have it, too.
#[utoipa::path(
    get, path = "/api/v1/escalations/{id}", tag = "Escalations", operation_id = "get_escalation", params(InPath, GetParams),
    responses((status = 200, description = "The escalation.", body = EscalationBody), ReadProblems),
)]
pub async fn get(caller: CallingAgent, EscalationInPath(id): EscalationInPath, uri: Uri) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, GetParams::ALL)?;
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

/// Lists your escalations.
#[utoipa::path(
    get, path = "/api/v1/escalations", tag = "Escalations", operation_id = "list_escalations", params(ListParams),
    responses((status = 200, description = "A page of escalations.", body = EscalationsPage), ListProblems),
)]
pub async fn list(caller: CallingAgent, uri: Uri) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, ListParams::ALL)?;
    let filter = AgentFilter {
        statuses: params.word("status", &STATUSES)?.unwrap_or_default().to_vec(),
        conversation_id: params.text("conversation_id").map(str::to_owned),
        tool_call_id: params.text("tool_call_id").map(str::to_owned),
        acknowledged: params.word("acknowledged", &ACKNOWLEDGED)?,
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

/// Withdraws an escalation.
///
/// The escalation ends with the disposition `cancelled`, and you are in control again.
#[utoipa::path(
    post, path = "/api/v1/escalations/{id}/cancel", tag = "Escalations", operation_id = "cancel_escalation", params(InPath),
    request_body(content = CancelRequest, example = json!({"reason": "The customer found the answer."})),
    responses((status = 200, description = "The escalation, which is closed now.", body = EscalationBody), CancelProblems),
)]
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

/// Acknowledges the outcome.
///
/// Says that you have taken the outcome. Operators are told of outcomes that nobody takes. A second acknowledgement changes
/// nothing.
#[utoipa::path(
    post, path = "/api/v1/escalations/{id}/acknowledge", tag = "Escalations", operation_id = "acknowledge_escalation",
    params(InPath), request_body(content = Option<AcknowledgeRequest>, example = json!({})),
    responses((status = 200, description = "The escalation.", body = EscalationBody), AcknowledgeProblems),
)]
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
