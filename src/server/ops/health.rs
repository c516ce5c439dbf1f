//! Health checks for the supervisor of the process: liveness and readiness.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::server::core::desk::Desk;

/// Returns the routes `/healthz` and `/readyz`.
pub fn routes(desk: Desk) -> Router {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(desk)
}

async fn alive() -> Response {
    json_response(StatusCode::OK, r#"{"status":"alive"}"#.to_owned())
}

/// Responds with ready when the writer can commit, the sweeper looks for deadlines, and no background task keeps dying.
/// The database was migrated before the first address was served. Escalations whose deadlines cannot be processed are
/// counted in the response, and named in the log; they are no reason to stop serving all others.
async fn ready(State(desk): State<Desk>) -> Response {
    let readiness = desk.readiness();
    let fault = if !desk.is_writing() {
        Some("the writer has stopped")
    } else if !desk.can_write().await {
        Some("the database cannot be written")
    } else if !readiness.is_sweeping() {
        Some("deadlines are not looked for")
    } else if let Some(task) = readiness.dying_task() {
        tracing::error!(task, "not ready: a background task keeps dying");
        Some("a background task keeps dying")
    } else {
        None
    };
    let body = json!({
        "status": fault.unwrap_or("ready"),
        "failed_deadlines": readiness.failed_deadlines(),
        "task_restarts": readiness.restarts(),
    });
    let status = if fault.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    json_response(status, body.to_string())
}

fn json_response(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
