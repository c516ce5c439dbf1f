//! Reads request bodies: `ApiJson` enforces the size limit and reports errors with a JSON pointer.

use std::{fmt, marker::PhantomData};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::header::CONTENT_TYPE,
};
use futures::StreamExt;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_path_to_error::{Path, Segment};
use sha2::{Digest, Sha256};

use super::{
    json_words,
    key_auth::CallingAgent,
    problem::{Problem, ProblemCode},
};
use crate::{
    domain::{field_problem::FieldProblem, json::pointer_name},
    server::{connections::UploadTooSlow, core::desk::Desk, request_memory::MemoryPermit},
};

/// How many bytes of a refused body are still read and discarded, so that the caller gets to read the response.
const DRAINED: usize = 32 * 1024 * 1024;

/// A type of request body.
pub trait RequestBody: DeserializeOwned {
    /// The most bytes of the body.
    const LIMIT: usize;
    /// True if a missing body counts as `{}`.
    const MAY_BE_MISSING: bool = false;
}

/// A parsed request body.
pub struct ApiJson<T> {
    pub body: T,
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
        let (mut bytes, room) = read(request.into_body(), T::LIMIT, &caller).await?;
        caller.wrote(bytes.len());
        let missing = T::MAY_BE_MISSING && bytes.is_empty();
        let nothing_said = missing && is_untyped;
        if !is_json && !nothing_said {
            return Err(Problem::from(ProblemCode::UnsupportedMediaType));
        }
        if missing {
            bytes = b"{}".to_vec();
        }
        Ok(Self { body: decode(&bytes)?, sha256: Sha256::digest(&bytes).into(), length: bytes.len(), room })
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

/// Parses JSON into a body, or returns a problem that names the wrong field. Some editors write a byte order mark.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, StrictObject<T>>(&mut json) {
        Ok(StrictObject(body)) => json.end().map(|()| body).map_err(|error| problem(&error, String::new())),
        // serde_json calls a number in place of a word a fault of the syntax.
        Err(error) if error.inner().is_syntax() && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() => {
            let problem = FieldProblem::new(pointer(error.path()), "must be text");
            Err(Problem::fields(ProblemCode::InvalidField, vec![problem]))
        }
        Err(error) => Err(problem(error.inner(), pointer(error.path()))),
    }
}

fn problem(error: &serde_json::Error, pointer: String) -> Problem {
    let said = error.to_string();
    if !error.is_data() {
        return Problem::new(ProblemCode::MalformedJson, format!("The body is not JSON: {said}."));
    }
    // The line and column are removed, because the caller has the pointer.
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    let named = |before: &str| said.strip_prefix(before).and_then(|rest| rest.strip_suffix('`'));
    let at = |name: &str| format!("{pointer}/{}", pointer_name(name));
    let code = if said.starts_with("unknown field") { ProblemCode::UnknownField } else { ProblemCode::InvalidField };
    Problem::fields(
        code,
        vec![match (named("missing field `"), named("duplicate field `")) {
            (Some(name), _) => FieldProblem::new(at(name), "must be given"),
            (_, Some(name)) => FieldProblem::new(at(name), "is given twice"),
            _ => FieldProblem::new(pointer, json_words::sentence(said)),
        }],
    )
}

fn pointer(path: &Path) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", pointer_name(key))),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(part).collect()
}

/// A JSON object with the fields of `T`. A plain serde struct would also accept an array of the fields' values.
pub struct StrictObject<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for StrictObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(StrictObject)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: StrictObject<Inner>,
        list: Option<Vec<StrictObject<Inner>>>,
        raw: Option<Vec<Box<RawValue>>>,
        #[expect(dead_code)]
        word: Option<Word>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Low,
        High,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        text: String,
    }

    fn refused(json: &str) -> String {
        decode::<Outer>(json.as_bytes()).err().unwrap().in_short()
    }

    #[test]
    fn what_is_wrong_is_told_with_a_pointer() {
        for (json, told) in [
            (r#"{"inner": {"text": 5}}"#, "InvalidField /inner/text"),
            (r#"{"inner": {}}"#, "InvalidField /inner/text"),
            (r#"{}"#, "InvalidField /inner"),
            (r#"{"inner": ["a"]}"#, "InvalidField /inner"),
            (r#"["a"]"#, "InvalidField "),
            (r#"{"inner": {"text": "a"}, "inner": {"text": "a"}}"#, "InvalidField /inner"),
            (r#"{"inner": {"text": "a", "text": "b"}}"#, "InvalidField /inner/text"),
            (r#"{"inner": {"text": "a", "typo": 1}}"#, "UnknownField /inner/typo"),
            (r#"{"inner": {"text": "a"}, "ty/po": 1}"#, "UnknownField /ty~1po"),
            (r#"{"inner": {"text": "a"}, "list": [{"text": "a"}, {"text": null}]}"#, "InvalidField /list/1/text"),
            (r#"{"inner": {"text": "a"}"#, "MalformedJson "),
            (r#"{"inner": {"text": "a"}} x"#, "MalformedJson "),
            ("", "MalformedJson "),
        ] {
            assert_eq!(refused(json), told, "{json}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_sentences() {
        for (json, told) in [
            (r#"{"raw": [], "raw": []}"#, "/raw: is given twice."),
            ("[]", "The body must be an object, not a list."),
            ("\u{FEFF}5", "The body must be an object, not the number 5."),
            (r#"{"inner": {"text": {}}}"#, "/inner/text: must be text, not an object."),
            (r#"{"inner": {"text": "a"}, "list": true}"#, "/list: must be a list, not true."),
            (r#"{"inner": {"text": "a"}, "word": "medium"}"#, "/word: must be low or high."),
            (r#"{"inner": {"text": "a"}, "word": 5}"#, "/word: must be text."),
        ] {
            assert_eq!(decode::<Outer>(json.as_bytes()).err().unwrap().detail(), told);
        }
        let long = format!(r#"{{"inner": {{"text": "a"}}, "{}": 1}}"#, "x".repeat(10_000));
        let problem = decode::<Outer>(long.as_bytes()).err().unwrap();
        assert!(problem.detail().chars().count() <= 301 && problem.in_short().chars().count() <= 320);
    }

    #[test]
    fn what_is_right_is_taken() {
        let json = r#"{"inner": {"text": "a"}, "list": null, "raw": [1e999, "\ud800"]}"#;
        let read = decode::<Outer>(json.as_bytes()).ok().unwrap();
        assert_eq!((read.inner.0.text.as_str(), read.list.is_none()), ("a", true));
        assert_eq!(read.raw.unwrap()[0].get(), "1e999");
    }

    #[test]
    fn the_type_of_a_body_may_have_parameters() {
        assert!(is_json(b"application/json") && is_json(b"Application/JSON; charset=utf-8"));
        assert!(!is_json(b"text/plain") && !is_json(b"application/jsonx"));
    }
}
