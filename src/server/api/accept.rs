//! Reads the `Accept` header.

use axum::http::{HeaderMap, header::ACCEPT};

/// The ranges that include JSON, and those that include server-sent events.
pub const JSON: [&str; 3] = ["*/*", "application/*", "application/json"];
pub const EVENT_STREAM: [&str; 2] = ["text/*", "text/event-stream"];

/// Returns the highest quality that the caller gives to one of these ranges, from 0 to 1; 0 if it names none of them.
pub fn quality(headers: &HeaderMap, wanted: &[&str]) -> f32 {
    let quality = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let is_wanted = wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind));
        is_wanted.then(|| parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0))
    };
    ranges(headers).filter_map(quality).fold(0.0, f32::max)
}

/// Returns the ranges of the header.
pub fn ranges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim).filter(|range| !range.is_empty())
}
