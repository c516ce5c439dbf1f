//! Asks for the password again before a sensitive action, when it was last entered a while ago. The page that asks
//! holds the original form in hidden fields, so that the action is executed once the right password is sent.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request, State},
    http::{StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use leptos::prelude::*;

use crate::{
    app::parts::form::password,
    domain::{operator::Operator, time::Span},
    server::{
        client,
        error::Error,
        site::{
            device::KnownBrowser,
            forms::{FormFields, FormRefusal, LARGEST_FORM},
            frame::{FormNotice, page, section},
            respond::{failed, too_often},
            session::SignedIn,
            throttle::{self, Admission},
            web_state::WebState,
        },
        store::{
            operators::{self, Account},
            people, sessions,
        },
    },
};

/// How long a password counts after it was entered.
const FRESH: Span = Span::minutes(15);
/// The form field in which the password is entered again.
pub const FIELD: &str = "confirm_password";

/// Lets a form through whose sender has entered the password recently, or enters it now. Safe methods always pass. This
/// layer belongs behind the gate.
pub async fn require(State(web): State<WebState>, request: Request, next: Next) -> Response {
    let Some(signed_in) = request.extensions().get::<SignedIn>().cloned() else {
        return failed(Error::Internal("a form was sent past the gate".into()));
    };
    if request.method().is_safe() || web.desk.clock().now() - signed_in.confirmed_at < FRESH {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST_FORM).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let request = |bytes| Request::from_parts(parts.clone(), Body::from(bytes));
    let fields = match FormFields::from_request(request(bytes.clone()), &()).await {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    let waits: Vec<_> = fields.0.iter().filter(|(name, _)| name != FIELD).cloned().collect();
    let ask = async |status, refused: Option<FormNotice>| {
        let draw = || draw_confirmation(&signed_in.operator, parts.uri.path(), &waits, FIELD, refused);
        web.page(status, signed_in.preferences, "Confirm that it is you · Bailout", draw)
    };
    let Some(password) = fields.find(FIELD) else { return ask(StatusCode::FORBIDDEN, None).await };
    match check(&web, &signed_in, &parts, password.to_owned()).await {
        Ok(_) => next.run(request(bytes)).await,
        Err(denied) => denied.answer(async |status, why| ask(status, Some(why)).await).await,
    }
}

/// Checks the password of the signed-in operator, throttled like a sign-in. The right password counts for a while.
/// Returns the operator's account.
pub async fn check(
    web: &WebState,
    signed_in: &SignedIn,
    parts: &Parts,
    password: String,
) -> Result<Account, FormRefusal> {
    let (store, now, workspace) = (web.desk.store(), web.desk.clock().now(), signed_in.workspace);
    let place = web.checker.place()?;
    let Some(member) = people::one(store, workspace, signed_in.operator.who.id).await? else {
        return Err(FormRefusal::said("You are no longer here."));
    };
    let (device, address) = (KnownBrowser::of(&web.settings, parts)?, client::address(&web.settings, parts));
    let tried = match throttle::admit(store, &member.email, device.digest(), address, now).await? {
        Admission::In(tried) => tried,
        Admission::Wait(wait) => return Err(FormRefusal::Said(too_often(Some(wait)))),
    };
    let account = match member.email.parse() {
        Ok(email) => operators::account(store, &email).await?,
        Err(_) => None,
    };
    let same = place.matches(password, account.as_ref().map(|account| account.password_hash.clone())).await?;
    let wrong = || FormRefusal::said("The password is wrong.");
    let account = account.filter(|_| same).ok_or_else(wrong)?;
    let digest = signed_in.digest;
    let write = store.write(move |tx| {
        Box::pin(async move {
            if !operators::lock_if_unchanged(tx, &account).await? {
                return Err(wrong());
            }
            throttle::record_success(tx, &tried, now).await?;
            sessions::confirm(tx, workspace, &digest, now).await?;
            Ok(account)
        })
    });
    write.await
}

/// Draws a form that asks for the password in the field `name`. `action` is the address of the original form, `waits`
/// its fields.
pub fn draw_confirmation(
    operator: &Operator,
    action: &str,
    waits: &[(String, String)],
    name: &'static str,
    refused: Option<FormNotice>,
) -> AnyView {
    let waits = waits
        .iter()
        .map(|(name, value)| view! { <input type="hidden" name=name.clone() value=value.clone()/> }.into_any());
    let form = view! {
        <form class="plain-form" method="post" action=action.to_owned()>
            {waits.collect::<Vec<_>>()}
            {password(name, "Password", "current-password")}
            <button class="button" data-kind="primary" type="submit">"Confirm"</button>
        </form>
    };
    let why = view! { <p class="plain-facts">"You signed in a while ago, and this has effects beyond this page."</p> };
    let content = section("Show your password again", vec![why.into_any(), form.into_any()]);
    page(operator, "", "Confirm that it is you", refused, vec![content])
}
