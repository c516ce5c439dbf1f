//! For whoever keeps the process running: alive, and fit to serve.

use axum::{Router, extract::State, http::StatusCode, middleware::map_response, response::Response, routing::get};

use super::{guarded, json_answer};
use crate::{
    domain::time::Span,
    server::{desk::Desk, error::Error, store::escalations},
};

/// How long a deadline may be overdue before the server is no longer trusted to keep any.
const OVERDUE: Span = Span::minutes(-1);

/// `/healthz` and `/readyz`.
pub fn health(desk: Desk) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(desk)
        .layer(map_response(answered))
}

async fn answered(response: Response) -> Response {
    guarded(response)
}

async fn alive() -> Response {
    json_answer(StatusCode::OK, r#"{"status":"alive"}"#)
}

/// Ready when the writer lives, the database answers and the sweeper keeps up. It was migrated before the first address was served.
async fn ready(State(desk): State<Desk>) -> Response {
    if !desk.is_writing() {
        return json_answer(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"the writer has stopped"}"#);
    }
    match overdue(&desk).await {
        Ok(false) => json_answer(StatusCode::OK, r#"{"status":"ready"}"#),
        Ok(true) => json_answer(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"deadlines are overdue"}"#),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            json_answer(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"the database does not answer"}"#)
        }
    }
}

async fn overdue(desk: &Desk) -> Result<bool, Error> {
    let due = escalations::due(desk.store(), desk.clock().now() + OVERDUE, 1).await?;
    Ok(!due.is_empty())
}
