//! Agents and their keys. A key is shown in the answer that makes it, and nowhere else.

use std::collections::HashMap;

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};

use crate::{
    app::pages::{
        frame::FormNotice,
        settings::agents::{self as page, Key, KeyedAgent, NewKey},
    },
    domain::{agent::AgentRef, ids::AgentId, text::Name, time::Span},
    server::{
        error::Error,
        keys::ApiKey,
        rates::usage::day_of,
        store::{
            agents::{self, KeyFacts},
            usage,
        },
        web::{
            WebState,
            forms::{FormFields, FormRefusal},
            origin,
            session::SignedIn,
            sign_in::{failed, see_other},
        },
    },
};

/// The tool as a model is told of it, for OpenAI's chat completions.
const TOOL: &str = include_str!("escalate_to_human.json");

/// `GET /settings/agents`
pub async fn list(State(web): State<WebState>, Extension(me): Extension<SignedIn>) -> Response {
    drawn(&web, &me, StatusCode::OK, None, None).await
}

/// Draws the list, with a key made just now or with what is to be said.
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
    let limited_today = |agent: AgentId| limited.get(&agent.to_string()).copied().unwrap_or_default();
    let key = |KeyFacts { public_id, created_at, used_at, ends_at }| Key { public_id, created_at, used_at, ends_at };
    let all: Vec<KeyedAgent> = all
        .into_iter()
        .map(|it| KeyedAgent {
            limited_today: limited_today(it.agent.id),
            agent: it.agent,
            keys: it.keys.into_iter().map(key).collect(),
        })
        .collect();
    web.page(status, me.preferences, "Agents · Bailout", || page::agents(&me.operator, &all, fresh, said))
}

/// How often each agent was limited today, by its id.
async fn limited(web: &WebState, me: &SignedIn) -> Result<HashMap<String, u64>, Error> {
    // What this server has counted and not written yet counts, too.
    if let Err(error) = web.desk.usage().write(&web.desk).await {
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
        Ok(None) => see_other(page::PATH),
        Err(denied) => denied.answer(async |status, why| drawn(&web, &me, status, None, Some(why)).await).await,
    }
}

/// Does what a form about agents says; the key, when it was to make one.
async fn changed(web: &WebState, me: &SignedIn, fields: &FormFields) -> Result<Option<(Name, ApiKey)>, FormRefusal> {
    let (store, workspace, now) = (web.desk.store(), me.workspace, web.desk.clock().now());
    match fields.get("do") {
        "add" => {
            let name = fields.name("name", "A name")?;
            let (key, named) = (mint()?, name.clone());
            let write = store.write(move |tx| {
                Box::pin(async move {
                    match agents::add(tx, workspace, &named, &key, now).await? {
                        Some(_) => Ok(key),
                        None => Err(FormRefusal::said("There is an agent of this name, and it has a key.")),
                    }
                })
            });
            Ok(Some((name, write.await?)))
        }
        "rotate" => {
            let agent = agent(web, me, fields).await?;
            let hours = page::OVERLAPS.into_iter().find(|(_, value, _)| *value == fields.get("overlap"));
            let (hours, ..) = hours.ok_or_else(|| FormRefusal::said("Choose when the old key ends."))?;
            let (key, id) = (mint()?, agent.id);
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

/// The agent that a form names.
pub async fn agent(web: &WebState, me: &SignedIn, fields: &FormFields) -> Result<AgentRef, FormRefusal> {
    let nobody = || FormRefusal::said("There is no such agent.");
    let id: AgentId = fields.get("agent").parse().map_err(|_| nobody())?;
    agents::one(web.desk.store(), me.workspace, id).await?.ok_or_else(nobody)
}

/// A fresh key.
pub fn mint() -> Result<ApiKey, Error> {
    ApiKey::mint().map_err(|problem| Error::Internal(format!("no random bits: {problem}")))
}

/// A key with how to use it at this address.
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
    NewKey { agent, key, call, tool: TOOL.to_owned() }
}
