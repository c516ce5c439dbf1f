//! Defines problems (RFC 9457): every response of this API that is not a 2xx. A handler returns a [`Problem`]; the
//! middleware [`render`] writes it, because only there the request id and the public address are known.

use std::num::NonZeroU32;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

pub use crate::server::contract::ProblemCode;
use crate::{
    domain::{field_problem::FieldProblem, ids::RequestId, refusal::Refusal, seq::Seq},
    server::{
        contract::{AtDesk, EscalationBody, Links, PROBLEM_JSON, ProblemBody, cursor, problem_type, short},
        core::desk::Desk,
        error::{CurrentState, Error},
    },
};

/// Returns after how many seconds a retry makes sense.
fn retry_after(code: ProblemCode) -> Option<u32> {
    match code {
        ProblemCode::Overloaded => Some(1),
        ProblemCode::TooManyStreams => Some(5),
        ProblemCode::TooManyOpen | ProblemCode::StorageFull => Some(60),
        _ => None,
    }
}

/// The reason why a request failed.
#[derive(Debug, Clone)]
pub struct Problem {
    code: ProblemCode,
    detail: String,
    errors: Vec<FieldProblem>,
    /// The present state of the escalation that the request was about, and the availability of operators for it.
    current: Option<(Box<CurrentState>, Option<AtDesk>)>,
    /// The text for the server's log if the server is at fault. Callers never see it.
    fault: Option<Box<str>>,
    /// The seconds until a retry makes sense, if more exact than the default of the code.
    retry_after: Option<NonZeroU32>,
}

/// Truncates a field's problem for the response, because it may repeat text of the caller.
pub fn told(problem: FieldProblem) -> FieldProblem {
    FieldProblem::new(short(&problem.pointer), short(&problem.detail))
}

impl From<ProblemCode> for Problem {
    fn from(code: ProblemCode) -> Self {
        Self::new(code, format!("{}.", code.facts().2))
    }
}

impl Problem {
    /// Creates a problem with a specific sentence.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: short(&detail.into()), errors: vec![], current: None, fault: None, retry_after: None }
    }

    /// Creates a problem for invalid fields.
    pub fn fields(code: ProblemCode, errors: Vec<FieldProblem>) -> Self {
        let errors: Vec<FieldProblem> = errors.into_iter().map(told).collect();
        let detail = match &errors[..] {
            [one] if one.pointer.is_empty() => format!("The body {}.", one.detail),
            [one] => format!("{}: {}.", one.pointer, one.detail),
            _ => format!("{} fields are not as they must be.", errors.len()),
        };
        Self { errors, ..Self::new(code, detail) }
    }

    /// Creates a problem for a cursor of another log. The response names the end of this log.
    pub fn bad_cursor(epoch: &str, head: Seq) -> Self {
        let end = cursor(epoch, head);
        let detail = format!("`after` is of another log or beyond the end of this one, which is {end}.");
        Self::new(ProblemCode::BadCursor, detail)
    }

    /// Creates a problem for a caller that is over a limit.
    pub fn rate_limited(detail: String, seconds: u64) -> Self {
        let retry_after = u32::try_from(seconds).ok().and_then(NonZeroU32::new);
        Self { retry_after, ..Self::new(ProblemCode::RateLimited, detail) }
    }

    /// Creates a problem for a fault of the server. The caller learns only the request id, which finds the details in
    /// the log.
    pub fn fault(told_to_the_log: String) -> Self {
        let detail = "The request id names what happened in the server's log.";
        Self { fault: Some(told_to_the_log.into()), ..Self::new(ProblemCode::Internal, detail) }
    }

    /// Adds the availability of operators to the problem's escalation.
    pub fn at(mut self, desk: Option<AtDesk>) -> Self {
        if let Some((_, at_desk)) = &mut self.current {
            *at_desk = desk;
        }
        self
    }

    fn write(&self, request_id: Option<RequestId>, links: &Links) -> serde_json::Result<Vec<u8>> {
        let (status, code, title) = self.code.facts();
        serde_json::to_vec(&ProblemBody {
            kind: problem_type(links, code),
            title,
            status,
            code,
            detail: &self.detail,
            errors: &self.errors,
            request_id,
            current: self
                .current
                .as_ref()
                .map(|(current, at_desk)| Box::new(EscalationBody::in_answer(current, *at_desk, links))),
        })
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (refusal, current) = match error {
            Error::Refused { refusal, current } => (refusal, current),
            Error::Unavailable => {
                let detail = "The database did not answer. Try again; a write under the same Idempotency-Key.";
                return Self::new(ProblemCode::Overloaded, detail);
            }
            Error::Overloaded => return Self::from(ProblemCode::Overloaded),
            fault => return Self::fault(fault.to_string()),
        };
        let code = match &refusal {
            Refusal::HumanInControl => ProblemCode::NotInControl,
            Refusal::AlreadyClosed => ProblemCode::AlreadyClosed,
            Refusal::NotClosed => ProblemCode::NotClosed,
            Refusal::IdempotencyKeyReused => ProblemCode::IdempotencyKeyReused,
            Refusal::NotFound => ProblemCode::NotFound,
            Refusal::TooManyOpen => ProblemCode::TooManyOpen,
            Refusal::InvalidFields { problems } => return Self::fields(ProblemCode::InvalidField, problems.clone()),
            operators_only => return Self::fault(format!("an agent was refused as an operator: {operators_only}")),
        };
        let current = current.map(|current| (current, None));
        Self { current, ..Self::new(code, refusal.to_string()) }
    }
}

#[cfg(test)]
impl Problem {
    /// Returns the code and the first field, for tests.
    pub fn in_short(&self) -> String {
        format!("{:?} {}", self.code, self.errors.first().map_or("", |error| &error.pointer))
    }

    /// Returns the pointers of all fields, for tests.
    pub fn pointers(&self) -> Vec<&str> {
        self.errors.iter().map(|error| error.pointer.as_str()).collect()
    }

    /// Returns the sentence, for tests.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.facts().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Middleware that writes the problem of a response, and logs faults of the server once.
pub async fn render(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let request_id = request.extensions().get::<RequestId>().copied();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    if let Some(fault) = &problem.fault {
        tracing::error!(request_id = request_id.map(tracing::field::display), %fault, "a request of an agent failed");
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.remove(axum::http::header::CONTENT_LENGTH);
    if matches!(problem.code, ProblemCode::Unauthenticated | ProblemCode::KeyRevoked) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = problem.retry_after.map(NonZeroU32::get).or(retry_after(problem.code)) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    match problem.write(request_id, desk.links()) {
        Ok(bytes) => *response.body_mut() = Body::from(bytes),
        Err(error) => tracing::error!(%error, "a problem could not be written"),
    }
    response
}
