//! Draws the settings page of queues: the defaults of each queue, and its members.

use leptos::prelude::*;

use crate::{
    app::parts::{
        drawn::{element, words},
        revealed::{revealed, spelled},
    },
    domain::{
        inbox::{FilterField, Listing, View},
        queue::Urgency,
    },
    server::site::frame::{FormNotice, act, asked, notice, section},
};

/// The path of the page.
pub const PATH: &str = "/settings/queues";

/// The hints of the deadline fields: the effect of each, and the default when it is empty, as in
/// [`Deadlines`](crate::domain::deadline::Deadlines).
const CLAIM_WITHIN: &str = "What nobody has claimed by then expires; given back it waits as long again. Empty: 15 min for \
                            takeovers, no such end for questions and decisions.";
const RESOLVE_WITHIN: &str = "Shown beside the conversation; nothing happens when it has passed. Empty: none.";
const EXPIRE_AFTER: &str = "What is not resolved by then expires, also when somebody holds it. Empty: 1 d for questions and \
                            decisions, never for takeovers.";

/// The form of a queue, word for word, so that nothing that was typed is lost when the form is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueForm {
    /// `None` for a queue that is to be added.
    pub id: Option<String>,
    pub name: String,
    /// True if this is the default queue, which keeps its name and is never removed.
    pub is_default: bool,
    /// The former names, by which agents still find the queue.
    pub former_names: Vec<String>,
    /// The urgency as in JSON; empty leaves the product's default.
    pub urgency: String,
    /// The span as people write it, `15 min`; empty leaves the product's default.
    pub claim_within: String,
    pub resolve_within: String,
    pub expire_after: String,
    pub expiry_note: String,
    /// Ids of operators.
    pub members: Vec<String>,
    /// The reason why the form was refused.
    pub refused: Option<String>,
}

/// Draws the forms of every queue and of one to be added, then the queues that were `removed`, by id and name. `people`
/// are the operators who may serve, by id and name too.
pub fn queues(forms: Vec<QueueForm>, removed: &[(String, String)], people: &[(String, String)]) -> Vec<AnyView> {
    let hints = [
        "A queue fills in what the agent leaves out, and where it says nothing either, Bailout does. Times are written as 90 s, \
         15 min, 2 h or 1 d. Without members everybody serves it; with members only they see it in their Queue and take from \
         it, and supervisors may.",
        "Agents find a queue by its name, and by the names that it had before, until another queue takes one of them. A queue \
         that is removed takes nothing new: what agents send there goes to the default queue, and they are told so. What is \
         open in it stays where it is, for those who serve it. Added again, a queue is as it was.",
    ];
    let hints = hints.map(|hint| words("p", "field-hint", hint));
    let forms = forms.into_iter().map(|form| queue(form, people));
    let removed = (!removed.is_empty()).then(|| section("Removed queues", vec![gone(removed)]));
    hints.into_iter().chain(forms).chain(removed).collect()
}

/// Draws the queues that were removed, each with a button that adds it again.
fn gone(removed: &[(String, String)]) -> AnyView {
    let row = |(id, name): &(String, String)| {
        let acts = vec![open_in(id), act(PATH, "add", "Add again", &[("name", name.clone())])];
        element("li", "", vec![words("p", "", &spelled(name)), element("div", "plain-acts", acts)])
    };
    element("ul", "plain-list", removed.iter().map(row).collect())
}

/// Draws the link to the open escalations of a queue.
fn open_in(id: &str) -> AnyView {
    let mut listing = Listing::from(View::All);
    listing.filters.set(FilterField::Queue, id);
    view! { <a href=String::from(listing)>"What is open in it"</a> }.into_any()
}

fn queue(form: QueueForm, people: &[(String, String)]) -> AnyView {
    let is_new = form.id.is_none();
    let key = form.id.clone().unwrap_or_else(|| "new".to_owned());
    let (heading, action) = match &form.id {
        Some(id) => (form.name.clone(), PATH.to_owned() + "/" + id),
        None => ("Add a queue".to_owned(), PATH.to_owned()),
    };
    let former = (!form.former_names.is_empty()).then(|| {
        words("p", "plain-facts", &("Agents also find it as: ".to_owned() + &spelled(&form.former_names.join(", "))))
    });
    let remove = (!is_new && !form.is_default).then(|| {
        let what = "It takes nothing new: what agents send there goes to the default queue. What is open in it stays where \
                    it is.";
        asked("Remove queue…", what, act(&(action.clone() + "/remove"), "remove", "Remove queue", &[]))
    });
    let acts =
        form.id.as_deref().map(|id| element("div", "plain-acts", [open_in(id)].into_iter().chain(remove).collect()));
    let at = |name: &str| name.to_owned() + "-" + &key;
    let span = |name: &'static str, label: &'static str, hint: &'static str, value: String| {
        let (id, says) = (at(name), at(name) + "-hint");
        view! {
            <div class="field">
                <label class="field-label" for=id.clone()>{label}</label>
                <input
                    class="input"
                    id=id
                    name=name
                    type="text"
                    autocomplete="off"
                    value=value
                    aria-describedby=says.clone()
                />
                <span class="field-hint" id=says>{hint}</span>
            </div>
        }
    };
    let urgency = Urgency::ALL.map(|it| {
        let chosen = it.as_str() == form.urgency;
        view! { <option value=it.as_str() selected=chosen>{it.label()}</option> }
    });
    let members = people.iter().map(|(id, name)| {
        let serves = form.members.contains(id);
        view! { <label><input type="checkbox" name="member" value=id.clone() checked=serves/> {revealed(name)}</label> }
    });
    let members = members.collect::<Vec<_>>();
    let more = (!is_new).then(|| {
        view! {
            <div class="field">
                <label class="field-label" for=at("urgency")>"Urgency"</label>
                <select class="input" id=at("urgency") name="urgency">
                    <option value="">"As the agent says"</option>
                    {urgency.into_iter().collect::<Vec<_>>()}
                </select>
            </div>
            {span("claim_within", "Claim within", CLAIM_WITHIN, form.claim_within)}
            {span("resolve_within", "Resolve within", RESOLVE_WITHIN, form.resolve_within)}
            {span("expire_after", "Expire after", EXPIRE_AFTER, form.expire_after)}
            <div class="field">
                <label class="field-label" for=at("note")>"What the agent is told when nobody came"</label>
                <textarea class="input" id=at("note") name="expiry_note" rows="2" dir="auto">{form.expiry_note}</textarea>
            </div>
            <fieldset class="field">
                <legend class="field-label">"Members"</legend>
                {members}
            </fieldset>
        }
    });
    view! {
        <section class="plain-section" aria-labelledby=at("heading")>
            <h2 class="plain-heading" id=at("heading") dir="auto">{revealed(&heading)}</h2>
            {former}
            {notice(form.refused.map(FormNotice::Refused))}
            <form class="plain-form" method="post" action=action>
                <div class="field">
                    <label class="field-label" for=at("name")>"Name"</label>
                    <input
                        class="input"
                        id=at("name")
                        name="name"
                        value=form.name
                        readonly=form.is_default
                        required=true
                        autocomplete="off"
                    />
                </div>
                {more}
                <button class="button" data-kind="primary" type="submit">{if is_new { "Add" } else { "Save" }}</button>
            </form>
            {acts}
        </section>
    }
    .into_any()
}
