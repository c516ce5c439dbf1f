//! Writes server-sent events, for the streams of agents and of operators.

use std::{convert::Infallible, fmt::Display};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt};

use crate::domain::seq::Seq;

/// Without this header nginx would buffer the events.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Writes an event that has no place in the log. The data is one line.
pub fn hint(name: &str, data: impl Display) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// Writes an event of the log. A client that reconnects sends its id, `<epoch>.<seq>`. The data is one line.
pub fn event(epoch: &str, seq: Seq, name: &str, data: impl Display) -> Bytes {
    format!("id: {epoch}.{seq}\nevent: {name}\ndata: {data}\n\n").into()
}

/// Returns the response that sends these events.
pub fn response(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let headers = [(CONTENT_TYPE, "text/event-stream"), (X_ACCEL_BUFFERING, "no")];
    (headers, Body::from_stream(events.map(Ok::<_, Infallible>))).into_response()
}
