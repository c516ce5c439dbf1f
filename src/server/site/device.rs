//! Which browser tries to sign in. One that an account was signed in to from has a lane of its own there: guesses from
//! elsewhere do not slow it down, wherever it is by now. It shows a cookie of 256 random bits; the database holds the hash,
//! beside the account's, so nothing has to be signed, and nobody can make one up.

use axum::http::{HeaderValue, request::Parts};
use axum_extra::extract::CookieJar;

use super::{origin::side, session::cookie, throttle::KNOWN};
use crate::server::{
    config::Settings,
    error::Error,
    secret::{Secret, digest},
};

/// A browser.
pub struct KnownBrowser {
    cookie: Option<HeaderValue>,
    digest: [u8; 32],
}

impl KnownBrowser {
    /// The one behind a request; one that shows no cookie is new.
    pub fn of(settings: &Settings, parts: &Parts) -> Result<Self, Error> {
        let side = side(settings, &parts.headers, &parts.uri);
        let name = side.cookie().map(|name| name + "-device");
        let jar = CookieJar::from_headers(&parts.headers);
        let shown = name.as_deref().and_then(|name| jar.get(name)).map(|cookie| cookie.value().to_owned());
        let secret = match shown.filter(|text| Secret::is_one(text)) {
            Some(shown) => shown,
            None => Secret::mint()?.reveal().to_owned(),
        };
        let cookie = name.and_then(|name| cookie(side, &name, &secret, KNOWN.0 / 1_000));
        Ok(Self { cookie, digest: digest(&secret) })
    }

    /// Its name in the database.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The cookie that it shows the next time; none where none is safe.
    pub fn into_cookie(self) -> Option<HeaderValue> {
        self.cookie
    }
}
