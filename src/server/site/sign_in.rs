//! Signs operators in and out, with plain forms that work without any script.

use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, Uri, header::SET_COOKIE, request::Parts},
    response::{IntoResponse, Response},
};
use leptos::prelude::*;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::{
    app::parts::form::{FormField, field, password},
    domain::{operator::Preferences, time::Span},
    server::{
        client,
        core::open_streams::Credential,
        error::Error,
        secret::Secret,
        site::{
            device::KnownBrowser,
            frame::{FormNotice, card, notice},
            origin::{BrowserSide, side},
            respond::{HOME, failed, see_other, too_often},
            session::{self, ActivitySource, NewSession, SignedIn},
            throttle::{self, Admission},
            web_state::WebState,
        },
        store::{
            operators::{self, Email},
            sessions,
        },
    },
};

/// The maximum length of the address to go back to.
const LONGEST_BACK: usize = 2_000;
/// The message that refuses a sign-in on plain HTTP.
pub const INSECURE: &str = "Signing in needs HTTPS, or this very machine: a password must not travel in the clear.";

/// The sign-in form.
#[derive(Deserialize)]
pub struct SignInForm {
    email: String,
    password: String,
    #[serde(default)]
    back: String,
}

/// Returns the page to go back to: a path of this site that no browser could read as another site's, else [`HOME`].
pub fn own_path(back: &str) -> &str {
    let plain = back.len() <= LONGEST_BACK && back.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let own = back.starts_with('/') && !back.starts_with("//");
    let loops = ["/sign-in", "/sign-out"].iter().any(|path| back.starts_with(path));
    if plain && own && !loops { back } else { HOME }
}

/// The characters that a query field percent-encodes.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Percent-encodes a text as the value of a query field.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &ENCODED).to_string()
}

/// The query parameters of the sign-in page.
#[derive(Default, Deserialize)]
pub struct SignInParams {
    #[serde(default)]
    back: String,
    refused: Option<String>,
    /// How long to wait before the next attempt.
    seconds: Option<i64>,
}

/// `GET /sign-in`
pub async fn page(
    State(web): State<WebState>,
    headers: HeaderMap,
    uri: Uri,
    asked: Result<Query<SignInParams>, QueryRejection>,
) -> Response {
    let Query(asked) = asked.unwrap_or_default();
    let back = own_path(&asked.back);
    match who(&web, &headers, &uri).await {
        Ok(Some(_)) => see_other(back),
        Ok(None) => {
            let refused = asked.refused.map(|why| sentence(&why, asked.seconds));
            let draw = || draw_sign_in(back, refused);
            web.page(StatusCode::OK, Preferences::default(), "Sign in · Bailout", draw)
        }
        Err(error) => failed(error),
    }
}

fn sentence(refused: &str, seconds: Option<i64>) -> String {
    match refused {
        "wrong" => "Email or password is wrong.".to_owned(),
        "throttled" => too_often(seconds.filter(|it| (1..=3_600).contains(it)).map(Span::seconds)),
        "insecure" => INSECURE.to_owned(),
        _ => "That did not work. Try again.".to_owned(),
    }
}

/// The result of a sign-in.
enum Entry {
    In(Secret, KnownBrowser),
    Wrong,
    Throttled(Span),
}

