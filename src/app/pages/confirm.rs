//! The page that asks for the password once more, with what was to be done kept in it.

use leptos::prelude::*;

use super::frame::{FormNotice, page, section};
use crate::{app::parts::form::password, domain::operator::Operator};

/// Asks for the password in the field `name`. `action` is where the form was sent, `waits` what was in it.
pub fn confirm(
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
