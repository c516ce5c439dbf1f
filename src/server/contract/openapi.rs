//! Completes the OpenAPI document that the handlers of the API describe: what is true of every request, and schemas in the
//! simple form that generators of clients read.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::API;

/// The version of the contract. The number after the point grows when something is added.
const VERSION: &str = "1.0";

const ABOUT: &str = "Bailout hands a conversation from an AI agent to a human operator, and back with an outcome.\n\n\
    Open an escalation with `POST /api/v1/escalations`, and wait for its outcome with \
    `GET /api/v1/escalations/{id}?wait=50&until=outcome`, or read the events of all your escalations with one `GET /api/v1/events`. \
    While a human is in control, pass on what the customer says with `POST /api/v1/escalations/{id}/messages`. Show the customer \
    every message whose `relay` is true, and report the result with `POST /api/v1/escalations/{id}/receipts`. When the escalation \
    has ended, run each of `outcome.actions_to_run` once (the list is empty except after a decision), or give `outcome.briefing` \
    to the model. Then acknowledge the outcome.\n\n\
    Ids are opaque and sort by creation. Times are RFC 3339 in UTC. Every field of a response is present unless the schema says \
    otherwise, and new fields may come; a request with an unknown field is refused. An optional text that is empty counts as not \
    given. The server never refuses a text that a model wrote (`reason.code`, `reason.text`, `reason.confidence`, `summary`, `tried`, \
    `urgency`, `customer_told`, `ask.prompt`, `ask.suggested_reply`): it converts or cuts such a text, with a warning. `reason` itself \
    must be an object. A body has at most 8 MiB for an open, 1 MiB for a `PATCH` or a message, and 256 KiB otherwise; beside \
    `conversation.messages`, `resume.state` and those texts, an open has at most 256 KiB. A body has at most 225,000 JSON \
    values, where an object counts as seven. A body may be compressed with gzip.";

/// The members of responses that are not always there.
const SOMETIMES: [(&str, &str); 10] = [
    ("Desk", "test"),
    ("Escalation", "test"),
    ("Event", "test"),
    ("Outcome", "test"),
    ("StoredEvent", "test"),
    ("Escalation", "outcome"),
    ("Escalation", "already_open"),
    ("Escalation", "desk"),
    ("TranscriptMessage", "tool_calls"),
    ("TranscriptMessage", "tool_call_id"),
];

