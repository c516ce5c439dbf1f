//! Simulates an agent, which uses only the JSON API and a key. Its requests go to the same router that serves the
//! network, by a function call instead of a socket. So the same bytes pass the same checks, and the program needs no
//! HTTP client for this.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{
        Method, Request, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
};
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::ServiceExt;

use super::{
    cast::HiredAgent,
    error::DemoError,
    pace::{BETWEEN_TRIES, TRIES},
};
use crate::server::{clock::mint, connections::take_departures};

/// The largest response that is read, far larger than the scripts can cause.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// A scripted agent with a key, connected to a router.
#[derive(Clone)]
pub struct DemoAgent {
    router: Router,
    hired: HiredAgent,
}

impl DemoAgent {
    pub fn new(router: &Router, hired: &HiredAgent) -> Self {
        Self { router: router.clone(), hired: hired.clone() }
    }

    /// Sends a request below `/api/v1` and returns the status and the JSON. Retries while the server is busy or fails,
    /// with the same idempotency key, so that the request takes effect once.
    async fn asks(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value), DemoError> {
        let broken = |problem: &dyn std::fmt::Display| DemoError::Script(format!("{path}: {problem}"));
        let key = mint().to_string();
        for _ in 0..TRIES {
            let request = Request::builder()
                .method(method.clone())
                .uri(format!("/api/v1{path}"))
                .header(AUTHORIZATION, format!("Bearer {}", self.hired.key))
                .header(CONTENT_TYPE, "application/json")
                .header("Idempotency-Key", &key)
                .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
                .map_err(|error| broken(&error))?;
            let Ok(mut answer) = self.router.clone().oneshot(request).await;
            let status = answer.status();
            if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                sleep(BETWEEN_TRIES).await;
                continue;
            }
            if status == StatusCode::UNAUTHORIZED {
                return Err(DemoError::Dismissed(self.hired.name));
            }
            let departures = take_departures(&mut answer);
            let bytes = to_bytes(answer.into_body(), LARGEST_ANSWER).await.map_err(|error| broken(&error))?;
            departures.into_iter().for_each(|departure| departure());
            // Some responses are empty.
            let json = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
            return Ok((status, json.map_err(|error| broken(&error))?));
        }
        Err(broken(&"the server was busy for too long"))
    }

    pub async fn get(&self, path: &str) -> Result<(StatusCode, Value), DemoError> {
        self.asks(Method::GET, path, None).await
    }

    /// Posts a request and returns whether it was accepted. A conflict is usual: another side was faster.
    pub async fn post(&self, path: &str, body: &Value) -> Result<bool, DemoError> {
        let (status, answer) = self.asks(Method::POST, path, Some(body)).await?;
        match status {
            StatusCode::CONFLICT => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(DemoError::Script(format!("{path}: {answer}"))),
        }
    }

    /// Opens an escalation and returns its id.
    pub async fn opens(&self, request: &Value) -> Result<String, DemoError> {
        let (status, answer) = self.asks(Method::POST, "/escalations", Some(request)).await?;
        match (status, answer["id"].as_str()) {
            (StatusCode::CREATED, Some(id)) => Ok(id.to_owned()),
            _ => Err(DemoError::Script(format!("an escalation was not opened: {answer}"))),
        }
    }

    /// Sends a message in a role. Returns whether it was accepted.
    pub async fn says(&self, id: &str, role: &str, text: &str) -> Result<bool, DemoError> {
        let message = json!({"client_message_id": mint().to_string(), "role": role, "text": text});
        self.post(&format!("/escalations/{id}/messages"), &message).await
    }
}
