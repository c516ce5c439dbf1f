//! Who is signed in: the session's cookie, and reading it. The database holds only the hash of its secret.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Uri, request::Parts};
use axum_extra::extract::CookieJar;
use sqlx::AnyConnection;

use super::{
    WebState,
    origin::{BrowserSide, side},
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

/// The person behind a request. Middleware leaves it in the request's extensions.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub workspace: WorkspaceId,
    pub operator: Operator,
    pub preferences: Preferences,
    /// When they last showed their password in this session.
    pub confirmed_at: Timestamp,
    /// The hash of the session's secret, its name in the database.
    pub digest: [u8; 32],
}

/// A session that begins, in the place of whatever the browser had.
pub struct NewSession {
    digest: [u8; 32],
    address: Option<IpAddr>,
    pub now: Timestamp,
    before: Option<SignedIn>,
}

impl NewSession {
    /// One at the browser behind a request, and the secret of its cookie.
    pub async fn at(web: &WebState, parts: &Parts) -> Result<(Secret, Self), Error> {
        let before = read(&web.desk, &web.settings, &parts.headers, &parts.uri, ActivitySource::Page).await?;
        let (secret, address) = (Secret::mint()?, client::address(&web.settings, parts));
        let begun = Self { digest: secret.digest(), address, now: web.desk.clock().now(), before };
        Ok((secret, begun))
    }

    /// Begins it for somebody, and ends the one before, within a transaction; which that was, to be closed after the commit.
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

/// The cookie that brings a session's secret back; nothing where no cookie is safe.
pub fn cookie_of(side: BrowserSide, secret: &Secret) -> Option<HeaderValue> {
    cookie(side, &side.cookie()?, secret.reveal(), sessions::ABSOLUTE.0 / 1_000)
}

/// A cookie that only this server gets to see.
pub fn cookie(side: BrowserSide, name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let secure = if side == BrowserSide::Https { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).ok()
}

/// The cookie that takes a session's cookie away.
pub fn no_cookie(side: BrowserSide) -> Option<HeaderValue> {
    cookie(side, &side.cookie()?, "", 0)
}

/// Whether a request is the person's doing, so that it keeps an idle session alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivitySource {
    Person,
    /// The page did it by itself.
    Page,
}

/// Whether a request shows a session, good or not.
pub fn is_shown(settings: &Settings, parts: &Parts) -> bool {
    let name = side(settings, &parts.headers, &parts.uri).cookie();
    name.is_some_and(|name| CookieJar::from_headers(&parts.headers).get(&name).is_some())
}

/// Who is behind a request, read from the database each time; nobody when there is no good session.
pub async fn read(
    desk: &Desk,
    settings: &Settings,
    headers: &HeaderMap,
    uri: &Uri,
    by: ActivitySource,
) -> Result<Option<SignedIn>, Error> {
    let jar = CookieJar::from_headers(headers);
    let name = side(settings, headers, uri).cookie();
    let Some(secret) = name.and_then(|name| jar.get(&name)) else { return Ok(None) };
    let digest = digest(secret.value());
    let now = desk.clock().now();
    let Some(found) = sessions::find(desk.store(), &digest, now).await? else { return Ok(None) };
    if by == ActivitySource::Person && sessions::is_due(found.seen_at, now) {
        // Beside the request, which need not wait for the one writer.
        let store = desk.store().clone();
        desk.beside().spawn(async move {
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
            Some("__Host-bailout=…; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax; Secure")
        );
        assert_eq!(
            text(BrowserSide::Loopback(3000)).as_deref(),
            Some("bailout-3000=…; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax")
        );
        assert_eq!(text(BrowserSide::Plain), None);
    }
}
