//! Holds every answer of the API in the stories against the published contract.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

/// The published contract, in which no response may have a member that is not described.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = bailout::server::api::openapi().clone();
    close(&mut document["components"]["schemas"]);
    document
});

/// Closes every described object to further members.
fn close(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(object) => {
            object.values_mut().for_each(close);
            let is_object = object.contains_key("properties") && object.get("type").is_some();
            if is_object && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        _ => {}
    }
}

/// The headers of every answer of the server, which belong to no contract.
const EVERYWHERE: [&str; 13] = [
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "transfer-encoding",
    "x-content-type-options",
];

/// The parts of an answer that the contract describes.
pub struct Described<'a> {
    pub status: u16,
    /// The names of its headers, in lower case.
    pub headers: &'a [String],
    pub kind: &'a str,
    pub body: &'a Value,
}

/// Returns what an answer has that the contract does not describe.
pub fn undescribed(method: &Method, path: &str, answer: &Described) -> Result<(), String> {
    let Described { status, headers, kind, body } = *answer;
    let path = format!("/api/v1{}", path.split('?').next().unwrap_or_default());
    let is_at = |form: &&String| {
        let (form, path): (Vec<_>, Vec<_>) = (form.split('/').collect(), path.split('/').collect());
        form.len() == path.len() && form.iter().zip(&path).all(|(form, part)| form == part || form.starts_with('{'))
    };
    let paths = STRICT["paths"].as_object().expect("paths");
    // An address or a method that is not published is answered with a problem, too.
    let operation = paths.keys().find(is_at).map(|form| (form, paths[form].get(method.as_str().to_lowercase())));
    let (form, operation) = match operation {
        Some((form, Some(operation))) => (form, operation),
        other => {
            let expected = if other.is_some() { 405 } else { 404 };
            if status != expected || kind != "application/problem+json" {
                return Err(format!("{method} {path} is answered with {status} {kind}"));
            }
            return breaks("a problem", &json!({"$ref": "#/components/schemas/Problem"}), body);
        }
    };
    let response = &operation["responses"][status.to_string()];
    if response.is_null() {
        return Err(format!("{method} {form} does not describe {status}"));
    }
    let described = |name: &&String| {
        EVERYWHERE.contains(&name.as_str())
            || response["headers"].as_object().is_some_and(|all| all.keys().any(|it| it.to_lowercase() == **name))
    };
    if let Some(name) = headers.iter().find(|name| !described(name)) {
        return Err(format!("{method} {form} {status} does not describe the header {name}"));
    }
    // Rate limits are off in most stories, and not every answer is a replayed one. Other headers are always there.
    let sometimes = ["RateLimit", "RateLimit-Policy", "Idempotency-Replayed"];
    let promised = response["headers"].as_object().into_iter().flatten().map(|(name, _)| name);
    let mut promised = promised.filter(|name| !sometimes.contains(&name.as_str()));
    if let Some(name) = promised.find(|name| !headers.contains(&name.to_lowercase())) {
        return Err(format!("{method} {form} {status} lacks the header {name}"));
    }
    // Members that an event may lack are in every answer.
    let is_escalation = response["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/Escalation";
    if is_escalation && ["outcome", "desk"].iter().any(|name| body.get(name).is_none()) {
        return Err(format!("{method} {form} {status} lacks the outcome or the desk"));
    }
    if response["content"].is_null() {
        return if kind.is_empty() { Ok(()) } else { Err(format!("{method} {form} {status} has a body")) };
    }
    let content = &response["content"][kind];
    if content.is_null() {
        return Err(format!("{method} {form} {status} does not describe {kind}"));
    }
    if kind == "application/problem+json" {
        let code = body["code"].as_str().unwrap_or_default();
        if content["examples"][code].is_null() {
            return Err(format!("{method} {form} {status} does not describe {code}"));
        }
    }
    let name = format!("{method} {form} {status} {kind}");
    breaks(&name, &content["schema"], body)
}

/// Returns where a value breaks a schema of the contract; `name` identifies the schema.
pub fn breaks(name: &str, schema: &Value, body: &Value) -> Result<(), String> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let build = || {
        let whole = json!({"components": STRICT["components"], "allOf": [schema]});
        Arc::new(jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema"))
    };
    // The lock is released before the body is checked, so that stories do not wait for each other.
    let validator = Arc::clone(KNOWN.lock().expect("no panic before").entry(name.to_owned()).or_insert_with(build));
    let faults: Vec<String> =
        validator.iter_errors(body).take(3).map(|it| format!("{}: {it}", it.instance_path())).collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{name}: {}", faults.join("; ").chars().take(2_000).collect::<String>()))
    }
}
