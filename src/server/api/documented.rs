//! The parts of the published contract that several requests share: the problems that each kind of request may be
//! answered with, and headers.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::{
    IntoParams, IntoResponses, PartialSchema,
    openapi::{
        ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
        example::ExampleBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

use super::problem::ProblemCode;
use crate::{
    domain::ids::EscalationId,
    server::contract::{PROBLEM_JSON, problem_path},
};

/// Every request may have these problems.
const ANY: &[ProblemCode] =
    &[ProblemCode::BadParameter, ProblemCode::MethodNotAllowed, ProblemCode::Internal, ProblemCode::Overloaded];
/// A request with a key may have these, too.
const KEY: &[ProblemCode] =
    &[ProblemCode::Unauthenticated, ProblemCode::KeyRevoked, ProblemCode::NotAcceptable, ProblemCode::RateLimited];
/// A request with a body may have these, too.
const BODY: &[ProblemCode] = &[
    ProblemCode::MalformedJson,
    ProblemCode::RequestTimeout,
    ProblemCode::BodyTooLarge,
    ProblemCode::UnsupportedMediaType,
    ProblemCode::InvalidField,
    ProblemCode::UnknownField,
    ProblemCode::TooManyStreams,
];

/// Declares the problems of a request: lists that it shares with others, and its own.
macro_rules! problems_of {
    ($($sight:vis struct $name:ident: $($shared:ident),+; $($code:ident),*;)+) => {
        $(
            $sight struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    published([$($shared,)+ &[$(ProblemCode::$code),*]].concat())
                }
            }
        )+
    };
}

problems_of! {
    pub struct ToolProblems: ANY; ;
    pub struct DeskProblems: ANY, KEY; ;
    pub struct ListProblems: ANY, KEY; BadCursor;
    pub struct EventsProblems: ANY, KEY; BadCursor, TooManyStreams;
    pub struct TranscriptProblems: ANY, KEY; NotFound, BadCursor;
    pub struct ReadProblems: ANY, KEY; NotFound, BadCursor, TooManyStreams;
    pub struct OpenProblems: ANY, KEY, BODY; WrongFormat, SchemaInvalid, IdempotencyKeyReused, TooManyOpen, StorageFull;
    pub struct UpdateProblems: ANY, KEY, BODY; NotFound, AlreadyClosed, SchemaInvalid, IdempotencyKeyReused;
    pub struct MessageProblems: ANY, KEY, BODY; NotFound, NotInControl, AlreadyClosed, IdempotencyKeyReused;
    pub struct ReceiptProblems: ANY, KEY, BODY; NotFound, IdempotencyKeyReused;
    pub struct CancelProblems: ANY, KEY, BODY; NotFound, AlreadyClosed;
    pub struct AcknowledgeProblems: ANY, KEY, BODY; NotFound, NotClosed;
    pub struct TypingProblems: ANY, KEY, BODY; NotFound;
}

/// Returns the responses of these problems, by their status. The examples are named by the codes.
fn published(codes: Vec<ProblemCode>) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
    codes.into_iter().for_each(|code| by_status.entry(code.facts().0).or_default().push(code));
    let response = |codes: Vec<ProblemCode>| {
        let titles: Vec<&str> = codes.iter().map(|code| code.facts().2).collect();
        let examples = codes.iter().map(|code| {
            let (status, word, title) = code.facts();
            let value = json!({
                "type": problem_path(word), "title": title, "status": status, "code": word, "detail": format!("{title}."),
                "errors": [], "request_id": "req_06a57jrnjrmxf0b42j1f1crzmr", "current": null,
            });
            (word, RefOr::T(ExampleBuilder::new().summary(title).value(Some(value)).build()))
        });
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).examples_from_iter(examples);
        let response = ResponseBuilder::new().description(titles.join(". ") + ".");
        RefOr::T(response.content(PROBLEM_JSON, content.build()).build())
    };
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(codes))).collect()
}

/// The id of the escalation in the path.
pub struct InPath;

impl IntoParams for InPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path).required(Required::True);
        vec![id.description(Some("The id of the escalation.")).schema(Some(EscalationId::schema())).build()]
    }
}

/// The header by which a retry takes effect once.
pub struct RetryKey;

impl IntoParams for RetryKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some("^[ -~]+$"));
        let about = "A name that you choose for this request. A retry with the same name, path and body takes effect once and gets \
                     the stored answer; with `wait`, it gets the escalation as it is now. The server keeps the name until one week \
                     after the escalation has ended.";
        let key =
            ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header).required(Required::False);
        vec![key.description(Some(about)).schema(Some(schema)).build()]
    }
}

/// The position that a client sends when it reconnects to a stream.
pub struct StreamPosition;

impl IntoParams for StreamPosition {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "On a stream, the `id` of the last event received. An `EventSource` sends it by itself.";
        let header =
            ParameterBuilder::new().name("Last-Event-ID").parameter_in(ParameterIn::Header).required(Required::False);
        let schema = ObjectBuilder::new().schema_type(Type::String);
        vec![header.description(Some(about)).schema(Some(schema)).build()]
    }
}
