//! Problems (RFC 9457): the JSON of every answer that is not a 2xx.

use serde::Serialize;

use super::{EscalationBody, Links};
use crate::domain::{field_problem::FieldProblem, ids::RequestId};

/// The content type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The published form of a problem.
#[derive(Serialize)]
pub struct ProblemBody<'a> {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: &'static str,
    pub status: u16,
    pub code: &'static str,
    pub detail: &'a str,
    pub errors: &'a [FieldProblem],
    pub request_id: Option<RequestId>,
    /// The escalation that the request was about, as it is now.
    pub current: Option<Box<EscalationBody<'a>>>,
}

/// Returns the address that explains a problem code; it is the type of the problem.
pub fn problem_type(links: &Links, code: &str) -> String {
    links.public(&problem_path(code))
}

/// Returns the path of the page that explains a problem code.
pub fn problem_path(code: &str) -> String {
    format!("/docs/problems/{}", code.replace('_', "-"))
}
