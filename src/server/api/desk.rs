//! Tells an agent whether somebody is there, before it promises its customer a human.

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    checks::Checks,
    documented::DeskProblems,
    json_answer,
    key_auth::CallingAgent,
    open::queue,
    params::{ParamValues, QueryParam, QueryParams, query_params},
    problem::Problem,
};
use crate::{
    domain::text::Name,
    server::contract::{AtDesk, written},
};

/// How a queue is staffed now; facts, no promise.
#[derive(Serialize, ToSchema)]
#[schema(as = Desk)]
struct DeskBody<'a> {
    queue: &'a Name,
    /// True for a test agent, which Robot answers. Left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    test: Option<bool>,
    /// The operators who may claim, serve the queue, are connected and not away.
    operators_available: i64,
    /// The operators who serve the queue and are connected, also those who are away.
    reachable: i64,
    /// How many escalations wait in the queue; counting stops at 1,000.
    waiting: i64,
    /// The median time that recently claimed escalations of the queue had waited.
    median_claim_seconds: Option<i64>,
}

const QUEUE: QueryParam = QueryParam {
    name: "queue",
    about: "The name of a queue. An unknown name, or none, means the default queue.",
    values: ParamValues::Text,
};

query_params! { struct DeskParams: QUEUE; }

/// Tells how a queue is staffed.
///
/// Look here before you promise your customer a human.
#[utoipa::path(
    get, path = "/api/v1/desk", tag = "Desk", operation_id = "get_desk", params(DeskParams),
    responses((status = 200, description = "The staffing of the queue.", body = DeskBody), DeskProblems),
)]
pub async fn get(caller: CallingAgent, uri: Uri) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, DeskParams::ALL)?;
    let (queue, _) = queue(&caller, params.text("queue"), &mut Checks::default()).await?;
    let at_desk = caller.at_desk_of_queue(queue.id).await?;
    let AtDesk { operators_available, reachable, waiting_ahead: waiting, median_claim_seconds } = at_desk;
    let test = caller.agent.test.then_some(true);
    let body = DeskBody { queue: &queue.name, test, operators_available, reachable, waiting, median_claim_seconds };
    Ok(json_answer(StatusCode::OK, written(&body)))
}
