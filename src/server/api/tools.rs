//! Returns the definition of the tool `escalate_to_human` for the model of an agent. No key is needed.

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};

use super::{
    documented::ToolProblems,
    json_answer,
    params::{ParamValues, QueryParam, QueryParams, names, query_params},
    problem::Problem,
};
use crate::server::contract::{AnyObject, ToolFormat, tool};

const FORMAT: QueryParam = QueryParam {
    name: "format",
    about: "The form in which the provider of the model wants tools defined, by default `openai-chat`.",
    values: ParamValues::Words(&names(&ToolFormat::NAMES)),
};

query_params! { struct ToolParams: FORMAT; }

/// Returns the tool `escalate_to_human` for your model.
///
/// No key is needed.
#[utoipa::path(
    get, path = "/api/v1/tools", tag = "Desk", operation_id = "get_tool", params(ToolParams), security(()),
    responses((status = 200, description = "The definition of the tool.", body = AnyObject), ToolProblems),
)]
pub async fn get(uri: Uri) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, ToolParams::ALL)?;
    let format = params.word("format", &ToolFormat::NAMES)?.unwrap_or(ToolFormat::OpenaiChat);
    Ok(json_answer(StatusCode::OK, tool(format).to_string()))
}
