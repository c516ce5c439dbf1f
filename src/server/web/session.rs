//! Who is signed in: the session's cookie, and reading it. The database holds only the hash of its secret.

use axum::http::{HeaderMap, HeaderValue, Uri};
use axum_extra::extract::CookieJar;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::origin::{Side, side};
use crate::{
    domain::{ids::WorkspaceId, operator::Operator},
    server::{config::Settings, desk::Desk, error::Error, store::sessions},
};

/// The person behind a request. Middleware leaves it in the request's extensions.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub workspace: WorkspaceId,
    pub operator: Operator,
    /// The hash of the session's secret, its name in the database.
    pub digest: [u8; 32],
}

/// What a session's cookie holds: 256 random bits. Never printed.
pub struct Secret(String);

impl Secret {
    /// A fresh one.
    pub fn mint() -> Result<Self, Error> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|problem| Error::Internal(format!("no random bits: {problem}")))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bits)))
    }

    /// Its name in the database.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.0)
    }

    /// The cookie that brings it back; nothing where no cookie is safe.
    pub fn cookie(&self, side: Side) -> Option<HeaderValue> {
        cookie(side, &self.0, sessions::ABSOLUTE.0 / 1_000)
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn cookie(side: Side, value: &str, seconds: i64) -> Option<HeaderValue> {
    let name = side.cookie()?;
    let secure = if side == Side::Https { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).ok()
}

/// The cookie that takes a session's cookie away.
pub fn no_cookie(side: Side) -> Option<HeaderValue> {
    cookie(side, "", 0)
}

/// Whether a request is the person's doing, so that it keeps an idle session alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Person,
    /// The page did it by itself.
    Page,
}

/// Who is behind a request, read from the database each time; nobody when there is no good session.
pub async fn read(
    desk: &Desk,
    settings: &Settings,
    headers: &HeaderMap,
    uri: &Uri,
    by: By,
) -> Result<Option<SignedIn>, Error> {
    let jar = CookieJar::from_headers(headers);
    let Some(secret) = side(settings, headers, uri).cookie().and_then(|name| jar.get(name)) else { return Ok(None) };
    let digest = digest(secret.value());
    let now = desk.clock().now();
    let Some(found) = sessions::find(desk.store(), &digest, now).await? else { return Ok(None) };
    if by == By::Person && sessions::is_due(found.seen_at, now) {
        // Beside the request, which need not wait for the one writer.
        let store = desk.store().clone();
        desk.beside().spawn(async move {
            if let Err(error) = sessions::seen(&store, found.workspace, &digest, now).await {
                tracing::warn!(%error, "cannot note that a session was used");
            }
        });
    }
    Ok(Some(SignedIn { workspace: found.workspace, operator: found.operator, digest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_as_strict_as_its_side_allows() {
        let secret = Secret::mint().unwrap();
        assert_eq!(secret.0.len(), 43);
        let text = |side| secret.cookie(side).map(|value| value.to_str().unwrap().replace(&secret.0, "…"));
        assert_eq!(
            text(Side::Https).as_deref(),
            Some("__Host-bailout=…; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax; Secure")
        );
        assert_eq!(text(Side::Loopback).as_deref(), Some("bailout=…; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax"));
        assert_eq!(text(Side::Plain), None);
    }
}
