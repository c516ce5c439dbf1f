//! For whoever keeps the process running: alive, and fit to serve.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::server::core::desk::Desk;

/// `/healthz` and `/readyz`.
pub fn routes(desk: Desk) -> Router {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(desk)
}

async fn alive() -> Response {
    Json(json!({"status": "alive"})).into_response()
}

/// Ready when the writer can commit, the sweeper looks for deadlines, and no background task keeps dying. The database was
/// migrated before the first address was served. Escalations whose deadlines cannot be processed are counted in the
/// answer, and named in the log; they are no reason to stop serving all others.
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
    (status, Json(body)).into_response()
}
