//! Draws the schemas of the published contract: each object with its members.

use leptos::prelude::*;
use serde_json::Value;

use super::{object, text, with_code};
use crate::app::parts::drawn::element;

/// Draws every named schema.
pub fn all(document: &'static Value) -> Vec<AnyView> {
    object(&document["components"]["schemas"]).map(|(name, schema)| one(name, schema)).collect()
}

fn one(name: &str, schema: &Value) -> AnyView {
    view! {
        <section class="plain-section" id=anchor(name)>
            <h3>{name.to_owned()}</h3>
            {words_of(&schema["description"])}
            {content(schema)}
        </section>
    }
    .into_any()
}

/// Returns the id of a schema's place on the page.
fn anchor(name: &str) -> String {
    format!("schema-{name}")
}

fn words_of(description: &Value) -> Option<AnyView> {
    let said = text(description);
    (!said.is_empty()).then(|| element("p", "", with_code(said)))
}

/// Returns the schema that another one names, or the schema itself.
pub fn named(document: &'static Value, schema: &'static Value) -> &'static Value {
    let name = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next());
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

/// Draws the members of an object, or the kind of anything else.
pub fn content(schema: &Value) -> AnyView {
    let forms = schema["anyOf"].as_array().into_iter().flatten();
    let forms: Vec<AnyView> = forms.filter(|form| form["properties"].is_object()).map(content).collect();
    if !forms.is_empty() {
        return view! { <p>{kind(schema)}</p> {forms} }.into_any();
    }
    let members = members(schema);
    match members.is_empty() {
        true if schema["type"] == "object" => element("p", "plain-facts", vec!["It has no members.".into_any()]),
        true => element("p", "", kind(schema)),
        false => element("dl", "contract-members", members),
    }
}

fn members(schema: &Value) -> Vec<AnyView> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_request = schema["additionalProperties"] == false;
    let member = |(name, of): (&String, &Value)| {
        let is_required = required.contains(&name.as_str());
        let note = match (is_request, is_required) {
            (true, true) => " · required",
            (false, false) => " · not always there",
            _ => "",
        };
        let said = words_of(&of["description"]);
        [
            view! { <dt><code>{name.to_owned()}</code></dt> }.into_any(),
            view! { <dd><span class="plain-facts">{kind(of)} {note}</span> {said}</dd> }.into_any(),
        ]
    };
    object(&schema["properties"]).flat_map(member).collect()
}

/// Draws the kind of a value: `a list of Message`, `text, at most 100 characters`.
pub fn kind(schema: &Value) -> Vec<AnyView> {
    let said = |text: String| vec![text.into_any()];
    if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        return vec![view! { <a href=format!("#{}", anchor(name))>{name.to_owned()}</a> }.into_any()];
    }
    if let Some(words) = schema["enum"].as_array() {
        let word = |word: &Value| match word {
            Value::String(word) => view! { <code>{word.clone()}</code> " " }.into_any(),
            _ => "or null".into_any(),
        };
        return words.iter().map(word).collect();
    }
    if let Some(forms) = schema["anyOf"].as_array() {
        let form = |(i, form): (usize, &Value)| {
            let or = if i > 0 { " or " } else { "" };
            let members: Vec<&str> = object(&form["properties"]).map(|(name, _)| name.as_str()).collect();
            match members.is_empty() {
                true => view! { {or} {kind(form)} }.into_any(),
                false => view! { {or} "an object with " <code>{members.join(", ")}</code> }.into_any(),
            }
        };
        return forms.iter().enumerate().map(form).collect();
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    let or_null = if types.len() > 1 { ", or null" } else { "" };
    match types.first().copied() {
        Some("array") => {
            let of = kind(&schema["items"]);
            vec![view! { "a list of " {of} {or_null} }.into_any()]
        }
        Some("string") => {
            let form = match (text(&schema["format"]), &schema["maxLength"]) {
                ("date-time", _) => "a time".to_owned(),
                (_, Value::Number(most)) => format!("text, at most {most} characters"),
                _ => "text".to_owned(),
            };
            said(form + or_null)
        }
        Some("integer") => match (&schema["minimum"], &schema["maximum"]) {
            (least, Value::Number(most)) => said(format!("a whole number from {least} to {most}{or_null}")),
            _ => said(format!("a whole number{or_null}")),
        },
        Some("number") => said(format!("a number{or_null}")),
        Some("boolean") => said(format!("true or false{or_null}")),
        Some("object") => said(format!("an object{or_null}")),
        Some("null") => said("null".to_owned()),
        _ => said("any JSON".to_owned()),
    }
}
