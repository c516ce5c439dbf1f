//! Recognizes the browser of a sign-in. A browser that has signed in to an account before has its own count of failures
//! there: guesses from elsewhere do not delay it, at whatever address it is now. The browser sends a cookie of 256
//! random bits. The database holds its hash with the account's, so no signature is needed, and nobody can make one up.

use axum::http::{HeaderValue, request::Parts};

use super::{
    origin::side,
    session::{cookie, cookie_value},
    throttle::KNOWN,
};
use crate::server::{
    config::Settings,
    error::Error,
    secret::{Secret, digest},
};

/// A browser, identified by its cookie.
pub struct KnownBrowser {
    cookie: Option<HeaderValue>,
    digest: [u8; 32],
}

impl KnownBrowser {
    /// Returns the browser behind a request. A browser without the cookie is new.
    pub fn of(settings: &Settings, parts: &Parts) -> Result<Self, Error> {
        let side = side(settings, &parts.headers, &parts.uri);
        let name = side.cookie().map(|name| name + "-device");
        let shown = name.as_deref().and_then(|name| cookie_value(&parts.headers, name));
        let secret = match shown.filter(|text| Secret::is_one(text)) {
            Some(shown) => shown,
            None => Secret::mint()?.reveal().to_owned(),
        };
        let cookie = name.and_then(|name| cookie(side, &name, &secret, KNOWN.0 / 1_000));
        Ok(Self { cookie, digest: digest(&secret) })
    }

    /// Returns the hash that identifies the browser in the database.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns the cookie that the browser sends the next time; `None` where no cookie is safe.
    pub fn into_cookie(self) -> Option<HeaderValue> {
        self.cookie
    }
}
