//! A client of the agents' API, for the commands that ask a human.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{
        Method, Request, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
    },
};
use serde::Deserialize;
use tokio::time::timeout;

use crate::server::{
    config::Origin,
    https::{self, HttpsClient},
    keys::ApiKey,
};

/// The most bytes of an answer.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// A server, and the key of the agent that asks it.
pub struct ApiClient {
    http: HttpsClient,
    server: Origin,
    key: ApiKey,
}

/// The reason why a request was not answered with success.
#[derive(Debug)]
pub enum ApiCallError {
    /// The server cannot be reached or cannot answer now. A later try may succeed, after a pause if the server names one.
    Unreachable(String, Option<Duration>),
    /// The server refuses the request.
    Refused(String),
}

/// A problem as the server sends it (RFC 9457), as far as it is shown.
#[derive(Deserialize)]
struct ShownProblem {
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<ShownFault>,
}

/// A fault of one field.
#[derive(Deserialize)]
struct ShownFault {
    pointer: String,
    detail: String,
}

impl ApiClient {
    /// Creates a client of a server.
    pub fn new(server: Origin, key: ApiKey) -> std::io::Result<Self> {
        Ok(Self { http: https::client()?, server, key })
    }

    /// Names the server and the key, without the secret of the key.
    pub fn described(&self) -> String {
        format!("{} with the key {}", self.server.as_str(), self.key.beginning())
    }

    /// Returns the whole address of a page of the console, which the server names by its path unless it knows its address.
    pub fn address(&self, page: &str) -> String {
        if page.starts_with('/') { self.server.as_str().to_owned() + page } else { page.to_owned() }
    }

    /// Sends a request and returns the body of the answer, all within `patience`. `once` is the request's idempotency key.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: String,
        once: Option<&str>,
        patience: Duration,
    ) -> Result<String, ApiCallError> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.server.as_str().to_owned() + path)
            .header(AUTHORIZATION, format!("Bearer {}", self.key.reveal()))
            .header(CONTENT_TYPE, "application/json");
        if let Some(once) = once {
            request = request.header("Idempotency-Key", once);
        }
        let unreachable =
            |why: String| ApiCallError::Unreachable(format!("{} cannot be reached: {why}", self.server.as_str()), None);
        let request = request.body(Body::from(body)).map_err(|error| ApiCallError::Refused(error.to_string()))?;
        let answered = async {
            let answer = self.http.request(request).await.map_err(|error| error.to_string())?;
            let pause = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let (status, body) = (answer.status(), Body::new(answer.into_body()));
            let bytes = to_bytes(body, LARGEST_ANSWER).await.map_err(|error| error.to_string())?;
            Ok::<_, String>((status, pause.map(Duration::from_secs), String::from_utf8_lossy(&bytes).into_owned()))
        };
        let silent = || unreachable(format!("it did not answer within {} s", patience.as_secs()));
        let (status, pause, text) = timeout(patience, answered).await.map_err(|_| silent())?.map_err(unreachable)?;
        if status.is_success() {
            Ok(text)
        } else if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            Err(ApiCallError::Unreachable(said(status, &text), pause))
        } else {
            Err(ApiCallError::Refused(said(status, &text)))
        }
    }
}

/// Returns the sentence of a problem, with its faults.
fn said(status: StatusCode, text: &str) -> String {
    let Ok(ShownProblem { detail, errors }) = serde_json::from_str(text) else {
        return format!("the server answered {}, but not as Bailout does", status.as_u16());
    };
    let faults = errors.into_iter().map(|it| format!("{} {}", it.pointer, it.detail));
    let said = detail.into_iter().chain(faults).collect::<Vec<_>>().join(" ");
    format!("the server answered {}: {said}", status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_its_faults() {
        let text = r#"{"detail": "Two things.", "errors": [{"pointer": "/ask", "detail": "is missing"}]}"#;
        assert_eq!(said(StatusCode::BAD_REQUEST, text), "the server answered 400: Two things. /ask is missing");
        assert_eq!(said(StatusCode::BAD_GATEWAY, "<html>"), "the server answered 502, but not as Bailout does");
    }
}
