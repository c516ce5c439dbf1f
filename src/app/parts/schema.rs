//! A form out of a JSON Schema: one field a property, and back to data. Pure. What the form cannot express is written
//! as JSON, and the server checks everything against the schema itself.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::domain::ask::FieldProblem;

/// What is written in each field, by its name. A flag holds `true` or nothing, a choice the number of its option.
pub type Filled = HashMap<String, String>;

/// How a field is filled in.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Text,
    Number,
    Integer,
    Flag,
    Choice(Vec<Value>),
    Date,
    Json,
}

/// A property, or the whole value.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Empty for a value that is no object.
    pub name: String,
    /// Where problems of it point, from the root of a resolution.
    pub pointer: String,
    pub label: String,
    pub hint: Option<String>,
    pub required: bool,
    pub kind: Kind,
    /// As it would be filled in.
    pub default: Option<String>,
}

/// The fields of a schema, for the value at a pointer from the root of a resolution.
pub fn fields(schema: &Value, at: &str) -> Vec<Field> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        let label = schema.get("title").and_then(Value::as_str).unwrap_or("Answer");
        return vec![Field { label: label.to_owned(), pointer: at.to_owned(), ..field("", schema, true, at) }];
    };
    let required: Vec<&str> = match schema.get("required").and_then(Value::as_array) {
        Some(names) => names.iter().filter_map(Value::as_str).collect(),
        None => vec![],
    };
    properties.iter().map(|(name, schema)| field(name, schema, required.contains(&name.as_str()), at)).collect()
}

fn field(name: &str, schema: &Value, required: bool, at: &str) -> Field {
    let text = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = kind(schema);
    let default = schema.get("default").and_then(|value| kind.filled(value));
    let label = text("title").unwrap_or_else(|| name.to_owned());
    let pointer = at.to_owned() + "/" + &name.replace('~', "~0").replace('/', "~1");
    Field { name: name.to_owned(), pointer, label, hint: text("description"), required, kind, default }
}

impl Kind {
    /// How a value is filled in; none when a field of this kind cannot hold it.
    pub fn filled(&self, value: &Value) -> Option<String> {
        match self {
            Self::Choice(options) => options.iter().position(|option| option == value).map(|at| at.to_string()),
            Self::Flag => value.as_bool().filter(|flag| *flag).map(|flag| flag.to_string()),
            Self::Json => serde_json::to_string_pretty(value).ok(),
            _ => Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        }
    }
}

fn kind(schema: &Value) -> Kind {
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return Kind::Choice(options.clone());
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") if schema.get("format").and_then(Value::as_str) == Some("date") => Kind::Date,
        Some("string") => Kind::Text,
        Some("number") => Kind::Number,
        Some("integer") => Kind::Integer,
        Some("boolean") => Kind::Flag,
        _ => Kind::Json,
    }
}

/// The data that was filled in, or what is wrong with it.
pub fn value(fields: &[Field], filled: &Filled) -> Result<Value, Vec<FieldProblem>> {
    let mut problems = vec![];
    let mut object = Map::new();
    let mut whole = None;
    for field in fields {
        match read(field, filled.get(&field.name).map_or("", String::as_str)) {
            Ok(Some(value)) if field.name.is_empty() => whole = Some(value),
            Ok(Some(value)) => {
                object.insert(field.name.clone(), value);
            }
            Ok(None) if field.required => {
                problems.push(FieldProblem::new(field.pointer.clone(), format!("{} is required.", field.label)));
            }
            Ok(None) => {}
            Err(detail) => problems.push(FieldProblem::new(field.pointer.clone(), detail)),
        }
    }
    if problems.is_empty() { Ok(whole.unwrap_or(Value::Object(object))) } else { Err(problems) }
}

/// An empty field says nothing, but for a flag, which is always sent.
fn read(field: &Field, written: &str) -> Result<Option<Value>, String> {
    let number = |problem: &str| {
        let read: Option<Value> = serde_json::from_slice(written.trim().as_bytes()).ok();
        read.filter(Value::is_number).ok_or_else(|| format!("{} {problem}.", field.label))
    };
    match &field.kind {
        Kind::Flag => Ok(Some(Value::Bool(written == "true"))),
        _ if written.trim().is_empty() => Ok(None),
        Kind::Text | Kind::Date => Ok(Some(Value::String(written.to_owned()))),
        Kind::Number => number("must be a number").map(Some),
        Kind::Integer => {
            let value = number("must be a whole number")?;
            match value.as_f64().is_some_and(|number| number.fract() == 0.0) {
                true => Ok(Some(value)),
                false => Err(format!("{} must be a whole number.", field.label)),
            }
        }
        Kind::Choice(options) => Ok(written.parse().ok().and_then(|at: usize| options.get(at).cloned())),
        Kind::Json => match serde_json::from_slice(written.as_bytes()) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(format!("{} is no JSON: {error}.", field.label)),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_fills_what_its_schema_asks() {
        let schema = json!({"type": "object", "required": ["ref", "ok"], "properties": {
            "ref": {"type": "string", "title": "Reference"},
            "eur": {"type": "number"},
            "ok": {"type": "boolean"},
            "how": {"enum": ["card", 7]},
            "more": {"type": "array"},
        }});
        let fields = fields(&schema, "/data");
        let problems = value(&fields, &Filled::new()).unwrap_err();
        assert_eq!(problems, vec![FieldProblem::new("/data/ref", "Reference is required.")]);
        let filled = [("ref", "R1"), ("eur", "2.50"), ("how", "1"), ("more", "[1]")];
        let filled = filled.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let expected = json!({"ref": "R1", "eur": 2.5, "ok": false, "how": 7, "more": [1]});
        assert_eq!(value(&fields, &filled), Ok(expected));
    }

    #[test]
    fn a_schema_that_is_no_object_is_one_field() {
        let fields = fields(&json!({"type": "integer"}), "/data");
        assert_eq!((fields[0].label.as_str(), fields[0].pointer.as_str()), ("Answer", "/data"));
        let filled = Filled::from([(String::new(), "42".to_owned())]);
        assert_eq!(value(&fields, &filled), Ok(json!(42)));
        assert!(value(&fields, &Filled::from([(String::new(), "4.2".to_owned())])).is_err());
    }
}
