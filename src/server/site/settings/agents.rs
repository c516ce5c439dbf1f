//! The settings page of agents and their keys. A key is shown only in the response that creates it.

use std::collections::HashMap;

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use leptos::prelude::*;

use crate::{
    app::parts::{
        drawn::{element, words},
        form::{FormField, field},
    },
    domain::{agent::AgentRef, ids::AgentId, inbox::View, operator::Operator, text::Name, time::Span},
    server::{
        contract::{ToolFormat, tool},
        error::Error,
        keys::ApiKey,
        rates::usage::day_of,
        site::{
            forms::{FormFields, FormRefusal},
            frame::{FormNotice, act, asked, check, hidden, moment, page, secret, section},
            origin,
            respond::{failed, see_other},
            session::SignedIn,
            web_state::WebState,
        },
        store::{
            agents::{self, KeyedAgent},
            usage,
        },
    },
};

/// `GET /settings/agents`
pub async fn list(State(web): State<WebState>, Extension(me): Extension<SignedIn>) -> Response {
    drawn(&web, &me, StatusCode::OK, None, None).await
}

/// Renders the list, with a new key or with a notice.
pub async fn drawn(
    web: &WebState,
    me: &SignedIn,
    status: StatusCode,
    fresh: Option<&NewKey>,
    said: Option<FormNotice>,
) -> Response {
    let (store, now) = (web.desk.store(), web.desk.clock().now());
    let read = async { Ok((agents::all(store, me.workspace, now).await?, limited(web, me).await?)) };
    let (all, limited) = match read.await {
        Ok(read) => read,
        Err(error) => return failed(error),
    };
    web.page(status, me.preferences, "Agents · Bailout", || draw_agents(&me.operator, &all, &limited, fresh, said))
}

/// Returns how often each agent was rate-limited today, by its id.
async fn limited(web: &WebState, me: &SignedIn) -> Result<HashMap<String, u64>, Error> {
    // Written first, so that the total includes the counts that this server still holds in memory.
    if let Err(error) = web.desk.usage().save(web.desk.store(), web.desk.clock().now()).await {
        tracing::warn!(%error, "cannot write what keys used");
    }
    let (day, _) = day_of(web.desk.clock().now());
    Ok(usage::limited(web.desk.store(), me.workspace, day).await?.into_iter().collect())
}

/// `POST /settings/agents`
pub async fn change(
    State(web): State<WebState>,
    Extension(me): Extension<SignedIn>,
    headers: HeaderMap,
    uri: Uri,
    fields: FormFields,
) -> Response {
    match changed(&web, &me, &fields).await {
        Ok(Some((agent, key))) => {
            let fresh = fresh(agent, &key, &origin::ours(&web.settings, &headers, &uri));
            drawn(&web, &me, StatusCode::OK, Some(&fresh), None).await
        }
        Ok(None) => see_other(PATH),
        Err(denied) => denied.answer(async |status, why| drawn(&web, &me, status, None, Some(why)).await).await,
    }
}

/// Executes the action of a form about agents. Returns the agent's name and the key, when one was created.
async fn changed(web: &WebState, me: &SignedIn, fields: &FormFields) -> Result<Option<(Name, ApiKey)>, FormRefusal> {
    let (store, workspace, now) = (web.desk.store(), me.workspace, web.desk.clock().now());
    match fields.get("do") {
        "add" => {
            let name = fields.name("name", "A name")?;
            let (key, named) = (mint(fields.get("test") == "on")?, name.clone());
            let write = store.write(move |tx| {
                Box::pin(async move {
                    match agents::add(tx, workspace, &named, &key, now).await? {
                        Ok(_) => Ok(key),
                        Err(why) => Err(FormRefusal::said(&why.to_string())),
                    }
                })
            });
            Ok(Some((name, write.await?)))
        }
        "rotate" => {
            let agent = agent(web, me, fields).await?;
            let hours = OVERLAPS.into_iter().find(|(_, value, _)| *value == fields.get("overlap"));
            let (hours, ..) = hours.ok_or_else(|| FormRefusal::said("Choose when the old key ends."))?;
            let (key, id) = (mint(agent.test)?, agent.id);
            let write = store.write(move |tx| {
                Box::pin(async move {
                    agents::add_key(tx, workspace, id, &key, now).await?;
                    agents::end_keys(tx, workspace, id, key.public_id(), now + Span::hours(hours)).await?;
                    Ok::<_, Error>(key)
                })
            });
            Ok(Some((agent.name, write.await?)))
        }
        "revoke" => {
            let id = agent(web, me, fields).await?.id;
            let write = store.write(move |tx| {
                Box::pin(async move { Ok::<_, Error>(agents::end_keys(tx, workspace, id, "", now).await?) })
            });
            write.await?;
            Ok(None)
        }
        _ => Err(FormRefusal::said("There is nothing of that name to do.")),
    }
}

/// Finds the agent that a form names.
pub async fn agent(web: &WebState, me: &SignedIn, fields: &FormFields) -> Result<AgentRef, FormRefusal> {
    let nobody = || FormRefusal::said("There is no such agent.");
    let id: AgentId = fields.get("agent").parse().map_err(|_| nobody())?;
    agents::one(web.desk.store(), me.workspace, id).await?.ok_or_else(nobody)
}

