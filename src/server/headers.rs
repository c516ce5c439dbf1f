//! Sets the headers that every response carries.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
            STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::Response,
};
use leptos::config::LeptosOptions;

use super::config::Settings;

/// The headers that are the same on every response. The referrer policy is `same-origin`, because with `no-referrer` a
/// form would send `Origin: null`.
static ALWAYS: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
         magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    ),
    (CACHE_CONTROL, "no-store"),
];

/// The Content-Security-Policy, which decides what a page may load and run: only the server's own scripts, and inline
/// scripts with the nonce.
#[derive(Clone)]
pub struct ContentSecurityPolicy {
    /// The further addresses to which pages may connect: under `cargo leptos watch`, the socket that tells them to
    /// reload.
    reload: Arc<str>,
}

impl ContentSecurityPolicy {
    /// Returns the policy for this process.
    pub fn new(leptos: &LeptosOptions) -> Self {
        let port = leptos.reload_external_port.unwrap_or(leptos.reload_port);
        let reload = match std::env::var_os("LEPTOS_WATCH") {
            Some(_) => format!(" ws://127.0.0.1:{port} ws://localhost:{port}"),
            None => String::new(),
        };
        Self { reload: reload.into() }
    }

    /// Returns the header's value, for a page whose inline scripts carry the nonce.
    pub fn header(&self, nonce: Option<&str>) -> HeaderValue {
        let nonce = nonce.map(|nonce| format!("'nonce-{nonce}' ")).unwrap_or_default();
        let reload = &self.reload;
        let text = format!(
            "default-src 'none'; script-src 'self' {nonce}'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self'{reload}; media-src 'self'; manifest-src 'self'; worker-src 'self'; \
             form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
        );
        // The text is ASCII alone, so this succeeds. With the fallback, a page can load nothing at all.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    }
}

/// The policy for responses that are data. If a browser ever shows one as a page, the page can load nothing.
const OF_DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// The data that the headers depend on.
#[derive(Clone)]
pub struct SecurityHeaders {
    pub policy: ContentSecurityPolicy,
    pub settings: Arc<Settings>,
}

/// Adds the headers that the handler did not set itself, and `Strict-Transport-Security` where the public URL is HTTPS.
pub async fn set(State(it): State<SecurityHeaders>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    let headers = response.headers_mut();
    for (name, value) in &ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.entry(RETRY_AFTER).or_insert(HeaderValue::from_static("2"));
    }
    let is_data = headers.get(CONTENT_TYPE).is_some_and(|kind| is_data(kind.as_bytes()));
    let policy = || if is_data { OF_DATA } else { it.policy.header(None) };
    headers.entry(CONTENT_SECURITY_POLICY).or_insert_with(policy);
    if it.settings.public_url.as_ref().is_some_and(|origin| origin.is_https()) {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

fn is_data(content_type: &[u8]) -> bool {
    ["application/json", "application/problem+json", "text/event-stream"]
        .iter()
        .any(|kind| content_type.starts_with(kind.as_bytes()))
}
