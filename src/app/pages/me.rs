//! One's own page: names, how the console looks and behaves, the password, the sessions.

use leptos::prelude::*;

use super::{
    frame::{FormNotice, hidden, page, section},
    settings::people::{Session, sessions},
};
use crate::{
    app::parts::form::{FormField, choice, field, password},
    domain::operator::{Operator, Preferences},
};

/// Where it is.
pub const PATH: &str = "/me";

/// Draws the page.
pub fn me(me: &Operator, preferences: &Preferences, open: &[Session], said: Option<FormNotice>) -> AnyView {
    let name = FormField {
        name: "name",
        label: "Name",
        kind: "text",
        autocomplete: "name",
        value: me.who.name.as_str(),
        most: 100,
        first: false,
    };
    let public_name = FormField {
        name: "public_name",
        label: "Public name, which customers and agents see",
        kind: "text",
        autocomplete: "off",
        value: me.who.public_name.as_str(),
        most: 100,
        first: false,
    };
    let themes = [("system", "As the system has it"), ("light", "Light"), ("dark", "Dark")];
    let densities = [("comfortable", "Comfortable"), ("compact", "Compact")];
    let (theme, density) =
        (preferences.named_theme().unwrap_or("system"), preferences.named_density().unwrap_or("comfortable"));
    let (enter_sends, shortcuts_off) = (preferences.keys.enter_sends == Some(true), preferences.keys.shortcuts_off);
    let on = |checked| if checked { "on" } else { "" };
    // What each field was, by which is known what was changed.
    let was = [
        ("was_name", name.value),
        ("was_public_name", public_name.value),
        ("was_theme", theme),
        ("was_density", density),
        ("was_enter_sends", on(enter_sends)),
        ("was_shortcuts_off", on(shortcuts_off)),
    ];
    let was: Vec<AnyView> = was.into_iter().map(|(name, value)| hidden(name, value)).collect();
    let wishes = view! {
        <form class="dialog-form fields" method="post" action=PATH>
            {was}
            {field(name)} {field(public_name)}
            {choice("theme", "Theme", themes, theme)}
            {choice("density", "Density", densities, density)}
            {check("enter_sends", "Enter sends", enter_sends)}
            {check("shortcuts_off", "Single keys are no shortcuts", shortcuts_off)}
            <div class="plain-acts">
                <button class="button" data-kind="primary" type="submit" name="do" value="save">"Save"</button>
            </div>
        </form>
    };
    let secret = view! {
        <form class="dialog-form fields" method="post" action=PATH>
            {password("old_password", "Old password", "current-password")}
            {password("new_password", "New password", "new-password")}
            <p class="field-hint">"Choose one of 12 characters or more."</p>
            <div class="plain-acts">
                <button class="button" type="submit" name="do" value="password">"Change password"</button>
            </div>
        </form>
    };
    let notifications = view! {
        <p class="plain-facts">
            "The bell in the console turns them on. "
            <span id="permission">"Whether this browser shows them is known once its scripts run."</span>
        </p>
        <div class="plain-acts">
            <button class="button needs-script" type="button" data-notify="">"Test it"</button>
        </div>
    };
    let content = vec![
        section("You and the console", vec![wishes.into_any()]),
        section("Notifications", vec![notifications.into_any()]),
        section("Password", vec![secret.into_any()]),
        section("Sessions", sessions(PATH, open)),
    ];
    page(me, PATH, "Me", said, content)
}

fn check(name: &'static str, label: &'static str, checked: bool) -> AnyView {
    view! { <label class="choice"><input type="checkbox" name=name value="on" checked=checked/> {label}</label> }
        .into_any()
}
