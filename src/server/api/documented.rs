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

/// Declares kinds of request by the codes of their problems.
macro_rules! problems_of {
    ($($(#[$about:meta])* $sight:vis struct $name:ident: $($code:ident),+;)+) => {
        $(
            $(#[$about])*
            $sight struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    published(&[$(ProblemCode::$code),+])
                }
            }
        )+
    };
}

problems_of! {
    /// Every request with a key.
    pub struct KeyProblems: BadParameter, Unauthenticated, KeyRevoked, MethodNotAllowed, NotAcceptable, RateLimited, Internal, Overloaded;
    /// A request that needs no key.
    pub struct AnonymousProblems: BadParameter, MethodNotAllowed, Internal, Overloaded;
    /// A request that reads one escalation, or a list with a cursor.
    pub struct ReadProblems: BadParameter, BadCursor, Unauthenticated, KeyRevoked, NotFound, MethodNotAllowed, NotAcceptable, TooManyStreams,
        RateLimited, Internal, Overloaded;
    /// A request that opens an escalation.
    pub struct OpenProblems: MalformedJson, BadParameter, Unauthenticated, KeyRevoked, MethodNotAllowed, NotAcceptable, RequestTimeout,
        BodyTooLarge, UnsupportedMediaType, InvalidField, UnknownField, WrongFormat, SchemaInvalid, IdempotencyKeyReused,
        TooManyOpen, TooManyStreams, RateLimited, Internal, Overloaded, StorageFull;
    /// A request that updates one escalation.
    pub struct UpdateProblems: MalformedJson, BadParameter, Unauthenticated, KeyRevoked, NotFound, MethodNotAllowed, NotAcceptable,
        RequestTimeout, AlreadyClosed, BodyTooLarge, UnsupportedMediaType, InvalidField, UnknownField, SchemaInvalid,
        IdempotencyKeyReused, TooManyStreams, RateLimited, Internal, Overloaded;
    /// A request that changes one escalation.
    pub struct WriteProblems: MalformedJson, BadParameter, Unauthenticated, KeyRevoked, NotFound, MethodNotAllowed, NotAcceptable,
        RequestTimeout, NotInControl, AlreadyClosed, NotClosed, BodyTooLarge, UnsupportedMediaType, InvalidField, UnknownField,
        IdempotencyKeyReused, TooManyStreams, RateLimited, Internal, Overloaded;
}

/// Returns the responses of these problems, by their status. The examples are named by the codes.
fn published(codes: &[ProblemCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
    codes.iter().for_each(|code| by_status.entry(code.facts().0).or_default().push(*code));
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
        let about = "A name for this request. The same request with the same name takes effect once, and is answered with the \
                     same bytes. Kept for the life of the escalation and a week.";
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
