//! One's own page: `/me`.

use axum::{
    Extension, Router,
    extract::State,
    http::{StatusCode, request::Parts},
    response::Response,
    routing::get,
};

use super::{
    Web, confirm,
    forms::{Denied, Fields},
    session::SignedIn,
    settings::people::{end_sessions, open_sessions},
    sign_in::{failed, see_other},
};
use crate::{
    app::pages::{frame::Notice, me as page},
    domain::operator::{Density, Keys, Operator, OperatorRef, Preferences, Theme},
    server::store::{links, operators, people, sessions},
};

/// The page and its forms; behind the gate.
pub fn routes() -> Router<Web> {
    Router::new().route(page::PATH, get(show).post(change))
}

/// `GET /me`
async fn show(State(web): State<Web>, Extension(me): Extension<SignedIn>) -> Response {
    drawn(&web, &me, StatusCode::OK, None).await
}

async fn drawn(web: &Web, me: &SignedIn, status: StatusCode, said: Option<Notice>) -> Response {
    match open_sessions(web, me, me.operator.who.id).await {
        Ok(open) => {
            let draw = || page::me(&me.operator, &me.preferences, &open, said);
            web.page(status, me.preferences, "Me · Bailout", draw)
        }
        Err(error) => failed(error),
    }
}

/// `POST /me`
async fn change(State(web): State<Web>, Extension(me): Extension<SignedIn>, parts: Parts, fields: Fields) -> Response {
    let me_id = me.operator.who.id;
    let done = match fields.get("do") {
        "save" => save(&web, &me, &fields).await.map(|me| (me, "Saved.")),
        "password" => password(&web, &me, &parts, &fields).await.map(|()| (me.clone(), PASSWORD_CHANGED)),
        "end" => match end_sessions(&web, &me, me_id, fields.get("session")).await {
            // Perhaps this very one: the gate says.
            Ok(()) => return see_other(page::PATH),
            Err(denied) => Err(denied),
        },
        _ => Err(Denied::said("There is nothing of that name to do.")),
    };
    match done {
        Ok((me, words)) => drawn(&web, &me, StatusCode::OK, Some(Notice::Done(words))).await,
        Err(denied) => denied.answer(async |status, why| drawn(&web, &me, status, Some(why)).await).await,
    }
}

const PASSWORD_CHANGED: &str = "Your password is changed, and your other sessions have ended.";

/// Keeps names and wishes; who one is then.
async fn save(web: &Web, me: &SignedIn, fields: &Fields) -> Result<SignedIn, Denied> {
    let (name, public_name) = (fields.name("name", "A name")?, fields.name("public_name", "A public name")?);
    let is_on = |name| fields.get(name) == "on";
    let keys = Keys {
        // Who was not asked yet and does not say so here still is not.
        enter_sends: is_on("enter_sends").then_some(true).or(me.preferences.keys.enter_sends.map(|_| false)),
        shortcuts_off: is_on("shortcuts_off"),
    };
    let preferences =
        Preferences { theme: theme(fields.get("theme"))?, density: density(fields.get("density"))?, keys };
    let (workspace, id) = (me.workspace, me.operator.who.id);
    let who = OperatorRef { id, name: name.clone(), public_name: public_name.clone() };
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            people::set_names(tx, workspace, id, &name, &public_name).await?;
            people::set_preferences(tx, workspace, id, &preferences).await
        })
    });
    write.await?;
    Ok(SignedIn { operator: Operator { who, role: me.operator.role }, preferences, ..me.clone() })
}

fn theme(word: &str) -> Result<Theme, Denied> {
    match word {
        "system" => Ok(Theme::System),
        "light" => Ok(Theme::Light),
        "dark" => Ok(Theme::Dark),
        _ => Err(Denied::said("There is no such theme.")),
    }
}

fn density(word: &str) -> Result<Density, Denied> {
    match word {
        "comfortable" => Ok(Density::Comfortable),
        "compact" => Ok(Density::Compact),
        _ => Err(Denied::said("There is no such density.")),
    }
}

/// Takes a new password from who knows the old one; the other sessions end.
async fn password(web: &Web, me: &SignedIn, parts: &Parts, fields: &Fields) -> Result<(), Denied> {
    let new = fields.new_password("new_password")?;
    let account = confirm::check(web, me, parts, fields.get("old_password").to_owned()).await?;
    let hash = web.checker.place()?.hash(new).await?;
    let (workspace, id, here) = (me.workspace, me.operator.who.id, me.digest);
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            // Of two changes by the same old password one is made.
            if !operators::is_still(tx, &account).await? {
                return Err(Denied::said("The password was changed meanwhile."));
            }
            people::set_password(tx, workspace, id, &hash).await?;
            links::revoke_resets(tx, workspace, id).await?;
            Ok(sessions::end_all(tx, workspace, id, Some(&here)).await?)
        })
    });
    web.close_sessions(write.await?);
    Ok(())
}
