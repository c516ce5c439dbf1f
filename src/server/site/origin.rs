//! Determines how a browser reached the server, and which origin is our own.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header::HOST},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::web_state::WebState;
use crate::server::config::Settings;

/// The way in which a browser reached the server, which decides whether it can be signed in, and by which cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrowserSide {
    /// TLS, according to the public address.
    Https,
    /// Plain HTTP on the browser's own machine, according to the host name that it used, at this port.
    Loopback(u16),
    /// Plain HTTP from elsewhere: no cookie would be safe.
    Plain,
}

impl BrowserSide {
    /// Returns the name of the session's cookie; `None` where no cookie is safe. Browsers send a host's cookies to all
    /// of its ports. So on plain HTTP the name has the port: a sign-in on one port must not replace the session of
    /// another.
    pub fn cookie(self) -> Option<String> {
        match self {
            Self::Https => Some("__Host-bailout".to_owned()),
            Self::Loopback(port) => Some(format!("bailout-{port}")),
            Self::Plain => None,
        }
    }
}

/// Returns the host and port the browser used.
pub fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    // HTTP/2 has the host in the address.
    uri.authority().map(|authority| authority.as_str()).or_else(|| headers.get(HOST)?.to_str().ok())
}

/// Returns whether a host is the browser's own machine, with any port.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

/// Returns how the browser behind a request reached the server.
pub fn side(settings: &Settings, headers: &HeaderMap, uri: &Uri) -> BrowserSide {
    match (&settings.public_url, host(headers, uri)) {
        (Some(origin), _) if origin.is_https() => BrowserSide::Https,
        (_, Some(host)) if is_loopback(host) => BrowserSide::Loopback(port(host)),
        _ => BrowserSide::Plain,
    }
}

/// Returns the port that a browser used on plain HTTP.
fn port(host: &str) -> u16 {
    host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80)
}

/// Returns our origin: the public address, or else the host that the browser used.
pub fn ours(settings: &Settings, headers: &HeaderMap, uri: &Uri) -> String {
    match &settings.public_url {
        Some(origin) => origin.as_str().to_owned(),
        None => format!("http://{}", host(headers, uri).unwrap_or_default()),
    }
}

/// Returns whether an `Origin` header is our origin.
pub fn is_ours(settings: &Settings, headers: &HeaderMap, uri: &Uri, origin: &str) -> bool {
    match (&settings.public_url, host(headers, uri)) {
        (Some(ours), _) => origin == ours.as_str(),
        (None, Some(host)) => is_loopback(host) && origin.strip_prefix("http://") == Some(host),
        (None, None) => false,
    }
}

/// Refuses every host but the browser's own machine while no public address is set: any other name may belong to a
/// stranger who made it point here.
pub async fn require_our_host(State(web): State<WebState>, request: Request, next: Next) -> Response {
    let loopback = host(request.headers(), request.uri()).is_some_and(is_loopback);
    if web.settings.public_url.is_none() && !loopback {
        let sentence = "Without BAILOUT_PUBLIC_URL the console answers only as localhost, 127.0.0.1 or [::1]. To open it \
                        under another name, start Bailout with BAILOUT_PUBLIC_URL set to the address people open, like \
                        https://desk.example.com.\n";
        return (StatusCode::MISDIRECTED_REQUEST, sentence).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::server::config::Cli;

    fn settings(public_url: Option<&str>) -> Settings {
        let mut line = vec!["bailout"];
        if let Some(url) = public_url {
            line.extend(["--public-url", url]);
        }
        Cli::try_parse_from(line).unwrap().settings
    }

    fn from(host: &str) -> HeaderMap {
        HeaderMap::from_iter([(HOST, host.parse().unwrap())])
    }

    #[test]
    fn loopback_is_a_matter_of_the_name_used() {
        for host in ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "[::1]", "[::1]:3000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "127.0.0.2", "localhost.evil.example", "evil.example:3000", "[::2]:3000", "127.0.0.1.evil.example"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn the_public_address_decides_the_cookie() {
        let uri = Uri::from_static("/");
        for (public, host, side_) in [
            (Some("https://desk.example.com"), "desk.example.com", BrowserSide::Https),
            (Some("http://desk.lan"), "desk.lan", BrowserSide::Plain),
            (Some("http://localhost:3000"), "localhost:3000", BrowserSide::Loopback(3000)),
            (None, "127.0.0.1:3000", BrowserSide::Loopback(3000)),
            (None, "[::1]:3001", BrowserSide::Loopback(3001)),
            (None, "[::1]", BrowserSide::Loopback(80)),
            (None, "localhost", BrowserSide::Loopback(80)),
            (None, "desk.lan", BrowserSide::Plain),
        ] {
            assert_eq!(side(&settings(public), &from(host), &uri), side_, "{public:?} {host}");
        }
        assert_eq!(BrowserSide::Https.cookie().as_deref(), Some("__Host-bailout"));
        assert_eq!(BrowserSide::Loopback(3000).cookie().as_deref(), Some("bailout-3000"));
        assert_eq!(BrowserSide::Plain.cookie(), None);
    }

    #[test]
    fn our_origin_is_the_public_one_or_the_loopback_name_used() {
        let uri = Uri::from_static("/");
        let ours = |public, host: &str, origin| is_ours(&settings(public), &from(host), &uri, origin);
        assert!(ours(None, "localhost:3000", "http://localhost:3000"));
        assert!(!ours(None, "localhost:3000", "http://localhost:4000"));
        assert!(!ours(None, "evil.example", "http://evil.example"));
        assert!(!ours(None, "localhost:3000", "null"));
        assert!(ours(Some("https://desk.example.com"), "internal:80", "https://desk.example.com"));
        assert!(!ours(Some("https://desk.example.com"), "localhost:3000", "http://localhost:3000"));
    }
}
