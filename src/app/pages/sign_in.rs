//! The sign-in page.

use leptos::prelude::*;

use super::frame::{FormNotice, card, notice};
use crate::app::parts::form::{FormField, field, password};

/// Asks for email and password. `back` is where to go afterwards, `refused` why it was not taken.
pub fn sign_in(back: &str, refused: Option<String>) -> AnyView {
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
