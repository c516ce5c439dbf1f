//! Tests the headers of responses. Request headers cannot name two hosts or decide where a function redirects.

use bailout::domain::operator::Role;
use macro_rules_attribute::apply;
use reqwest::Method;
use tokio::net::TcpStream;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, functions},
        routes::routes,
    },
};

/// Sends a raw request, and returns the response.
async fn sends(server: &TestServer, request: &str) -> String {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.expect("a connection");
    stream.writable().await.expect("a connection");
    assert_eq!(stream.try_write(request.as_bytes()).expect("a request"), request.len());
    let (mut head, mut buffer) = (String::new(), [0; 4096]);
    loop {
        stream.readable().await.expect("a connection");
        match stream.try_read(&mut buffer) {
            Ok(0) => return head,
            Ok(read) => head.push_str(&String::from_utf8_lossy(&buffer[..read])),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            // The server may close the connection while an unwanted body is still being sent.
            Err(_) => return head,
        }
    }
}

/// The headers of every response. The two policies below are those of data and of pages, without the nonce of a page.
const EVERYWHERE: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
         magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    ),
];
const OF_DATA: &str = "default-src 'none'; frame-ancestors 'none'";
const OF_PAGES: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; media-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; \
    base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

#[apply(on_both!)]
async fn every_answer_of_every_route_has_the_same_guards(server: TestServer) {
    server.person("Ada", Role::Admin).await;
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    let browser = Browser::of("Ada", &server.url).await;
    let https = server.also_with(&["--public-url", "https://desk.example"]).await;
    let mut seen = 0;
    let constants = [("page::PATH", "/queue"), ("PATH", "/queue"), ("ANY_ADDRESS", "/queue")];
    let routes = routes().into_iter().chain(
        [("GET", "/nowhere"), ("GET", "/pkg/nothing.js"), ("GET", "/favicon.svg")]
            .map(|(method, path)| (method.to_owned(), path.to_owned())),
    );
    for (method, path) in routes {
        let path = constants.iter().find(|(name, _)| *name == path).map_or(path.as_str(), |(_, path)| path);
        let path =
            path.replace("{id}", &it).replace("{*rest}", "nowhere").replace("{secret}", "x").replace("{name}", "x");
        let method: Method = if method == "ANY" { Method::GET } else { method.parse().expect("a method") };
        if !path.starts_with('/') {
            continue;
        }
        for who in ["nobody", "the agent", "the operator", "by TLS"] {
            let url = if who == "by TLS" { &https } else { &server.url };
            let request = bot.http.request(method.clone(), format!("{url}{path}"));
            let request = match who {
                "the agent" => request.bearer_auth(&bot.key),
                "the operator" => request.header("cookie", browser.cookie.as_deref().expect("a cookie")),
                _ => request,
            };
            let answer = request.send().await.expect("an answer");
            let told = |name: &str| answer.headers().get(name).map(|it| it.to_str().expect("text").to_owned());
            for (name, value) in EVERYWHERE {
                assert_eq!(told(name).as_deref(), Some(value), "{method} {path}, {who}: {name}");
            }
            let kind = told("content-type").unwrap_or_default();
            let is_data =
                ["application/json", "application/problem+json", "text/event-stream"].contains(&kind.as_str());
            let policy = told("content-security-policy").unwrap_or_default();
            let policy: Vec<&str> = policy.split(' ').filter(|word| !word.starts_with("'nonce-")).collect();
            let expected = if is_data { OF_DATA } else { OF_PAGES };
            assert_eq!(policy.join(" "), expected, "{method} {path}, {who}: {kind}");
            let hsts = (who == "by TLS").then_some("max-age=31536000");
            assert_eq!(told("strict-transport-security").as_deref(), hsts, "{method} {path}, {who}");
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

#[apply(on_both!)]
async fn two_hosts_are_refused_on_every_route(server: TestServer) {
    let host = server.url.trim_start_matches("http://").to_owned();
    for route in [
        "GET /healthz",
        "GET /readyz",
        "GET /api/v1/escalations",
        "POST /api/v1/escalations",
        "GET /api/v1/nowhere",
        "GET /",
        "GET /queue",
        "GET /sign-in",
        "POST /sign-in",
        "GET /live",
        "GET /search",
        "GET /me",
        "GET /nowhere",
        "GET /pkg/nothing.js",
        "POST /_fn/thread",
        "PUT /settings/people",
    ] {
        let request =
            |hosts: &str| format!("{route} HTTP/1.1\r\n{hosts}content-length: 0\r\nconnection: close\r\n\r\n");
        for second in [host.as_str(), "evil.example", ""] {
            for hosts in [format!("host: {host}\r\nhost: {second}\r\n"), format!("Host: {second}\r\nHOST: {host}\r\n")]
            {
                let answer = sends(&server, &request(&hosts)).await;
                assert!(answer.starts_with("HTTP/1.1 400 "), "{route}, {hosts:?}: {answer}");
                assert!(answer.contains("This request has more than one Host header."), "{route}: {answer}");
            }
        }
        // The control: a request with one Host header is routed normally.
        let answer = sends(&server, &request(&format!("host: {host}\r\n"))).await;
        assert!(answer.starts_with("HTTP/1.1 ") && !answer.contains("more than one Host header"), "{route}: {answer}");
    }
}

#[apply(on_both!)]
async fn no_function_sends_the_browser_to_a_referer(server: TestServer) {
    server.person("Ada", Role::Admin).await;
    let it = server.agent("billing-bot").await.hands_over("conv_1").await;
    let browser = Browser::of("Ada", &server.url).await;
    let calls = functions().into_iter().map(|path| (path, String::new()));
    let thread = functions().into_iter().find(|path| path.ends_with("/thread")).expect("a function");
    for (path, arguments) in calls.chain([(thread, format!("id={it}"))]) {
        for accept in ["text/html", "application/json, text/html;q=0.9", "*/*"] {
            let call = browser.submits(&path, &arguments, "same-origin").header("accept", accept);
            let answer = call.header("referer", "https://evil.example/?a=b").send().await.expect("an answer");
            assert!(!answer.status().is_redirection(), "{path}, {accept}: {answer:?}");
            assert!(!answer.headers().contains_key("location"), "{path}, {accept}: {answer:?}");
            assert!(arguments.is_empty() || answer.status() == 200, "{path}, {accept}: {answer:?}");
            let said = answer.text().await.expect("a body");
            assert!(!said.contains("evil.example"), "{path}, {accept}: {said}");
        }
    }
}
