//! Tells an agent whether somebody is there, before it promises its customer a human.

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};
use serde::Serialize;

use super::{checks::Checks, json_answer, key_auth::CallingAgent, open::queue, params::QueryParams, problem::Problem};
use crate::{
    domain::text::Name,
    server::contract::{AtDesk, written},
};

/// The answer of `GET /desk`.
#[derive(Serialize)]
struct DeskBody<'a> {
    queue: &'a Name,
    operators_available: i64,
    reachable: i64,
    /// How many escalations wait in the queue; counting stops at 1,000.
    waiting: i64,
    median_claim_seconds: Option<i64>,
}

/// `GET /desk`: of the default queue, or of the one that `queue` names. As at the open, an unknown name means the
/// default queue.
pub async fn get(caller: CallingAgent, uri: Uri) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, &["queue"])?;
    let (queue, _) = queue(&caller, params.text("queue"), &mut Checks::default()).await?;
    let at_desk = caller.desk.at_desk_of_queue(caller.workspace, queue.id).await?;
    let AtDesk { operators_available, reachable, waiting_ahead: waiting, median_claim_seconds } = at_desk;
    let body = DeskBody { queue: &queue.name, operators_available, reachable, waiting, median_claim_seconds };
    Ok(json_answer(StatusCode::OK, written(&body)))
}