/// Creates a new key, for a test agent if `is_test`.
pub fn mint(is_test: bool) -> Result<ApiKey, Error> {
    ApiKey::mint(is_test).map_err(|problem| Error::Internal(format!("no random bits: {problem}")))
}

/// Returns a key with instructions for using it at this address.
pub fn fresh(agent: Name, key: &ApiKey, origin: &str) -> NewKey {
    let key = key.reveal();
    let call = format!(
        r#"curl "{origin}/api/v1/escalations?wait=50&until=outcome" \
  -H "Authorization: Bearer {key}" -H "Content-Type: application/json" -d '{{
    "reason": {{"code": "user_requested", "text": "Dana asked for a person."}},
    "conversation": {{"customer": {{"name": "Dana"}}, "messages": [
      {{"role": "customer", "text": "I was charged twice. Can I talk to somebody?"}},
      {{"role": "agent", "text": "Of course. Let me ask a colleague."}}]}}}}'"#
    );
    let env = format!("export BAILOUT_URL={origin} BAILOUT_KEY={key}");
    NewKey { agent, key, env, call, tool: format!("{:#}", tool(ToolFormat::OpenaiChat)) }
}

/// The path of the list.
pub const PATH: &str = "/settings/agents";
/// The path that opens a trial escalation. No key changes there, so no password is asked for.
pub const TRIAL: &str = "/settings/agents/trial";
/// The choices for how long an old key stays valid beside a new one: hours, form value and label.
pub const OVERLAPS: [(i64, &str, &str); 3] =
    [(1, "1", "ends in an hour"), (24, "24", "ends in a day"), (0, "0", "ends now")];

/// A new key, with instructions for using it.
pub struct NewKey {
    pub agent: Name,
    pub key: String,
    /// The shell command that sets the server's address and the key.
    pub env: String,
    /// The shell command that opens an escalation.
    pub call: String,
    /// The tool definition for a model, as JSON.
    pub tool: String,
}

/// Draws the list.
fn draw_agents(
    me: &Operator,
    all: &[KeyedAgent],
    limited: &HashMap<String, u64>,
    fresh: Option<&NewKey>,
    said: Option<FormNotice>,
) -> AnyView {
    let add = view! {
        <form class="plain-form" method="post" action=PATH>
            {field(FormField { name: "name", label: "Name", kind: "text", autocomplete: "off", most: 100, ..FormField::default() })}
            {check("test", "A test agent: Robot answers it, and nobody is asked", false)}
            <button class="button" data-kind="primary" type="submit" name="do" value="add">"Add agent"</button>
        </form>
    };
    let rows: Vec<AnyView> = all.iter().map(|it| draw_agent(it, limited)).collect();
    let fresh = fresh.map(|fresh| section("The new key", shown_once(fresh)));
    let list = section("Agents", vec![element("ul", "plain-list", rows), add.into_any()]);
    page(me, PATH, "Agents", said, fresh.into_iter().chain([list]).collect())
}

/// Draws a key with instructions for using it.
pub fn shown_once(fresh: &NewKey) -> Vec<AnyView> {
    vec![
        words("p", "", &("The agent ".to_owned() + fresh.agent.as_str() + " shows this key with each call.")),
        secret("key", "API key", &fresh.key, "It is not shown again: keep it where the agent can read it."),
        secret("env", "For a shell", &fresh.env, "With it, bailout approve and bailout ask put a question to a human."),
        secret(
            "call",
            "Try it in a shell",
            &fresh.call,
            "It waits for the answer for up to 50 seconds; then it answers how things stand.",
        ),
        secret(
            "tool",
            "The tool for the model",
            &fresh.tool,
            "For the list of tools of a chat completion, as OpenAI has it.",
        ),
    ]
}

fn draw_agent(it: &KeyedAgent, limited: &HashMap<String, u64>) -> AnyView {
    let about = ("agent", it.agent.id.to_string());
    let keys = it.keys.iter().map(|key| {
        let used = key.used_at.map_or("never used".to_owned(), |at| "last used ".to_owned() + &moment(at));
        let ends = key.ends_at.map_or(String::new(), |at| ", ends ".to_owned() + &moment(at));
        let facts = "Key ".to_owned() + &key.public_id + ", made " + &moment(key.created_at) + ", " + &used + &ends;
        words("p", "plain-facts", &facts)
    });
    let mut content: Vec<AnyView> = vec![words("p", "", it.agent.name.as_str())];
    if it.agent.test {
        let tests = view! {
            <p class="plain-facts">
                "A test agent. Robot answers it within seconds, as "<code>"metadata.rehearse"</code>" asks. See "
                <a href=View::Tests.path()>"its tests"</a>"."
            </p>
        };
        content.push(tests.into_any());
    }
    match it.keys.is_empty() {
        true => content.push(words("p", "plain-facts", "It has no key.")),
        false => content.extend(keys),
    }
    if let Some(count) = limited.get(&about.1).filter(|count| **count > 0) {
        let times = if *count == 1 { " time" } else { " times" };
        let said = it.agent.name.to_string()
            + " was limited "
            + &count.to_string()
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
    let trial = act(TRIAL, "trial", "Send a trial escalation", std::slice::from_ref(&about));
    let acts = [Some(trial).filter(|_| !it.agent.test), Some(rotate.into_any()), revoke];
    content.push(element("div", "plain-acts", acts.into_iter().flatten().collect()));
    element("li", "", content)
}
