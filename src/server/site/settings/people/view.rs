//! Draws the pages about the people of a workspace: members, invitations, and what an admin can do about each.

use leptos::prelude::*;

use crate::{
    app::parts::{
        drawn::{element, words},
        form::choice,
    },
    domain::{operator::Operator, time::Timestamp},
    server::{
        secret::named,
        site::{
            frame::{FormNotice, act, asked, moment, page, secret, section},
            session::SignedIn,
            session_list::draw_sessions,
        },
        store::{
            links::{LinkPurpose, OneTimeLink},
            people::Member,
            sessions::{self, OpenSession, SignInRecord},
        },
    },
};

/// The path of the list.
pub const PATH: &str = "/settings/people";
/// Every role with its label.
const ROLES: [(&str, &str); 4] = [
    ("viewer", "Viewer: reads"),
    ("operator", "Operator: answers"),
    ("supervisor", "Supervisor: also takes over claims"),
    ("admin", "Admin: also keeps people and agents"),
];

/// Draws the list. `link` is the link of a new invitation.
pub fn draw_people(
    me: &Operator,
    (people, invitations): (&[Member], &[OneTimeLink]),
    now: Timestamp,
    link: Option<&str>,
    said: Option<FormNotice>,
) -> AnyView {
    let rows = people.iter().map(|person| {
        let link = PATH.to_owned() + "/" + &person.operator.who.id.to_string();
        let name = view! { <a href=link>{words("span", "", person.operator.who.name.as_str())}</a> };
        element("li", "", vec![name.into_any(), draw_facts(person, now)])
    });
    let invitations: Vec<AnyView> = invitations.iter().filter_map(draw_invitation).collect();
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
    let content = vec![section("People", vec![element("ul", "plain-list", rows.collect())]), section("Invite", invite)];
    page(me, PATH, "People", said, content)
}

fn draw_facts(person: &Member, now: Timestamp) -> AnyView {
    // Sign-ins are kept for ninety days.
    let is_new = now - person.added_at < sessions::REMEMBERED;
    let last = match person.signed_in_at {
        Some(at) => "Last signed in ".to_owned() + &moment(at),
        None if is_new => "Never signed in".to_owned(),
        None => "Not signed in for ninety days".to_owned(),
    };
    let disabled = if person.disabled_at.is_some() { ", disabled" } else { "" };
    let facts = person.email.clone() + " · " + person.operator.role.as_str() + disabled + " · " + &last;
    words("p", "plain-facts", &facts)
}

fn draw_invitation(link: &OneTimeLink) -> Option<AnyView> {
    let LinkPurpose::Invite(role) = link.purpose else { return None };
    let until = "A link for the role ".to_owned() + role.as_str() + ", good until " + &moment(link.ends_at);
    let revoke = act(PATH, "revoke", "Revoke", &[("invitation", named(&link.digest))]);
    Some(element("li", "", vec![words("p", "plain-facts", &until), revoke]))
}

/// The page of one member.
pub struct MemberPage {
    pub member: Member,
    pub sessions: Vec<OpenSession>,
    /// The latest sign-ins, the newest first.
    pub sign_ins: Vec<SignInRecord>,
}

/// Draws the page of a member. `link` is a new link for choosing a password.
pub fn draw_person(
    me: &SignedIn,
    it: &MemberPage,
    now: Timestamp,
    link: Option<&str>,
    said: Option<FormNotice>,
) -> AnyView {
    let path = PATH.to_owned() + "/" + &it.member.operator.who.id.to_string();
    let who = vec![
        words("p", "", it.member.operator.who.name.as_str()),
        draw_facts(&it.member, now),
        words(
            "p",
            "plain-facts",
            &("Customers and agents see: ".to_owned() + it.member.operator.who.public_name.as_str()),
        ),
    ];
    let role = view! {
        <form class="plain-form" method="post" action=path.clone()>
            {choice("role", "Role", ROLES, it.member.operator.role.as_str())}
            <button class="button" type="submit" name="do" value="role">"Change role"</button>
        </form>
        <p class="plain-facts">"When someone becomes a viewer, every escalation that they hold returns to its queue."</p>
    };
    let link = link.map(|link| {
        let hint = "It works once, within a day, and is not shown again. Send it to the one whose password it is.";
        secret("reset-link", "Reset link", link, hint)
    });
    let toggle = match it.member.disabled_at.is_some() {
        true => act(&path, "enable", "Enable", &[]),
        false => {
            let what = "Signs them out everywhere, and lets them in no more until you enable them. What they hold goes back \
                        to its queue at once, and they serve no queue any more.";
            asked("Disable…", what, act(&path, "disable", "Disable", &[]))
        }
    };
    let reset = it.member.disabled_at.is_none().then(|| act(&path, "reset", "Reset password", &[]));
    let acts = element("div", "plain-acts", [reset, Some(toggle)].into_iter().flatten().collect());
    let access = [Some(role.into_any()), link, Some(acts)].into_iter().flatten().collect();
    let back = view! { <p><a href=PATH>"All people"</a></p> };
    let content = vec![
        section("Profile", who),
        section("Access", access),
        section("Sessions", draw_sessions(&path, &it.sessions, &me.digest)),
        section("Last sign-ins", vec![draw_sign_ins(&it.sign_ins)]),
        back.into_any(),
    ];
    page(&me.operator, PATH, "Person", said, content)
}

/// Draws when and from where an operator signed in.
fn draw_sign_ins(sign_ins: &[SignInRecord]) -> AnyView {
    if sign_ins.is_empty() {
        return words("p", "plain-facts", "None in the last ninety days.");
    }
    let row = |it: &SignInRecord| {
        let from = it.address.as_deref().unwrap_or("an unknown address");
        element("li", "", vec![words("p", "plain-facts", &(moment(it.at) + " from " + from))])
    };
    element("ul", "plain-list", sign_ins.iter().map(row).collect())
}
