//! The operator's own page: `/me`.

use axum::{
    Extension, Router,
    extract::State,
    http::{StatusCode, request::Parts},
    response::Response,
    routing::get,
};
use leptos::prelude::*;

use crate::{
    app::parts::form::{FormField, choice, field, password},
    domain::operator::{Density, Operator, OperatorRef, Theme},
    server::{
        site::{
            confirm,
            forms::{FormFields, FormRefusal},
            frame::{FormNotice, check, hidden, page, section},
            respond::{failed, see_other},
            session::SignedIn,
            session_list::{draw_sessions, end_sessions},
            web_state::WebState,
        },
        store::{
            links, operators,
            people::{self, Profile},
            sessions::{self, OpenSession},
            workspaces,
        },
    },
};

/// Returns the routes of the page and its forms, which belong behind the gate.
pub fn routes() -> Router<WebState> {
    Router::new().route(PATH, get(show).post(change))
}

/// `GET /me`
async fn show(State(web): State<WebState>, Extension(me): Extension<SignedIn>) -> Response {
    drawn(&web, &me, StatusCode::OK, None).await
}

async fn drawn(web: &WebState, me: &SignedIn, status: StatusCode, said: Option<FormNotice>) -> Response {
    match sessions::open(web.desk.store(), me.workspace, me.operator.who.id, web.desk.clock().now()).await {
        Ok(open) => {
            let draw = || draw_me(me, &open, said);
            web.page(status, me.preferences, "Me · Bailout", draw)
        }
        Err(error) => failed(error),
    }
}

/// `POST /me`
async fn change(
    State(web): State<WebState>,
    Extension(me): Extension<SignedIn>,
    parts: Parts,
    fields: FormFields,
) -> Response {
    let me_id = me.operator.who.id;
    let done = match fields.get("do") {
        "save" => save(&web, &me, &fields).await.map(|me| (me, "Saved.")),
        "password" => change_password(&web, &me, &parts, &fields).await.map(|()| (me.clone(), PASSWORD_CHANGED)),
        "end" => match end_sessions(&web, &me, me_id, fields.get("session")).await {
            // The ended session may be this one. Then the gate redirects to the sign-in page.
            Ok(()) => return see_other(PATH),
            Err(denied) => Err(denied),
        },
        _ => Err(FormRefusal::said("There is nothing of that name to do.")),
    };
    match done {
        Ok((me, words)) => drawn(&web, &me, StatusCode::OK, Some(FormNotice::Done(words))).await,
        Err(denied) => denied.answer(async |status, why| drawn(&web, &me, status, Some(why)).await).await,
    }
}

const PASSWORD_CHANGED: &str = "Your password is changed, and your other sessions have ended.";

/// Saves the names and preferences that the form changed, and returns the operator with the new values. A field that
/// the form did not change may have been changed elsewhere since the form was drawn, so it is left alone.
async fn save(web: &WebState, me: &SignedIn, fields: &FormFields) -> Result<SignedIn, FormRefusal> {
    let (name, public_name) = (fields.name("name", "A name")?, fields.name("public_name", "A public name")?);
    let (theme, density) = (theme(fields.get("theme"))?, density(fields.get("density"))?);
    let fields = fields.clone();
    let change = move |own: &mut Profile| {
        let is_new = |name: &str| fields.find(&format!("was_{name}")).is_none_or(|was| was != fields.get(name));
        let is_on = |name| fields.get(name) == "on";
        let wishes = &mut own.preferences;
        if is_new("theme") {
            wishes.theme = theme;
        }
        if is_new("density") {
            wishes.density = density;
        }
        if is_new("enter_sends") {
            // An operator who was not asked yet, and does not check the box, still counts as not asked.
            wishes.keys.enter_sends = is_on("enter_sends").then_some(true).or(wishes.keys.enter_sends.map(|_| false));
        }
        if is_new("shortcuts_off") {
            wishes.keys.shortcuts_off = is_on("shortcuts_off");
        }
        if is_new("name") {
            own.name = name;
        }
        if is_new("public_name") {
            own.public_name = public_name;
        }
    };
    let (workspace, id) = (me.workspace, me.operator.who.id);
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            let mut own = people::lock_profile(tx, workspace, id).await?;
            change(&mut own);
            people::set_profile(tx, workspace, id, &own).await?;
            Ok::<_, FormRefusal>(own)
        })
    });
    let Profile { name, public_name, preferences } = write.await?;
    let operator = Operator { who: OperatorRef { id, name, public_name }, role: me.operator.role };
    Ok(SignedIn { operator, preferences, ..me.clone() })
}

fn theme(word: &str) -> Result<Theme, FormRefusal> {
    match word {
        "system" => Ok(Theme::System),
        "light" => Ok(Theme::Light),
        "dark" => Ok(Theme::Dark),
        _ => Err(FormRefusal::said("There is no such theme.")),
    }
}

fn density(word: &str) -> Result<Density, FormRefusal> {
    match word {
        "comfortable" => Ok(Density::Comfortable),
        "compact" => Ok(Density::Compact),
        _ => Err(FormRefusal::said("There is no such density.")),
    }
}

/// Sets a new password for an operator who knows the old one, and ends the other sessions.
async fn change_password(web: &WebState, me: &SignedIn, parts: &Parts, fields: &FormFields) -> Result<(), FormRefusal> {
    let new = fields.new_password("new_password")?;
    let account = confirm::check(web, me, parts, fields.get("old_password").to_owned()).await?;
    let hash = web.checker.place()?.hash(new).await?;
    let (workspace, id, here) = (me.workspace, me.operator.who.id, me.digest);
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            // Every transaction that changes people and their links takes this lock first, which prevents deadlocks.
            workspaces::lock_head(tx, workspace).await?;
            // Of two changes with the same old password, only one succeeds.
            if !operators::lock_if_unchanged(tx, &account).await? {
                return Err(FormRefusal::said("The password was changed meanwhile."));
            }
            people::set_password(tx, workspace, id, &hash).await?;
            links::revoke_resets(tx, workspace, id).await?;
            Ok(sessions::end_all(tx, workspace, id, Some(&here)).await?)
        })
    });
    web.close_sessions(write.await?);
    Ok(())
}

/// The path of the page.
const PATH: &str = "/me";

/// Draws the page.
fn draw_me(signed_in: &SignedIn, open: &[OpenSession], said: Option<FormNotice>) -> AnyView {
    let (me, preferences) = (&signed_in.operator, &signed_in.preferences);
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
    let themes = [("system", "System"), ("light", "Light"), ("dark", "Dark")];
    let densities = [("comfortable", "Comfortable"), ("compact", "Compact")];
    let (theme, density) =
        (preferences.named_theme().unwrap_or("system"), preferences.named_density().unwrap_or("comfortable"));
    let (enter_sends, shortcuts_off) = (preferences.keys.enter_sends == Some(true), preferences.keys.shortcuts_off);
    let on = |checked| if checked { "on" } else { "" };
    // The previous value of each field, which shows what the form changed.
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
            {check("shortcuts_off", "Disable single-key shortcuts", shortcuts_off)}
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
        section("Sessions", draw_sessions(PATH, open, &signed_in.digest)),
    ];
    page(me, PATH, "Me", said, content)
}
