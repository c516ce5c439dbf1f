//! Problems (RFC 9457): the JSON of every answer that is not a 2xx.

use serde::Serialize;
use utoipa::ToSchema;

use super::{EscalationBody, Links, ProblemCode};
use crate::domain::{field_problem::FieldProblem, ids::RequestId};

/// The content type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request failed (RFC 9457). Branch on `code`.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// The page that explains the code: a URL if the server knows its public address, else a path.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: &'static str,
    pub status: u16,
    #[schema(value_type = ProblemCode)]
    pub code: &'static str,
    /// A sentence about this case.
    pub detail: &'a str,
    /// Every faulty field of the request.
    pub errors: &'a [FieldProblem],
    /// Finds the request in the server's log.
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
