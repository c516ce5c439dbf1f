//! Draws the frames of the plain pages: a card for people who are not signed in, and a page beside the rail for
//! operators who are.

use leptos::prelude::*;

use crate::{
    app::parts::{
        drawn::{element, words},
        icons::{Icon, icon},
        marks::initials,
        rail::picture,
        revealed::revealed,
    },
    domain::{
        inbox::View,
        operator::{Operator, Role},
        time::{Span, Timestamp},
    },
};

/// The pages of the settings, in the order of their links.
const SETTINGS: [(&str, &str, Icon); 3] = [
    ("/settings/people", "People", Icon::People),
    ("/settings/agents", "Agents", Icon::Agent),
    ("/settings/queues", "Queues", Icon::Queue),
];
/// The link of the operator's own page.
const ME: (&str, &str, Icon) = ("/me", "Me", Icon::Person);

/// The result of a form, shown at the top of the page that answers it.
pub enum FormNotice {
    /// The form was accepted.
    Done(&'static str),
    /// The form was refused, for this reason.
    Refused(String),
}

/// The warning that admins see on every page of the settings; a context of the page.
#[derive(Clone)]
pub struct AdminWarning(pub String);

/// Draws a notice, if there is one.
pub fn notice(notice: Option<FormNotice>) -> Option<AnyView> {
    Some(match notice? {
        FormNotice::Done(words) => view! { <p class="form-done" role="status">{words}</p> }.into_any(),
        FormNotice::Refused(why) => view! { <p class="form-error" role="alert">{revealed(&why)}</p> }.into_any(),
    })
}

/// Draws a page of one card, for people who are not signed in.
pub fn card(content: Vec<AnyView>) -> AnyView {
    view! {
        <main class="sign-in">
            <p class="sign-in-mark">{icon(Icon::Bailout)} "Bailout"</p>
            {content}
        </main>
    }
    .into_any()
}

/// Draws a page for anybody, without the rail.
pub fn public_page(heading: &'static str, content: Vec<AnyView>) -> AnyView {
    view! {
        <main class="plain-main">
            <p class="sign-in-mark">{icon(Icon::Bailout)} "Bailout"</p>
            <h1 class="plain-title">{heading}</h1>
            {content}
        </main>
    }
    .into_any()
}

/// Draws a page beside the rail. `here` is its path, by which the rail marks it; `heading` is fixed words.
pub fn page(
    operator: &Operator,
    here: &str,
    heading: &'static str,
    said: Option<FormNotice>,
    content: Vec<AnyView>,
) -> AnyView {
    let is_settings = SETTINGS.iter().any(|(path, ..)| *path == here);
    let warning = use_context::<AdminWarning>().filter(|_| is_settings).map(|AdminWarning(words)| {
        view! { <p class="form-error" role="alert">{words}</p> }
    });
    view! {
        <a class="skip-link" href="#main">"Skip to the page"</a>
        <div class="plain">
            {rail(operator, here)}
            <main class="plain-main" id="main" tabindex="-1">
                <h1 class="plain-title">{heading}</h1>
                {warning}
                {notice(said)}
                {content}
            </main>
        </div>
    }
    .into_any()
}

/// Draws the page that says that a higher role is needed.
pub fn turned_away(operator: &Operator, need: Role) -> AnyView {
    let why = "This needs the role ".to_owned() + need.as_str() + ". An admin can grant it.";
    page(operator, "", "Not for you", Some(FormNotice::Refused(why)), vec![])
}

/// Draws a section of a page under a heading of fixed words.
pub fn section(heading: &'static str, content: Vec<AnyView>) -> AnyView {
    let heading = view! { <h2 class="plain-heading">{heading}</h2> }.into_any();
    element("section", "plain-section", [heading].into_iter().chain(content).collect())
}

fn rail(operator: &Operator, here: &str) -> AnyView {
    let name = operator.who.name.to_string();
    let views = View::ALL.map(|view| link(view.path(), view.label(), picture(view), here));
    let views: Vec<_> = views.into_iter().chain([link("/search", "Search", Icon::Search, here)]).collect();
    let settings = if operator.role >= Role::Admin { &SETTINGS[..] } else { &[] };
    let own = settings.iter().chain([&ME]).map(|(path, label, picture)| link(path, label, *picture, here));
    view! {
        <header class="rail">
            <a class="rail-brand" href=View::Queue.path()>{icon(Icon::Bailout)} <span>"Bailout"</span></a>
            <nav aria-label="Views"><ul class="rail-links">{views}</ul></nav>
            <nav aria-label="Settings"><ul class="rail-links">{own.collect::<Vec<_>>()}</ul></nav>
            <div class="rail-foot">
                <div class="rail-me">
                    <span class="avatar" aria-hidden="true">{initials(&name)}</span>
                    <span class="rail-name">{revealed(&name)}</span>
                    <form action="/sign-out" method="post">
                        <button class="button" data-kind="quiet" data-size="small" type="submit" title="Sign out">
                            {icon(Icon::SignOut)}
                            <span class="visually-hidden">"Sign out"</span>
                        </button>
                    </form>
                </div>
            </div>
        </header>
    }
    .into_any()
}

fn link(path: &'static str, label: &'static str, picture: Icon, here: &str) -> AnyView {
    let current = (path == here).then_some("page");
    view! {
        <li><a class="rail-link" href=path aria-current=current>{icon(picture)} <span>{label}</span></a></li>
    }
    .into_any()
}

/// Formats a moment in UTC and says so, because the server does not know the reader's time zone.
pub fn moment(at: Timestamp) -> String {
    at.date(Span(0)) + " " + &at.clock_time(Span(0)) + " UTC"
}

/// Draws a text that is shown only here, with a button that copies it.
pub fn secret(id: &'static str, label: &'static str, text: &str, hint: &'static str) -> AnyView {
    view! {
        <div class="secret">
            <span class="field-label">{label}</span>
            <pre class="code" id=id tabindex="0" role="group" aria-label=label>{text.to_owned()}</pre>
            <button class="button needs-script" type="button" data-copy=id>"Copy"</button>
            <span class="field-hint">{hint}</span>
        </div>
    }
    .into_any()
}

/// Draws a form with one button, whose value is the action `does`. `about` are the names and values of hidden fields
/// that say what the action applies to.
pub fn act(action: &str, does: &'static str, words: &'static str, about: &[(&'static str, String)]) -> AnyView {
    let about: Vec<AnyView> = about.iter().map(|(name, value)| hidden(name, value)).collect();
    view! {
        <form method="post" action=action.to_owned()>
            {about}
            <button class="button" data-size="small" type="submit" name="do" value=does>{words}</button>
        </form>
    }
    .into_any()
}

/// Draws an action that asks first: the button `opens` unfolds `what` will happen, and the button of the action.
pub fn asked(opens: &'static str, what: &'static str, act: AnyView) -> AnyView {
    let summary = view! { <summary class="button" data-size="small">{opens}</summary> };
    element("details", "asked", vec![summary.into_any(), words("p", "plain-facts", what), act])
}

/// Draws a hidden field.
pub fn hidden(name: &'static str, value: &str) -> AnyView {
    view! { <input type="hidden" name=name value=value.to_owned()/> }.into_any()
}

/// Draws a checkbox, whose field is `on` when it is checked.
pub fn check(name: &'static str, label: &'static str, checked: bool) -> AnyView {
    view! { <label class="choice"><input type="checkbox" name=name value="on" checked=checked/> {label}</label> }
        .into_any()
}
