//! One's own page: `/me`.

use axum::{
    Extension, Router,
    extract::State,
    http::{StatusCode, request::Parts},
    response::Response,
    routing::get,
};

use super::{
    WebState, confirm,
    forms::{FormFields, FormRefusal},
    session::SignedIn,
    settings::people::{end_sessions, open_sessions},
    sign_in::{failed, see_other},
};
use crate::{
    app::pages::{frame::FormNotice, me as page},
    domain::operator::{Density, Operator, OperatorRef, Theme},
    server::store::{
        links, operators,
        people::{self, Profile},
        sessions, workspaces,
    },
};

/// The page and its forms; behind the gate.
pub fn routes() -> Router<WebState> {
    Router::new().route(page::PATH, get(show).post(change))
}

/// `GET /me`
async fn show(State(web): State<WebState>, Extension(me): Extension<SignedIn>) -> Response {
    drawn(&web, &me, StatusCode::OK, None).await
}

async fn drawn(web: &WebState, me: &SignedIn, status: StatusCode, said: Option<FormNotice>) -> Response {
    match open_sessions(web, me, me.operator.who.id).await {
        Ok(open) => {
            let draw = || page::me(&me.operator, &me.preferences, &open, said);
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
        "password" => password(&web, &me, &parts, &fields).await.map(|()| (me.clone(), PASSWORD_CHANGED)),
        "end" => match end_sessions(&web, &me, me_id, fields.get("session")).await {
            // Perhaps this very one: the gate says.
            Ok(()) => return see_other(page::PATH),
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

/// Keeps the names and wishes that the form changed; who one is then. What it did not change may have been changed
/// elsewhere since the form was drawn.
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
            // Who was not asked yet and does not say so here still is not.
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
            let mut own = people::own(tx, workspace, id).await?;
            change(&mut own);
            people::set_own(tx, workspace, id, &own).await?;
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

/// Takes a new password from who knows the old one; the other sessions end.
async fn password(web: &WebState, me: &SignedIn, parts: &Parts, fields: &FormFields) -> Result<(), FormRefusal> {
    let new = fields.new_password("new_password")?;
    let account = confirm::check(web, me, parts, fields.get("old_password").to_owned()).await?;
    let hash = web.checker.place()?.hash(new).await?;
    let (workspace, id, here) = (me.workspace, me.operator.who.id, me.digest);
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            // As everything does that touches people and their links, so that none waits for the other in a circle.
            workspaces::lock_head(tx, workspace).await?;
            // Of two changes by the same old password one is made.
            if !operators::is_still(tx, &account).await? {
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
