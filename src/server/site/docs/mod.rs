//! The documentation of the agents' API, for people and for models. Anybody may read it. All of it is made of the published
//! contract and the table of problems.

mod llms;
mod problems;
mod reference;
mod schemas;
mod snippets;

use axum::{Router, routing::get};
use leptos::prelude::*;
use serde_json::{Map, Value};

use super::web_state::WebState;
use crate::app::parts::revealed::revealed;

/// Returns the routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/docs/api", get(reference::page))
        .route("/docs/problems", get(problems::all))
        .route("/docs/problems/{code}", get(problems::one))
        .route("/llms.txt", get(llms::text_file))
}

/// A request of the published contract.
struct Operation {
    method: String,
    path: &'static str,
    described: &'static Value,
}

/// Returns the requests of the published contract, in the order in which they are described.
fn operations(document: &'static Value) -> impl Iterator<Item = Operation> {
    let of_path = |(path, methods): (&'static String, &'static Value)| {
        let operation = move |(method, described): (&'static String, &'static Value)| {
            let method = method.to_uppercase();
            Operation { method, path, described }
        };
        object(methods).map(operation)
    };
    object(&document["paths"]).flat_map(of_path)
}

/// Returns the members of an object; none of anything else.
fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// Returns a text; an empty one of anything else.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Draws a text whose words between backticks are code.
fn with_code(text: &str) -> Vec<AnyView> {
    let pieces = text.split('`').enumerate();
    let piece = |(i, piece): (usize, &str)| match i % 2 {
        0 => revealed(piece),
        _ => view! { <code>{revealed(piece)}</code> }.into_any(),
    };
    pieces.map(piece).collect()
}

/// Draws the paragraphs of a description.
fn paragraphs(text: &str) -> Vec<AnyView> {
    let paragraph = |text: &str| view! { <p>{with_code(text)}</p> }.into_any();
    text.split("\n\n").filter(|text| !text.is_empty()).map(paragraph).collect()
}
