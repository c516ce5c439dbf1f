//! The pages behind links that work once: joining, and choosing a new password.

use leptos::prelude::*;

use super::frame::{FormNotice, card, notice};
use crate::app::parts::form::{FormField, field, password};

/// What was typed so far, but the password.
#[derive(Default)]
pub struct JoinForm {
    pub name: String,
    pub email: String,
}

/// Draws a form that asks for name, email and password.
pub fn newcomer(
    heading: &'static str,
    why: String,
    submit: &'static str,
    typed: &JoinForm,
    refused: Option<FormNotice>,
) -> AnyView {
    let name = FormField {
        name: "name",
        label: "Name",
        kind: "text",
        autocomplete: "name",
        value: &typed.name,
        most: 100,
        first: true,
    };
    let email = FormField {
        name: "email",
        label: "Email",
        kind: "email",
        autocomplete: "username",
        value: &typed.email,
        most: 254,
        first: false,
    };
    let fields = vec![field(name), field(email), password("password", "Password", "new-password")];
    form(heading, why, submit, fields, refused)
}

/// Draws a form that asks for a new password.
pub fn reset(why: String, refused: Option<FormNotice>) -> AnyView {
    let fields = vec![password("password", "New password", "new-password")];
    form("Choose a new password", why, "Save", fields, refused)
}

fn form(
    heading: &'static str,
    why: String,
    submit: &'static str,
    fields: Vec<AnyView>,
    refused: Option<FormNotice>,
) -> AnyView {
    let form = view! {
        // It is sent to where it is: the link's secret stands in no page.
        <form class="sign-in-form" method="post">
            <h1 class="sign-in-title">{heading}</h1>
            <p class="plain-facts">{why}</p>
            {notice(refused)}
            {fields}
            <button class="button" data-kind="primary" type="submit">{submit}</button>
        </form>
    };
    card(vec![form.into_any()])
}

/// Says that a link opens nothing, be it used, revoked, too old, or never there.
pub fn spent() -> AnyView {
    let words = view! {
        <div class="sign-in-form">
            <h1 class="sign-in-title">"This link does not work"</h1>
            <p>"It was used, revoked, or is too old. Ask whoever sent it for another."</p>
            <p><a href="/sign-in">"Sign in"</a></p>
        </div>
    };
    card(vec![words.into_any()])
}
