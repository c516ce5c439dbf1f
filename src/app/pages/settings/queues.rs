//! Settings of queues: what each fills in, and who serves it.

use leptos::prelude::*;

use super::super::frame::{Notice, notice};
use crate::{app::parts::revealed::revealed, domain::queue::Urgency};

/// A queue as its form has it, word for word, so that nothing that was typed is lost when it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueForm {
    /// None of one that is to be added.
    pub id: Option<String>,
    pub name: String,
    /// The default queue keeps its name.
    pub keeps_name: bool,
    /// As JSON has it; empty leaves the product's.
    pub urgency: String,
    /// Whole seconds; empty leaves the product's.
    pub claim_within: String,
    pub resolve_within: String,
    pub expire_after: String,
    pub expiry_note: String,
    /// Ids of operators.
    pub members: Vec<String>,
    /// Why it was not taken.
    pub refused: Option<String>,
}

/// Draws every queue and one to be added; `people` are those who may serve, by id and name.
pub fn queues(forms: Vec<QueueForm>, people: &[(String, String)]) -> Vec<AnyView> {
    let hint = view! {
        <p class="field-hint">
            "A queue fills in what the agent leaves out. Without members everybody serves it; with members only they see it \
             in their Queue and take from it, and supervisors may. What waits keeps the name under which it was opened."
        </p>
    };
    std::iter::once(hint.into_any()).chain(forms.into_iter().map(|form| queue(form, people))).collect()
}

fn queue(form: QueueForm, people: &[(String, String)]) -> AnyView {
    let is_new = form.id.is_none();
    let key = form.id.clone().unwrap_or_else(|| "new".to_owned());
    let (heading, action) = match &form.id {
        Some(id) => (form.name.clone(), "/settings/queues/".to_owned() + id),
        None => ("Add a queue".to_owned(), "/settings/queues".to_owned()),
    };
    let at = |name: &str| name.to_owned() + "-" + &key;
    let seconds = |name: &'static str, label: &'static str, value: String| {
        let id = at(name);
        view! {
            <div class="field">
                <label class="field-label" for=id.clone()>{label}</label>
                <input class="input" id=id name=name type="text" inputmode="numeric" value=value/>
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
            {seconds("claim_within", "Claim within, seconds", form.claim_within)}
            {seconds("resolve_within", "Resolve within, seconds", form.resolve_within)}
            {seconds("expire_after", "Expire after, seconds", form.expire_after)}
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
            {notice(form.refused.map(Notice::Refused))}
            <form class="plain-form" method="post" action=action>
                <div class="field">
                    <label class="field-label" for=at("name")>"Name"</label>
                    <input
                        class="input"
                        id=at("name")
                        name="name"
                        value=form.name
                        readonly=form.keeps_name
                        required=true
                        autocomplete="off"
                    />
                </div>
                {more}
                <button class="button" data-kind="primary" type="submit">{if is_new { "Add" } else { "Save" }}</button>
            </form>
        </section>
    }
    .into_any()
}
