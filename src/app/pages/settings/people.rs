//! The people of a workspace: who is there, who is invited, and what an admin can do about each.

use leptos::prelude::*;

use crate::{
    app::{
        pages::frame::{FormNotice, act, asked, hidden, moment, page, secret, section},
        parts::{
            drawn::{element, words},
            form::choice,
        },
    },
    domain::{
        operator::{Operator, Role},
        time::Timestamp,
    },
};

/// Where the list is.
pub const PATH: &str = "/settings/people";
/// Every role with what it is for.
const ROLES: [(&str, &str); 4] = [
    ("viewer", "Viewer: reads"),
    ("operator", "Operator: answers"),
    ("supervisor", "Supervisor: also takes over claims"),
    ("admin", "Admin: also keeps people and agents"),
];

/// Somebody, as the list shows them.
pub struct Person {
    pub operator: Operator,
    pub email: String,
    pub disabled: bool,
    pub signed_in_at: Option<Timestamp>,
    /// Added so lately that every sign-in since then is known.
    pub is_new: bool,
}

/// An invitation that nobody has used yet.
pub struct Invitation {
    /// Its name in forms; it does not open anything.
    pub name: String,
    pub role: Role,
    pub ends_at: Timestamp,
}

/// Draws the list. `link` is an invitation's, made just now.
pub fn people(
    me: &Operator,
    people: &[Person],
    invitations: &[Invitation],
    link: Option<&str>,
    said: Option<FormNotice>,
) -> AnyView {
    let rows = people.iter().map(|person| {
        let link = PATH.to_owned() + "/" + &person.operator.who.id.to_string();
        let name = view! { <a href=link>{words("span", "", person.operator.who.name.as_str())}</a> };
        element("li", "", vec![name.into_any(), facts(person)])
    });
    let invitations: Vec<AnyView> = invitations.iter().map(invited).collect();
    let form = view! {
        <form class="plain-form" method="post" action=PATH>
            {choice("role", "Role", ROLES, "operator")}
            <button class="button" data-kind="primary" type="submit" name="do" value="invite">"Create invite link"</button>
        </form>
    };
    let link = link.map(|link| {
        let hint = "It works once, within seven days, and is not shown again. Send it to the one who shall join.";
        secret("invite-link", "Invite link", link, hint)
    });
    let invite = link.into_iter().chain([form.into_any(), element("ul", "plain-list", invitations)]).collect();
    let content =
        vec![section("Who is here", vec![element("ul", "plain-list", rows.collect())]), section("Invite", invite)];
    page(me, PATH, "People", said, content)
}

fn facts(person: &Person) -> AnyView {
    let last = match person.signed_in_at {
        Some(at) => "Last signed in ".to_owned() + &moment(at),
        None if person.is_new => "Never signed in".to_owned(),
        None => "Not signed in for ninety days".to_owned(),
    };
    let disabled = if person.disabled { ", disabled" } else { "" };
    let facts = person.email.clone() + " · " + person.operator.role.as_str() + disabled + " · " + &last;
    words("p", "plain-facts", &facts)
}

fn invited(invitation: &Invitation) -> AnyView {
    let until =
        "A link for the role ".to_owned() + invitation.role.as_str() + ", good until " + &moment(invitation.ends_at);
    let revoke = act(PATH, "revoke", "Revoke", &[("invitation", invitation.name.clone())]);
    element("li", "", vec![words("p", "plain-facts", &until), revoke])
}

/// A session of somebody.
pub struct Session {
    /// Its name in forms; it does not open anything.
    pub name: String,
    pub began_at: Timestamp,
    pub seen_at: Timestamp,
    pub address: Option<String>,
    /// It is the one that asks.
    pub here: bool,
}

/// Somebody's own page.
pub struct Details {
    pub person: Person,
    pub sessions: Vec<Session>,
    /// When and from where they signed in, the newest first.
    pub sign_ins: Vec<(Timestamp, Option<String>)>,
}

/// Draws the page of somebody. `link` leads to choosing a new password, made just now.
pub fn person(me: &Operator, it: &Details, link: Option<&str>, said: Option<FormNotice>) -> AnyView {
    let path = PATH.to_owned() + "/" + &it.person.operator.who.id.to_string();
    let who = vec![
        words("p", "", it.person.operator.who.name.as_str()),
        facts(&it.person),
        words(
            "p",
            "plain-facts",
            &("Customers and agents see: ".to_owned() + it.person.operator.who.public_name.as_str()),
        ),
    ];
    let role = view! {
        <form class="plain-form" method="post" action=path.clone()>
            {choice("role", "Role", ROLES, it.person.operator.role.as_str())}
            <button class="button" type="submit" name="do" value="role">"Change role"</button>
        </form>
        <p class="plain-facts">"What somebody holds who becomes a viewer goes back to its queue at once."</p>
    };
    let link = link.map(|link| {
        let hint = "It works once, within a day, and is not shown again. Send it to the one whose password it is.";
        secret("reset-link", "Reset link", link, hint)
    });
    let toggle = match it.person.disabled {
        true => act(&path, "enable", "Enable", &[]),
        false => {
            let what = "Signs them out everywhere, and lets them in no more until you enable them. What they hold goes back \
                        to its queue at once, and they serve no queue any more.";
            asked("Disable…", what, act(&path, "disable", "Disable", &[]))
        }
    };
    let reset = (!it.person.disabled).then(|| act(&path, "reset", "Reset password", &[]));
    let acts = element("div", "plain-acts", [reset, Some(toggle)].into_iter().flatten().collect());
    let access = [Some(role.into_any()), link, Some(acts)].into_iter().flatten().collect();
    let back = view! { <p><a href=PATH>"All people"</a></p> };
    let content = vec![
        section("Who it is", who),
        section("Access", access),
        section("Sessions", sessions(&path, &it.sessions)),
        section("Last sign-ins", vec![sign_ins(&it.sign_ins)]),
        back.into_any(),
    ];
    page(me, PATH, "Person", said, content)
}

/// Draws sessions, each with the way to end it. `action` is where to.
pub fn sessions(action: &str, sessions: &[Session]) -> Vec<AnyView> {
    let row = |it: &Session| {
        let from = it.address.as_deref().unwrap_or("an unknown address");
        let here = if it.here { " · this one" } else { "" };
        let facts =
            "From ".to_owned() + from + ", since " + &moment(it.began_at) + ", last used " + &moment(it.seen_at) + here;
        let end = act(action, "end", "End session", &[("session", it.name.clone())]);
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

/// Draws when and from where somebody signed in.
fn sign_ins(sign_ins: &[(Timestamp, Option<String>)]) -> AnyView {
    if sign_ins.is_empty() {
        return words("p", "plain-facts", "None in the last ninety days.");
    }
    let row = |(at, address): &(Timestamp, Option<String>)| {
        let from = address.as_deref().unwrap_or("an unknown address");
        element("li", "", vec![words("p", "plain-facts", &(moment(*at) + " from " + from))])
    };
    element("ul", "plain-list", sign_ins.iter().map(row).collect())
}
