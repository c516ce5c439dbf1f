//! Sessions of browsers: writes and reads the session cookie. The database holds only the hash of its secret.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Uri, header::COOKIE, request::Parts};
use cookie::{Cookie, SameSite, time};
use sqlx::AnyConnection;

use super::{
    origin::{BrowserSide, side},
    web_state::WebState,
};
use crate::{
    domain::{
        ids::{OperatorId, WorkspaceId},
        operator::{Operator, Preferences},
        time::Timestamp,
    },
    server::{
        client,
        config::Settings,
        core::desk::Desk,
        error::Error,
        secret::{Secret, digest},
        store::sessions,
    },
};

/// The signed-in operator behind a request. Middleware stores it in the request's extensions.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub workspace: WorkspaceId,
    pub operator: Operator,
    pub preferences: Preferences,
    /// When the operator last entered their password in this session.
    pub confirmed_at: Timestamp,
    /// The hash of the session's secret, which identifies it in the database.
    pub digest: [u8; 32],
}

/// A session that begins, and replaces the one that the browser had.
pub struct NewSession {
    digest: [u8; 32],
    address: Option<IpAddr>,
    pub now: Timestamp,
    before: Option<SignedIn>,
}

impl NewSession {
    /// Creates a session for the browser behind a request, and returns the secret of its cookie with it.
    pub async fn at(web: &WebState, parts: &Parts) -> Result<(Secret, Self), Error> {
        let before = read(&web.desk, &web.settings, &parts.headers, &parts.uri, ActivitySource::Page).await?;
        let (secret, address) = (Secret::mint()?, client::address(&web.settings, parts));
        let begun = Self { digest: secret.digest(), address, now: web.desk.clock().now(), before };
        Ok((secret, begun))
    }

    /// Begins the session of an operator and ends the one before, within a transaction. Returns the digest of the ended
    /// session, whose streams the caller closes after the commit.
    pub async fn begin(
        &self,
        tx: &mut AnyConnection,
        workspace: WorkspaceId,
        operator: OperatorId,
    ) -> Result<Option<[u8; 32]>, sqlx::Error> {
        if let Some(before) = &self.before {
            sessions::end(tx, before.workspace, &before.digest).await?;
        }
        sessions::begin(tx, workspace, operator, &self.digest, self.address, self.now).await?;
        Ok(self.before.as_ref().map(|before| before.digest))
    }
}

/// Returns the cookie that holds a session's secret; `None` where no cookie is safe.
pub fn cookie_of(side: BrowserSide, secret: &Secret) -> Option<HeaderValue> {
    cookie(side, &side.cookie()?, secret.reveal(), sessions::ABSOLUTE.0 / 1_000)
}

/// Formats a cookie that is `HttpOnly` and `SameSite=Lax`, and `Secure` on HTTPS.
pub fn cookie(side: BrowserSide, name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let cookie = Cookie::build((name, value))
        .path("/")
        .max_age(time::Duration::seconds(seconds))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(side == BrowserSide::Https);
    HeaderValue::from_str(&cookie.to_string()).ok()
}

/// Returns the value of a cookie that a request carries.
pub fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let headers = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut cookies = headers.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// Returns the cookie that deletes a session's cookie.
pub fn no_cookie(side: BrowserSide) -> Option<HeaderValue> {
    cookie(side, &side.cookie()?, "", 0)
}

/// The source of a request. Only the requests of a person keep an idle session alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivitySource {
    Person,
    /// The page sent the request by itself.
    Page,
}

/// Returns whether a request has a session cookie, valid or not.
pub fn is_shown(settings: &Settings, parts: &Parts) -> bool {
    let name = side(settings, &parts.headers, &parts.uri).cookie();
    name.is_some_and(|name| cookie_value(&parts.headers, &name).is_some())
}

/// Returns the operator behind a request, read from the database each time; `None` when there is no valid session.
pub async fn read(
    desk: &Desk,
    settings: &Settings,
    headers: &HeaderMap,
    uri: &Uri,
    by: ActivitySource,
) -> Result<Option<SignedIn>, Error> {
    let name = side(settings, headers, uri).cookie();
    let Some(secret) = name.and_then(|name| cookie_value(headers, &name)) else { return Ok(None) };
    let digest = digest(&secret);
    let now = desk.clock().now();
    let Some(found) = sessions::find(desk.store(), &digest, now).await? else { return Ok(None) };
    if by == ActivitySource::Person && sessions::is_due(found.seen_at, now) {
        // A background task, because the request need not wait for the one writer.
        let store = desk.store().clone();
        desk.background_tasks().spawn(async move {
            if let Err(error) = sessions::seen(&store, found.workspace, &digest, now).await {
                tracing::warn!(%error, "cannot note that a session was used");
            }
        });
    }
    Ok(Some(SignedIn {
        workspace: found.workspace,
        operator: found.operator,
        preferences: found.preferences,
        confirmed_at: found.confirmed_at,
        digest,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_as_strict_as_its_side_allows() {
        let secret = Secret::mint().unwrap();
        assert_eq!(secret.reveal().len(), 43);
        let text = |side| cookie_of(side, &secret).map(|value| value.to_str().unwrap().replace(secret.reveal(), "…"));
        assert_eq!(
            text(BrowserSide::Https).as_deref(),
            Some("__Host-bailout=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1209600")
        );
        assert_eq!(
            text(BrowserSide::Loopback(3000)).as_deref(),
            Some("bailout-3000=…; HttpOnly; SameSite=Lax; Path=/; Max-Age=1209600")
        );
        assert_eq!(text(BrowserSide::Plain), None);
    }
}
