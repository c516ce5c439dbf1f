//! Reads request bodies: `ApiJson` enforces the size limit and reports errors with a JSON pointer.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::header::CONTENT_TYPE,
};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{
    checks::Checks,
    decode::decode,
    key_auth::CallingAgent,
    problem::{Problem, ProblemCode},
};
use crate::{
    domain::json_values::count_values,
    server::{connections::UploadTooSlow, core::desk::Desk, request_memory::MemoryPermit},
};

/// How many bytes of a refused body are still read and discarded, so that the caller gets to read the response.
const DRAINED: usize = 32 * 1024 * 1024;
/// The most JSON values of a body, counted by [`count_values`]. A message of a conversation has about twenty.
const MOST_VALUES: usize = 225_000;
/// The bytes of request memory that a parsed value counts for. The largest body with the most values fits in a key's share.
const BYTES_A_VALUE: usize = 72;

/// A type of request body.
pub trait RequestBody: DeserializeOwned {
    /// The most bytes of the body.
    const LIMIT: usize;
    /// True if a missing body counts as `{}`.
    const MAY_BE_MISSING: bool = false;
}

/// A parsed request body.
pub struct ApiJson<T> {
    /// The body without the fields that cannot be read.
    pub body: T,
    /// The problems found while reading it, to which the handler adds its own.
    pub checks: Checks,
    /// The SHA-256 of the raw bytes, or of `{}` if the body is missing. A repeated request must have the same.
    pub sha256: [u8; 32],
    /// The length of those bytes.
    pub length: usize,
    /// The request memory that the body occupies; kept until the request is done.
    pub room: MemoryPermit,
}

impl<T: RequestBody> FromRequest<Desk> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Desk) -> Result<Self, Problem> {
        let is_json = request.headers().get(CONTENT_TYPE).is_some_and(|value| is_json(value.as_bytes()));
        let is_untyped = !request.headers().contains_key(CONTENT_TYPE);
        let caller = request.extensions().get::<CallingAgent>().cloned();
        let caller = caller.ok_or_else(|| Problem::fault("a body was read before its caller was known".to_owned()))?;
        let (mut bytes, mut room) = read(request.into_body(), T::LIMIT, &caller).await?;
        caller.wrote(bytes.len());
        // A value takes many times the memory of its text, so the values are counted before they are parsed.
        let values = count_values(&bytes);
        if values > MOST_VALUES {
            let detail = format!("The body may have at most {MOST_VALUES} JSON values. An object counts as seven.");
            return Err(Problem::new(ProblemCode::BodyTooLarge, detail));
        }
        if !caller.share().take(values * BYTES_A_VALUE, &mut room) {
            return Err(Problem::from(ProblemCode::Overloaded));
        }
        let missing = T::MAY_BE_MISSING && bytes.is_empty();
        let nothing_said = missing && is_untyped;
        if !is_json && !nothing_said {
            return Err(Problem::from(ProblemCode::UnsupportedMediaType));
        }
        if missing {
            bytes = b"{}".to_vec();
        }
        let mut checks = Checks::default();
        let body = decode(&bytes, &mut checks)?;
        Ok(Self { body, checks, sha256: Sha256::digest(&bytes).into(), length: bytes.len(), room })
    }
}

fn is_json(content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Reads a body while request memory is available and the key is valid.
async fn read(body: Body, limit: usize, caller: &CallingAgent) -> Result<(Vec<u8>, MemoryPermit), Problem> {
    let (open_stream, share) = (caller.begin_upload()?, caller.share());
    let mut chunks = body.into_data_stream();
    let mut bytes = vec![];
    let mut seen = 0;
    let mut room = MemoryPermit::default();
    let mut fits = true;
    loop {
        let chunk = tokio::select! {
            biased;
            () = open_stream.closed() => return Err(Problem::from(ProblemCode::KeyRevoked)),
            chunk = chunks.next() => chunk,
        };
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(|error| broke_off(&error))?;
        seen += chunk.len();
        fits = fits && (seen > limit || share.take(chunk.len(), &mut room));
        match seen {
            _ if fits && seen <= limit => bytes.extend_from_slice(&chunk),
            _ if seen <= DRAINED => (bytes, room) = (vec![], MemoryPermit::default()),
            _ => break,
        }
    }
    match seen <= limit {
        true if fits => Ok((bytes, room)),
        true => Err(Problem::from(ProblemCode::Overloaded)),
        false => Err(Problem::new(ProblemCode::BodyTooLarge, format!("The body may have at most {limit} bytes."))),
    }
}

fn broke_off(error: &axum::Error) -> Problem {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    if causes.into_iter().any(|error| error.is::<UploadTooSlow>()) {
        return Problem::from(ProblemCode::RequestTimeout);
    }
    Problem::new(ProblemCode::MalformedJson, "The body broke off.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_body_may_have_parameters() {
        assert!(is_json(b"application/json") && is_json(b"Application/JSON; charset=utf-8"));
        assert!(!is_json(b"text/plain") && !is_json(b"application/jsonx"));
    }
}
