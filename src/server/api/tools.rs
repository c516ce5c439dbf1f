//! Returns the definition of the tool `escalate_to_human` for the model of an agent. No key is needed.

use axum::{
    http::{StatusCode, Uri},
    response::Response,
};

use super::{json_answer, params::QueryParams, problem::Problem};
use crate::server::contract::{ToolFormat, tool};

/// `GET /tools`
pub async fn get(uri: Uri) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, &["format"])?;
    let format = params.word("format", &ToolFormat::NAMES)?.unwrap_or(ToolFormat::OpenaiChat);
    Ok(json_answer(StatusCode::OK, tool(format).to_string()))
}
