//! An agent as agents are: it speaks the JSON API with a key and knows nothing else. Its requests go to the very router
//! that serves them from the network, by call instead of by a socket: the same bytes through the same checks, and no HTTP
//! client in the program.

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

use super::{BETWEEN_TRIES, DemoError, TRIES, cast::HiredAgent};
use crate::server::{clock::mint, connections::take_departures};

/// The largest answer that is read, far beyond what the scripts can bring about.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// A machine with a key, at a server.
#[derive(Clone)]
pub struct DemoAgent {
    router: Router,
    hired: HiredAgent,
}

impl DemoAgent {
    pub fn new(router: &Router, hired: &HiredAgent) -> Self {
        Self { router: router.clone(), hired: hired.clone() }
    }

    /// A request below `/api/v1`; the status and the JSON that came back. Tried again while the server is busy or at fault,
    /// under one key, so that it takes effect once.
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
            // Some answers are empty.
            let json = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
            return Ok((status, json.map_err(|error| broken(&error))?));
        }
        Err(broken(&"the server was busy for too long"))
    }

    pub async fn get(&self, path: &str) -> Result<(StatusCode, Value), DemoError> {
        self.asks(Method::GET, path, None).await
    }

    /// Whether it was taken. Not being taken is usual in a chat: somebody else was faster.
    pub async fn post(&self, path: &str, body: &Value) -> Result<bool, DemoError> {
        let (status, answer) = self.asks(Method::POST, path, Some(body)).await?;
        match status {
            StatusCode::CONFLICT => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(DemoError::Script(format!("{path}: {answer}"))),
        }
    }

    /// Presses the button; the id of the escalation.
    pub async fn opens(&self, request: &Value) -> Result<String, DemoError> {
        let (status, answer) = self.asks(Method::POST, "/escalations", Some(request)).await?;
        match (status, answer["id"].as_str()) {
            (StatusCode::CREATED, Some(id)) => Ok(id.to_owned()),
            _ => Err(DemoError::Script(format!("an escalation was not opened: {answer}"))),
        }
    }

    /// Passes on what someone said.
    pub async fn says(&self, id: &str, role: &str, text: &str) -> Result<bool, DemoError> {
        let message = json!({"client_message_id": mint().to_string(), "role": role, "text": text});
        self.post(&format!("/escalations/{id}/messages"), &message).await
    }
}
