//! Health checks for the supervisor of the process: liveness and readiness.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::server::{client, config::Settings, core::desk::Desk};

/// Returns the routes `/healthz` and `/readyz`.
pub fn routes(desk: Desk, settings: Arc<Settings>) -> Router {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state((desk, settings))
}

async fn alive() -> Response {
    json_response(StatusCode::OK, r#"{"status":"alive"}"#.to_owned())
}

/// Responds with ready when the writer can commit, the sweeper looks for deadlines, and no background task keeps dying.
/// The database was migrated before the first address was served. Escalations whose deadlines cannot be processed are
/// counted in the response, and named in the log; they are no reason to stop serving all others. `client` is the address that
/// the server takes the caller for, by which `bailout doctor` looks at proxies.
async fn ready(State((desk, settings)): State<(Desk, Arc<Settings>)>, parts: Parts) -> Response {
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
        "client": client::address(&settings, &parts),
    });
    let status = if fault.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    json_response(status, body.to_string())
}

fn json_response(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
