//! Serves the JSON API for agents: its routes and the shared parts of its responses. A handler reads the request, runs
//! one command or query of the [`Desk`], and responds.

mod accept;
mod body;
mod checks;
mod decode;
mod desk;
mod documented;
mod escalations;
mod events;
mod idempotency;
mod json;
mod json_words;
mod key_auth;
mod lenient;
mod messages;
mod numbers;
mod open;
mod opening;
mod params;
mod problem;
mod receipts;
mod schemas;
mod streams;
mod strict_object;
mod tools;
mod transcript;
mod typing;
mod update;
mod wait;

use std::{any::Any, sync::LazyLock};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde::Serialize;
use serde_json::Value;
use tower_http::{catch_panic::CatchPanicLayer, decompression::RequestDecompressionLayer};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::server::{contract, core::desk::Desk, request_id::last_words, store::portion::Portion};
use problem::{Problem, ProblemCode};

/// The schemas that the requests name and do not hold.
#[derive(OpenApi)]
#[openapi(components(schemas(contract::ProblemBody)))]
struct Shared;

/// Returns the requests that are published, with their descriptions.
fn published() -> OpenApiRouter<Desk> {
    OpenApiRouter::with_openapi(Shared::openapi())
        .routes(routes!(open::open, escalations::list))
        .routes(routes!(escalations::get, update::update))
        .routes(routes!(messages::say))
        .routes(routes!(messages::transcript))
        .routes(routes!(events::of_one))
        .routes(routes!(events::of_all))
        .routes(routes!(receipts::receive))
        .routes(routes!(typing::typing))
        .routes(routes!(escalations::cancel))
        .routes(routes!(escalations::acknowledge))
        .routes(routes!(desk::get))
        .routes(routes!(tools::get))
}

/// Returns the published contract, an OpenAPI 3.1 document.
pub fn openapi() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| contract::openapi(published().into_openapi()));
    &DOCUMENT
}

/// Returns the published contract as JSON text, which is written once and not at each request.
fn openapi_text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| openapi().to_string());
    &TEXT
}

/// Builds the routes of the API under `/api/v1`. Unknown paths there are answered with a problem, too.
pub fn routes(desk: Desk) -> Router {
    Router::from(published())
        .route("/api/v1/openapi.json", get(async || json_answer(StatusCode::OK, openapi_text())))
        .method_not_allowed_fallback(other_method)
        .route("/api/v1", any(nothing_here))
        .route("/api/v1/", any(nothing_here))
        .route("/api/v1/{*rest}", any(nothing_here))
        .layer(RequestDecompressionLayer::new())
        .layer(from_fn(known_encoding))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(desk.clone(), problem::render))
        .layer(from_fn_with_state(desk.clone(), key_auth::response_notes))
        .with_state(desk)
}

async fn nothing_here() -> Problem {
    Problem::from(ProblemCode::NotFound)
}

async fn other_method() -> Problem {
    Problem::from(ProblemCode::MethodNotAllowed)
}

/// Refuses a body in an encoding that is not decoded. A decoded body is limited as it is read, like any other.
async fn known_encoding(request: Request, next: Next) -> Response {
    let encodings = request.headers().get_all(CONTENT_ENCODING).iter();
    if encodings.map(HeaderValue::as_bytes).all(|name| [&b"gzip"[..], b"identity"].contains(&name)) {
        return next.run(request).await;
    }
    Problem::new(ProblemCode::UnsupportedMediaType, "The body must be sent as it is, or as gzip.").into_response()
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    Problem::fault(format!("a handler panicked: {}", last_words(&*panic))).into_response()
}

/// Builds a JSON response.
fn json_answer(status: StatusCode, body: impl Into<Body>) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.into()).into_response()
}

/// A page of a list, with the cursor of the next page.
#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl<T> Page<T> {
    /// Builds a page from up to `limit + 1` items. The extra item shows that there is a next page.
    fn of(read: Portion<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Self {
        let Portion { mut items, is_cut } = read;
        let limit = usize::try_from(limit).unwrap_or_default();
        let more = is_cut || items.len() > limit;
        items.truncate(limit);
        Self { next: items.last().filter(|_| more).map(cursor), items }
    }

    /// Converts the items of the page.
    fn map<'a, U>(&'a self, form: impl Fn(&'a T) -> U) -> Page<U> {
        Page { items: self.items.iter().map(form).collect(), next: self.next.clone() }
    }
}
