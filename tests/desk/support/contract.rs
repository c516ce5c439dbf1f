//! Holds every answer of the API in the stories against the published contract.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
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
    // An address that is not published has its own answer.
    let Some(form) = paths.keys().find(is_at) else { return Ok(()) };
    let Some(operation) = paths[form].get(method.as_str().to_lowercase()) else { return Ok(()) };
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
    static KNOWN: LazyLock<Mutex<HashMap<String, Validator>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().expect("no panic before");
    let validator = known.entry(name.to_owned()).or_insert_with(|| {
        let whole = json!({"components": STRICT["components"], "allOf": [schema]});
        jsonschema::validator_for(&whole).expect("a schema")
    });
    let faults: Vec<String> =
        validator.iter_errors(body).take(3).map(|it| format!("{}: {it}", it.instance_path())).collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{name}: {}", faults.join("; ").chars().take(2_000).collect::<String>()))
    }
}