/// Completes the document that was collected from the handlers.
pub fn openapi(collected: OpenApi) -> Value {
    let mut document = serde_json::to_value(collected).unwrap_or_default();
    document["openapi"] = json!("3.1.0");
    document["info"] = json!({
        "title": "Bailout", "version": VERSION, "description": ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["servers"] = json!([{"url": "/", "description": "This server"}]);
    document["components"]["securitySchemes"] = json!({
        "key": {"type": "http", "scheme": "bearer", "description": "An API key of one agent: `blt_…`, or `blt_test_…` of a test agent, which Robot answers. An admin makes it in Settings, Agents."},
    });
    document["components"]["headers"] = headers();
    let plain = take_plain(&mut document["components"]["schemas"]);
    simplify(&mut document, &plain);
    merge_parts(&mut document["components"]["schemas"]);
    for (name, schema) in members(&mut document["components"]["schemas"]) {
        require_members(name, schema);
    }
    for (path, methods) in members(&mut document["paths"]) {
        debug_assert!(path.starts_with(API), "{path}");
        for (_, operation) in members(methods) {
            complete(operation);
        }
    }
    document
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

fn headers() -> Value {
    let header = |description: &str, kind: &str| json!({"description": description, "schema": {"type": kind}});
    json!({
        "X-Request-Id": header("The id that finds the request in the server's log.", "string"),
        "RateLimit": header("The rest of the limit of the key, and the seconds until it is reset (draft-ietf-httpapi-ratelimit-headers-10).", "string"),
        "RateLimit-Policy": header("The limit of the key.", "string"),
        "Idempotency-Replayed": header("`true` if this is the stored answer to a repeated request.", "string"),
        "Retry-After": header("The seconds after which a retry makes sense.", "integer"),
        "WWW-Authenticate": header("How to authenticate: `Bearer`.", "string"),
        "Allow": header("The methods that the address takes.", "string"),
    })
}

/// Removes the schemas that are plain values, such as ids and limited texts, and returns them. They are more readable where
/// they are used, and a generated client needs no type for them.
fn take_plain(schemas: &mut Value) -> Map<String, Value> {
    let Value::Object(all) = std::mem::take(schemas) else { return Map::new() };
    let is_plain = |schema: &Value| {
        let is_form = ["properties", "enum", "oneOf", "allOf", "anyOf"].iter().any(|key| schema.get(key).is_some());
        !is_form
    };
    let (plain, rest) = all.into_iter().partition(|(_, schema)| is_plain(schema));
    *schemas = Value::Object(rest);
    plain
}

/// Puts plain schemas where they are used, writes a value that may be null as one type, and makes no choice of forms exclusive,
/// because forms may get new fields.
fn simplify(value: &mut Value, plain: &Map<String, Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| simplify(item, plain)),
        Value::Object(object) => {
            let named = object.get("$ref").and_then(Value::as_str).and_then(|at| at.rsplit('/').next());
            if let Some(schema) = named.and_then(|name| plain.get(name)) {
                let schema = schema.clone();
                object.remove("$ref");
                for (key, value) in schema.as_object().into_iter().flatten() {
                    object.entry(key).or_insert_with(|| value.clone());
                }
            }
            object.values_mut().for_each(|value| simplify(value, plain));
            let Some(Value::Array(mut forms)) = object.remove("oneOf") else { return };
            // The description of a member is its own, not that of one of its forms.
            if let Some(said) = forms.iter_mut().find_map(|form| form.as_object_mut()?.remove("description")) {
                object.entry("description").or_insert(said);
            }
            let null = json!({"type": "null"});
            let other = forms.iter().find(|form| **form != null).filter(|_| forms.len() == 2 && forms.contains(&null));
            match other.and_then(Value::as_object).and_then(may_be_null) {
                Some(form) => object.extend(form),
                None => drop(object.insert("anyOf".to_owned(), Value::Array(forms))),
            }
        }
        _ => {}
    }
}

/// Returns the schema of a plain value with null as one more type; none for a schema that has no type of its own.
fn may_be_null(form: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut form = form.clone();
    match form.get("type") {
        Some(Value::String(kind)) => drop(form.insert("type".to_owned(), json!([kind, "null"]))),
        // Any JSON may be null anyway.
        None if !form.contains_key("$ref") && !form.contains_key("anyOf") => {}
        _ => return None,
    }
    if let Some(Value::Array(words)) = form.get_mut("enum") {
        words.push(Value::Null);
    }
    Some(form)
}

/// Makes one object of a schema that is another one with more members, which then is no schema of its own.
fn merge_parts(schemas: &mut Value) {
    let Some(all) = schemas.as_object_mut() else { return };
    let merged = all.iter().filter(|(_, schema)| schema.get("allOf").is_some()).map(|(name, _)| name.clone());
    for name in merged.collect::<Vec<_>>() {
        let mut properties = Map::new();
        let parts = all[&name]["allOf"].take();
        for part in parts.as_array().into_iter().flatten().rev() {
            let named = part.get("$ref").and_then(Value::as_str).and_then(|at| at.rsplit('/').next());
            let named = named.and_then(|other| all.shift_remove(other));
            let of = named.as_ref().unwrap_or(part).get("properties").and_then(Value::as_object);
            properties.extend(of.cloned().unwrap_or_default());
        }
        let description = all[&name]["description"].take();
        all.insert(name, json!({"type": "object", "description": description, "properties": properties}));
    }
}

/// Requires the members of a response. A schema that refuses further members is one of a request.
fn require_members(name: &str, schema: &mut Value) {
    let forms = schema.get_mut("anyOf").and_then(Value::as_array_mut);
    forms.into_iter().flatten().for_each(|form| require_members(name, form));
    if schema.get("additionalProperties").is_some() {
        return;
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let always = properties.keys().filter(|member| !SOMETIMES.contains(&(name, member.as_str())));
    schema["required"] = always.cloned().collect();
}

/// Adds to one request what is true of every one.
fn complete(operation: &mut Value) {
    let is_public = operation.get("security").is_some();
    if !is_public {
        operation["security"] = json!([{"key": []}]);
    }
    // A body that may be left out is not null either.
    if let Some(kinds) = operation.pointer_mut("/requestBody/content/application~1json/schema/type")
        && kinds.is_array()
    {
        *kinds = json!("object");
    }
    let parameters = operation["parameters"].as_array();
    let may_be_replayed = parameters.is_some_and(|all| all.iter().any(|it| it["name"] == "Idempotency-Key"));
    for (status, response) in members(&mut operation["responses"]) {
        let is_counted = !is_public && !["401", "405"].contains(&status.as_str());
        let limits = if !is_counted { &[][..] } else { &["RateLimit", "RateLimit-Policy"] };
        let own = match status.as_str() {
            "401" => Some("WWW-Authenticate"),
            "405" => Some("Allow"),
            "429" | "503" => Some("Retry-After"),
            "200" | "201" if may_be_replayed => Some("Idempotency-Replayed"),
            _ => None,
        };
        for name in limits.iter().copied().chain(["X-Request-Id"]).chain(own) {
            response["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
        }
    }
}
