//! A browser for tests: keeps one cookie and follows no redirect by itself.

use bailout::server::site::sign_in::encoded;
use reqwest::{
    Response,
    header::{HeaderMap, HeaderName},
    redirect::Policy,
};

use super::server::{PASSWORD, TestServer};

pub struct Browser {
    pub http: reqwest::Client,
    pub url: String,
    pub cookie: Option<String>,
}

/// Returns the cookie of a session at a server on plain HTTP.
pub fn session_cookie(url: &str, secret: &str) -> String {
    let port = url.trim_end_matches('/').rsplit(':').next().expect("a port");
    format!("bailout-{port}={secret}")
}

impl Browser {
    pub fn at(server: &TestServer) -> Self {
        Self::new(&server.url)
    }

    pub fn new(url: &str) -> Self {
        Self::with(url, HeaderMap::new())
    }

    /// Returns a browser behind a proxy on this machine, which sends this address as X-Forwarded-For.
    pub fn behind_a_proxy(url: &str, address: &str) -> Self {
        let said = HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), address.parse().expect("text"))]);
        Self::with(url, said)
    }

    fn with(url: &str, headers: HeaderMap) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).default_headers(headers);
        Self { http: http.build().expect("a client"), url: url.to_owned(), cookie: None }
    }

    /// Returns the signed-in browser of an operator of the tests.
    pub async fn of(name: &str, url: &str) -> Self {
        let mut browser = Self::new(url);
        let response = browser.signs_in(&format!("{}@example.com", name.to_lowercase()), PASSWORD, "/").await;
        assert!(browser.cookie.is_some(), "{name} did not get in: {response:?}");
        browser
    }

    /// Returns a browser with the same session at another server of the same database, under that server's cookie name.
    pub fn also_at(&self, url: &str) -> Self {
        let (_, secret) = self.cookie.as_deref().and_then(|it| it.split_once('=')).expect("a cookie");
        Self { cookie: Some(session_cookie(url, secret)), ..Self::new(url) }
    }

    pub async fn gets(&self, path: &str) -> Response {
        self.asks(path).send().await.expect("an answer")
    }

    /// Builds a GET request with the cookie.
    pub fn asks(&self, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.get(format!("{}{path}", self.url));
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    pub async fn posts(&self, path: &str, form: &str, site: &str) -> Response {
        self.submits(path, form, site).send().await.expect("an answer")
    }

    /// Builds a POST request with the cookie.
    pub fn submits(&self, path: &str, form: &str, site: &str) -> reqwest::RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.url)).body(form.to_owned());
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").header("sec-fetch-site", site);
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    /// Builds a call of a server function.
    pub fn calls(&self, function: &str, arguments: &str) -> reqwest::RequestBuilder {
        let path = functions().into_iter().find(|path| path.ends_with(&format!("/{function}"))).expect("a function");
        self.submits(&path, arguments, "same-origin")
    }

    pub async fn signs_in(&mut self, email: &str, password: &str, back: &str) -> Response {
        let form = format!("email={email}&password={}&back={back}", password.replace(' ', "+"));
        let response = self.posts("/sign-in", &form, "same-origin").await;
        self.keep(&response);
        response
    }

    /// Stores the cookie of an answer that sets one.
    pub fn keep(&mut self, response: &Response) {
        if let Some(cookie) = response.headers().get("set-cookie") {
            self.cookie = cookie.to_str().expect("text").split(';').next().map(str::to_owned);
        }
    }

    /// Returns a page's text, after checking its status.
    pub async fn sees(&self, path: &str, status: u16) -> String {
        text(self.gets(path).await, status).await
    }

    /// Sends a form of a plain page and returns the text of the answer, after checking its status.
    pub async fn sends(&self, path: &str, fields: &[(&str, &str)], status: u16) -> String {
        text(self.posts(path, &form(fields), "same-origin").await, status).await
    }

    /// Creates an invitation as an admin and returns its path.
    pub async fn invites(&self, role: &str) -> String {
        let page = self.sends("/settings/people", &[("do", "invite"), ("role", role)], 200).await;
        self.link(&page, "/invite/")
    }

    /// Returns the path of the link that a page shows.
    pub fn link(&self, page: &str, path: &str) -> String {
        path.to_owned() + between(page, &format!("{}{path}", self.url), "<")
    }
}

#[track_caller]
fn text(response: Response, status: u16) -> impl Future<Output = String> {
    assert_eq!(response.status(), status, "{response:?}");
    async { response.text().await.expect("a page") }
}

/// Encodes a form's fields as a browser sends them.
pub fn form(fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// Returns the part of a text after `start`, up to `end` or the end of the text.
#[track_caller]
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let found = text.split_once(start).and_then(|(_, rest)| rest.split(end).next());
    found.unwrap_or_else(|| panic!("no {start} in {text}"))
}

/// Returns the text of the element with an id.
#[track_caller]
pub fn shown<'a>(page: &'a str, id: &str) -> &'a str {
    between(between(page, &format!("id=\"{id}\""), "</"), ">", "<")
}

/// Returns the location of a redirect.
#[track_caller]
pub fn leads_to(response: &Response) -> &str {
    assert_eq!(response.status(), 303);
    response.headers()["location"].to_str().expect("text")
}

/// Returns the address of every server function.
pub fn functions() -> Vec<String> {
    server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned()).collect()
}
