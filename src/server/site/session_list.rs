//! The list of an operator's sessions, with the buttons that end them. It is part of the operator's own page, and of
//! the page on which an admin sees the operator.

use leptos::prelude::*;

use crate::{
    app::parts::drawn::{element, words},
    domain::ids::OperatorId,
    server::{
        error::Error,
        secret::{named, of_name},
        site::{
            forms::FormRefusal,
            frame::{act, hidden, moment},
            session::SignedIn,
            web_state::WebState,
        },
        store::sessions::{self, OpenSession},
    },
};

/// Draws sessions, each with a button that ends it. `action` is the address of the form, `here` the digest of the
/// session that made the request.
pub fn draw_sessions(action: &str, sessions: &[OpenSession], here: &[u8]) -> Vec<AnyView> {
    let row = |it: &OpenSession| {
        let from = it.address.as_deref().unwrap_or("an unknown address");
        let here = if it.digest == here { " · this one" } else { "" };
        let facts =
            "From ".to_owned() + from + ", since " + &moment(it.began_at) + ", last used " + &moment(it.seen_at) + here;
        let end = act(action, "end", "End session", &[("session", named(&it.digest))]);
        element("li", "", vec![words("p", "plain-facts", &facts), end])
    };
    if sessions.is_empty() {
        return vec![words("p", "plain-facts", "None is open.")];
    }
    let all = view! {
        <form method="post" action=action.to_owned()>
            {hidden("session", "all")}
            <button class="button" type="submit" name="do" value="end">"End all"</button>
        </form>
    };
    vec![element("ul", "plain-list", sessions.iter().map(row).collect()), all.into_any()]
}

/// Ends one session of an operator, or `all` of them.
pub async fn end_sessions(web: &WebState, me: &SignedIn, of: OperatorId, session: &str) -> Result<(), FormRefusal> {
    let workspace = me.workspace;
    let one = match session {
        "all" => None,
        name => Some(of_name(name).ok_or_else(|| FormRefusal::said("There is no such session."))?),
    };
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            let Some(digest) = one else { return Ok::<_, Error>(sessions::end_all(tx, workspace, of, None).await?) };
            sessions::end_one(tx, workspace, of, &digest).await?;
            Ok(vec![digest])
        })
    });
    web.close_sessions(write.await?);
    Ok(())
}
