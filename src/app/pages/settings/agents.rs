//! The agents of a workspace and their keys.

use leptos::prelude::*;

use crate::{
    app::{
        pages::frame::{FormNotice, act, asked, hidden, moment, page, secret, section},
        parts::{
            drawn::{element, words},
            form::{FormField, field},
        },
    },
    domain::{agent::AgentRef, operator::Operator, text::Name, time::Timestamp},
};

/// Where the list is.
pub const PATH: &str = "/settings/agents";
/// Where a test escalation is opened: no change of keys, so no password is asked for.
pub const TEST: &str = "/settings/agents/test";
/// For how long an old key stays good beside a new one: the value of the choice, in hours, and what it says.
pub const OVERLAPS: [(i64, &str, &str); 3] =
    [(1, "1", "ends in an hour"), (24, "24", "ends in a day"), (0, "0", "ends now")];

/// A key, as far as it may be seen.
pub struct Key {
    pub public_id: String,
    pub created_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
}

/// An agent with its keys.
pub struct KeyedAgent {
    pub agent: AgentRef,
    pub keys: Vec<Key>,
    /// How many of its requests were refused today for their rate.
    pub limited_today: u64,
}

/// A key made just now, with how to use it.
pub struct NewKey {
    pub agent: Name,
    pub key: String,
    /// A call that opens an escalation, for a shell.
    pub call: String,
    /// The tool as a model is told of it, as JSON.
    pub tool: String,
}

/// Draws the list.
pub fn agents(me: &Operator, all: &[KeyedAgent], fresh: Option<&NewKey>, said: Option<FormNotice>) -> AnyView {
    let add = view! {
        <form class="plain-form" method="post" action=PATH>
            {field(FormField { name: "name", label: "Name", kind: "text", autocomplete: "off", most: 100, ..FormField::default() })}
            <button class="button" data-kind="primary" type="submit" name="do" value="add">"Add agent"</button>
        </form>
    };
    let rows: Vec<AnyView> = all.iter().map(row).collect();
    let fresh = fresh.map(|fresh| section("The new key", shown_once(fresh)));
    let list = section("Who may escalate", vec![element("ul", "plain-list", rows), add.into_any()]);
    page(me, PATH, "Agents", said, fresh.into_iter().chain([list]).collect())
}

/// Draws a key with how to use it.
pub fn shown_once(fresh: &NewKey) -> Vec<AnyView> {
    vec![
        words("p", "", &("The agent ".to_owned() + fresh.agent.as_str() + " shows this key with each call.")),
        secret("key", "API key", &fresh.key, "It is not shown again: keep it where the agent can read it."),
        secret(
            "call",
            "Try it in a shell",
            &fresh.call,
            "It waits for your answer in the console, for up to 50 seconds; then it answers how things stand.",
        ),
        secret(
            "tool",
            "The tool for the model",
            &fresh.tool,
            "For the list of tools of a chat completion, as OpenAI has it.",
        ),
    ]
}

fn row(it: &KeyedAgent) -> AnyView {
    let about = ("agent", it.agent.id.to_string());
    let keys = it.keys.iter().map(|key| {
        let used = key.used_at.map_or("never used".to_owned(), |at| "last used ".to_owned() + &moment(at));
        let ends = key.ends_at.map_or(String::new(), |at| ", ends ".to_owned() + &moment(at));
        let facts = "Key ".to_owned() + &key.public_id + ", made " + &moment(key.created_at) + ", " + &used + &ends;
        words("p", "plain-facts", &facts)
    });
    let mut content: Vec<AnyView> = vec![words("p", "", it.agent.name.as_str())];
    match it.keys.is_empty() {
        true => content.push(words("p", "plain-facts", "It has no key.")),
        false => content.extend(keys),
    }
    if it.limited_today > 0 {
        let times = if it.limited_today == 1 { " time" } else { " times" };
        let said = it.agent.name.to_string()
            + " was limited "
            + &it.limited_today.to_string()
            + times
            + " today: it asked for more than it may.";
        content.push(words("p", "plain-facts", &said));
    }
    let id = about.1.clone();
    let overlap =
        OVERLAPS.map(|(_, value, words)| view! { <option value=value>"Old key " {words}</option> }.into_any());
    let rotate = view! {
        <form class="plain-acts" method="post" action=PATH>
            {hidden(about.0, &id)}
            <select class="input" name="overlap" aria-label="When the old key ends">{Vec::from(overlap)}</select>
            <button class="button" data-size="small" type="submit" name="do" value="rotate">"New key"</button>
        </form>
    };
    let revoke = (!it.keys.is_empty()).then(|| {
        let what =
            "All keys of this agent end now: it cannot call until it has a new one. What it has opened stays open.";
        asked("Revoke all keys…", what, act(PATH, "revoke", "Revoke all keys", std::slice::from_ref(&about)))
    });
    let test = act(TEST, "test", "Send a test escalation", std::slice::from_ref(&about));
    let acts = [Some(test), Some(rotate.into_any()), revoke];
    content.push(element("div", "plain-acts", acts.into_iter().flatten().collect()));
    element("li", "", content)
}
