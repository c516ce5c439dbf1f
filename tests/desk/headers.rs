//! What request headers cannot do: name two hosts, or decide where a server function sends the browser.

use bailout::domain::operator::Role;
use tokio::net::TcpStream;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, functions},
    },
};

/// Sends a request as it is written; the head of the answer.
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
            // The server may close while a body that it did not want is still on its way.
            Err(_) => return head,
        }
    }
}

on_both! {
    async fn two_hosts_are_refused_on_every_route(server: TestServer) {
        let host = server.url.trim_start_matches("http://").to_owned();
        for route in [
            "GET /healthz", "GET /readyz", "GET /api/v1/escalations", "POST /api/v1/escalations", "GET /api/v1/nowhere",
            "GET /", "GET /queue", "GET /sign-in", "POST /sign-in", "GET /live", "GET /search", "GET /me", "GET /nowhere",
            "GET /pkg/nothing.js", "POST /_fn/thread", "PUT /settings/people",
        ] {
            let request = |hosts: &str| format!("{route} HTTP/1.1\r\n{hosts}content-length: 0\r\nconnection: close\r\n\r\n");
            for second in [host.as_str(), "evil.example", ""] {
                for hosts in [format!("host: {host}\r\nhost: {second}\r\n"), format!("Host: {second}\r\nHOST: {host}\r\n")] {
                    let answer = sends(&server, &request(&hosts)).await;
                    assert!(answer.starts_with("HTTP/1.1 400 "), "{route}, {hosts:?}: {answer}");
                    assert!(answer.contains("This request has more than one Host header."), "{route}: {answer}");
                }
            }
            // The control: with one it goes where it leads.
            let answer = sends(&server, &request(&format!("host: {host}\r\n"))).await;
            assert!(answer.starts_with("HTTP/1.1 ") && !answer.contains("more than one Host header"), "{route}: {answer}");
        }
    }

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
}