/// `POST /sign-in`
pub async fn sign_in(
    State(web): State<WebState>,
    parts: Parts,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Response {
    let form = match form {
        Ok(Form(form)) => form,
        Err(refused) => {
            return (refused.status(), "A sign-in form has the fields email and password.\n").into_response();
        }
    };
    let back = own_path(&form.back).to_owned();
    let refused = |why: &str| see_other(&format!("/sign-in?refused={why}&back={}", encoded(&back)));
    let side = side(&web.settings, &parts.headers, &parts.uri);
    if side == BrowserSide::Plain {
        return refused("insecure");
    }
    match enter(&web, &parts, form).await {
        Ok(Entry::In(secret, device)) => {
            let mut response = see_other(&back);
            for cookie in [session::cookie_of(side, &secret), device.into_cookie()].into_iter().flatten() {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Ok(Entry::Wrong) => refused("wrong"),
        // Rounded up, so that the person who waits so long gets in.
        Ok(Entry::Throttled(wait)) => refused(&format!("throttled&seconds={}", (wait.0 + 999) / 1_000)),
        Err(error) => failed(error),
    }
}

async fn enter(web: &WebState, parts: &Parts, form: SignInForm) -> Result<Entry, Error> {
    let store = web.desk.store();
    let now = web.desk.clock().now();
    // The place in the queue comes first: an attempt that is refused because the queue is full is not counted.
    let place = web.checker.place()?;
    let email = form.email.parse::<Email>().ok();
    let typed = email.as_ref().map_or_else(|| form.email.trim().to_lowercase(), Email::to_string);
    let address = client::address(&web.settings, parts);
    let device = KnownBrowser::of(&web.settings, parts)?;
    let tried = match throttle::admit(store, &typed, device.digest(), address, now).await? {
        Admission::In(tried) => tried,
        Admission::Wait(wait) => return Ok(Entry::Throttled(wait)),
    };
    let account = match &email {
        Some(email) => operators::account(store, email).await?,
        None => None,
    };
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let same = place.matches(form.password, hash).await?;
    let Some(account) = account.filter(|_| same) else { return Ok(Entry::Wrong) };
    let (secret, begun) = NewSession::at(web, parts).await?;
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            // The account may have changed while its password was checked.
            if !operators::lock_if_unchanged(tx, &account).await? {
                return Ok(None);
            }
            throttle::record_success(tx, &tried, begun.now).await?;
            Ok::<_, Error>(Some(begun.begin(tx, account.workspace, account.operator).await?))
        })
    });
    let Some(ended) = write.await? else { return Ok(Entry::Wrong) };
    web.close_sessions(ended);
    Ok(Entry::In(secret, device))
}

async fn who(web: &WebState, headers: &HeaderMap, uri: &Uri) -> Result<Option<SignedIn>, Error> {
    session::read(&web.desk, &web.settings, headers, uri, ActivitySource::Page).await
}

/// `POST /sign-out`
pub async fn sign_out(State(web): State<WebState>, headers: HeaderMap, uri: Uri) -> Response {
    match leave(&web, &headers, &uri).await {
        Ok(()) => {
            let mut response = see_other("/sign-in");
            let cookie = session::no_cookie(side(&web.settings, &headers, &uri));
            response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
            response
        }
        Err(error) => failed(error),
    }
}

async fn leave(web: &WebState, headers: &HeaderMap, uri: &Uri) -> Result<(), Error> {
    let Some(signed_in) = who(web, headers, uri).await? else { return Ok(()) };
    let (workspace, digest) = (signed_in.workspace, signed_in.digest);
    let write = web
        .desk
        .store()
        .write(move |tx| Box::pin(async move { Ok::<_, Error>(sessions::end(tx, workspace, &digest).await?) }));
    write.await?;
    web.desk.open_streams().close(&Credential::Session(digest));
    Ok(())
}

/// Draws the sign-in form. `back` is the page to open afterwards, `refused` the reason why an attempt was refused.
pub fn draw_sign_in(back: &str, refused: Option<String>) -> AnyView {
    let form = view! {
        <form class="sign-in-form" method="post" action="/sign-in">
            <h1 class="sign-in-title">"Sign in"</h1>
            {notice(refused.map(FormNotice::Refused))}
            <input type="hidden" name="back" value=back.to_owned()/>
            {field(FormField { name: "email", label: "Email", kind: "email", autocomplete: "username", ..FormField::default() })}
            {password("password", "Password", "current-password")}
            <button class="button" data-kind="primary" type="submit">"Sign in"</button>
        </form>
    };
    card(vec![form.into_any()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_back_to_own_paths_only() {
        for own in ["/queue", "/e/esc_01?message=2&x=%2F", "/", "/search?q=a+b"] {
            assert_eq!(own_path(own), own);
        }
        for foreign in [
            "",
            "queue",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "/a\r\nSet-Cookie: x",
            "/a b",
            "/ä",
            "/a\\b",
            "/sign-in?back=/",
            "/sign-out",
            "javascript:alert(1)",
            "\t//evil.example",
        ] {
            assert_eq!(own_path(foreign), HOME, "{foreign:?}");
        }
        assert_eq!(own_path(&format!("/{}", "a".repeat(LONGEST_BACK))), HOME);
    }

    #[test]
    fn a_path_survives_as_a_field() {
        assert_eq!(encoded("/search?q=a&b=%2F"), "/search%3Fq%3Da%26b%3D%252F");
    }
}
