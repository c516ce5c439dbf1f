//! The fields of a form, read from a JSON Schema. What a form cannot express is a field for JSON. Pure; the server
//! validates everything against the schema itself.

use serde_json::Value;

use crate::domain::json::{Json, pointer_name};

/// Objects and lists nested deeper than this are edited as JSON.
const DEEPEST_FIELDSET: usize = 3;
/// References that are followed one after the other, so that a schema which refers to itself ends.
const MAX_REFERENCES: usize = 16;

/// A property, an item, or the whole value.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name in the object around it; empty for an item and for the whole value.
    pub name: String,
    pub label: String,
    /// The description, and what is allowed.
    pub hint: Option<String>,
    pub required: bool,
    /// Null is allowed: an empty field means it.
    pub nullable: bool,
    pub kind: Kind,
    pub default: Option<Json>,
}

/// How a field is filled in.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Text(TextRules),
    Number(NumberRules),
    Flag,
    Choice(Vec<Json>),
    /// Only this value.
    Constant(Json),
    Object(Vec<Field>),
    /// Items that all have this field.
    List(Box<Field>),
    Json,
}

/// What a text must be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextRules {
    pub shortest: usize,
    pub longest: Option<usize>,
    pub format: Option<Format>,
    /// The server checks it.
    pub has_pattern: bool,
    /// It wants several lines.
    pub area: bool,
}

/// Formats that a form knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Date,
    Time,
    DateTime,
    Email,
    Uri,
}

/// What a number must be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NumberRules {
    pub whole: bool,
    pub least: Option<f64>,
    pub most: Option<f64>,
    pub above: Option<f64>,
    pub below: Option<f64>,
}

/// The fields of a schema: of its properties, or one for a value that is no object.
pub fn fields(schema: &Value) -> Vec<Field> {
    let reader = Reader { root: schema };
    match reader.field("", schema, true, 0) {
        Field { kind: Kind::Object(fields), .. } => fields,
        field if field.label.is_empty() => vec![Field { label: "Answer".to_owned(), ..field }],
        field => vec![field],
    }
}

impl Field {
    /// Where it is, below the place of what is around it.
    pub fn pointer(&self, around: &str) -> String {
        match self.name.is_empty() {
            true => around.to_owned(),
            false => around.to_owned() + "/" + &pointer_name(&self.name),
        }
    }

    /// A field for JSON text.
    pub fn json(label: &str) -> Self {
        Self {
            name: String::new(),
            label: label.to_owned(),
            hint: None,
            required: true,
            nullable: false,
            kind: Kind::Json,
            default: None,
        }
    }
}

struct Reader<'a> {
    root: &'a Value,
}

impl<'a> Reader<'a> {
    fn field(&self, name: &str, schema: &'a Value, required: bool, depth: usize) -> Field {
        let said = schema;
        let (schema, nullable) = self.without_null(self.resolved(schema));
        // A reference may be described where it stands, or where it leads.
        let text = |key: &str| said.get(key).or(schema.get(key)).and_then(Value::as_str).map(str::to_owned);
        let kind = self.kind(schema, depth);
        let default = said.get("default").or(schema.get("default")).map(Json::from);
        let hint = hint(text("description"), said.get("examples").or(schema.get("examples")), &kind);
        let label = text("title").unwrap_or_else(|| name.to_owned());
        Field { name: name.to_owned(), label, hint, required, nullable, kind, default }
    }

    fn kind(&self, schema: &'a Value, depth: usize) -> Kind {
        if let Some(value) = schema.get("const") {
            return Kind::Constant(Json::from(value));
        }
        if let Some(options) = schema.get("enum").and_then(Value::as_array) {
            return Kind::Choice(options.iter().map(Json::from).collect());
        }
        if let Some(options) = self.constants(schema) {
            return Kind::Choice(options);
        }
        let number = |key: &str| schema.get(key).and_then(Value::as_f64);
        let count = |key: &str| schema.get(key).and_then(Value::as_u64).map(|count| count as usize);
        let properties = schema.get("properties").and_then(Value::as_object);
        match single_type(schema) {
            Some("string") => Kind::Text(TextRules {
                shortest: count("minLength").unwrap_or_default(),
                longest: count("maxLength"),
                format: schema.get("format").and_then(Value::as_str).and_then(Format::of),
                has_pattern: schema.get("pattern").is_some(),
                area: schema.get("format").and_then(Value::as_str) == Some("textarea"),
            }),
            Some(kind @ ("number" | "integer")) => Kind::Number(NumberRules {
                whole: kind == "integer",
                least: number("minimum"),
                most: number("maximum"),
                above: number("exclusiveMinimum"),
                below: number("exclusiveMaximum"),
            }),
            Some("boolean") => Kind::Flag,
            // The whole value has a level of its own.
            Some("object") | None if depth <= DEEPEST_FIELDSET => match properties {
                Some(properties) if !properties.is_empty() => {
                    let required: Vec<&str> = match schema.get("required").and_then(Value::as_array) {
                        Some(names) => names.iter().filter_map(Value::as_str).collect(),
                        None => vec![],
                    };
                    let field = |(name, schema): (&String, &'a Value)| {
                        self.field(name, schema, required.contains(&name.as_str()), depth + 1)
                    };
                    Kind::Object(properties.iter().map(field).collect())
                }
                _ => Kind::Json,
            },
            Some("array") if depth < DEEPEST_FIELDSET => match schema.get("items") {
                Some(items @ Value::Object(_)) => Kind::List(Box::new(self.field("", items, true, depth + 1))),
                _ => Kind::Json,
            },
            _ => Kind::Json,
        }
    }

    /// What a schema says, past references within its document.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..MAX_REFERENCES {
            let only = schema.get("allOf").and_then(Value::as_array).filter(|all| all.len() == 1).map(|all| &all[0]);
            let reference = schema.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
            let next = match (reference, only) {
                (Some(pointer), _) => self.root.pointer(pointer),
                (None, Some(only)) if schema.get("type").is_none() => Some(only),
                _ => None,
            };
            let Some(next) = next else { break };
            schema = next;
        }
        schema
    }

    /// The schema of a value that may also be null, and whether it may.
    fn without_null(&self, schema: &'a Value) -> (&'a Value, bool) {
        let types = schema.get("type").and_then(Value::as_array);
        if types.is_some_and(|types| types.iter().any(|it| it == "null")) {
            return (schema, true);
        }
        for key in ["anyOf", "oneOf"] {
            let Some(all) = schema.get(key).and_then(Value::as_array) else { continue };
            let is_null = |it: &&Value| it.get("type").is_some_and(|it| it == "null");
            let others: Vec<&Value> = all.iter().filter(|it| !is_null(it)).collect();
            if let [one] = others[..] {
                return (self.resolved(one), others.len() < all.len());
            }
        }
        (schema, false)
    }

    /// The values of a schema that lists constants.
    fn constants(&self, schema: &'a Value) -> Option<Vec<Json>> {
        let all = schema.get("anyOf").or(schema.get("oneOf"))?.as_array()?;
        let values = all.iter().map(|it| self.resolved(it).get("const").map(Json::from));
        values.collect::<Option<Vec<Json>>>().filter(|values| !values.is_empty())
    }
}

/// The one type that a value has when it is not null.
fn single_type(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => {
            let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.next().filter(|_| names.next().is_none()).or(Some("several"))
        }
        _ => Some("unknown"),
    }
}

impl Format {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "date" => Self::Date,
            "time" => Self::Time,
            "date-time" => Self::DateTime,
            "email" | "idn-email" => Self::Email,
            "uri" | "url" | "iri" => Self::Uri,
            _ => return None,
        })
    }

    /// How it looks.
    pub fn example(self) -> &'static str {
        match self {
            Self::Date => "2026-11-30",
            Self::Time => "14:30:00Z",
            Self::DateTime => "2026-11-30T14:30:00Z",
            Self::Email => "dana@example.com",
            Self::Uri => "https://example.com/",
        }
    }
}

/// The description, what is allowed, and an example, as far as they are known.
fn hint(description: Option<String>, examples: Option<&Value>, kind: &Kind) -> Option<String> {
    let mut said: Vec<String> = description.into_iter().collect();
    let mut bound = |words: &str, number: Option<f64>| {
        if let Some(number) = number {
            said.push(words.to_owned() + &number.to_string() + ".");
        }
    };
    match kind {
        Kind::Number(rules) => {
            bound("At least ", rules.least);
            bound("More than ", rules.above);
            bound("At most ", rules.most);
            bound("Less than ", rules.below);
        }
        Kind::Text(rules) => {
            let shortest = (rules.shortest > 1).then(|| "At least ".to_owned() + &rules.shortest.to_string());
            let longest = rules.longest.map(|longest| "At most ".to_owned() + &longest.to_string());
            said.extend(shortest.into_iter().chain(longest).map(|words| words + " characters."));
        }
        _ => {}
    }
    let given = examples.and_then(Value::as_array).map(|all| {
        let all: Vec<String> = all.iter().take(3).map(|it| Json::from(it).as_read()).collect();
        all.join(", ")
    });
    let known = match kind {
        Kind::Text(TextRules { format: Some(format @ (Format::Time | Format::DateTime)), .. }) => {
            Some(format.example())
        }
        _ => None,
    };
    if let Some(example) = given.or(known.map(str::to_owned)) {
        said.push("For example ".to_owned() + &example + ".");
    }
    (!said.is_empty()).then(|| said.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds(schema: Value) -> Vec<(String, Kind, bool)> {
        fields(&schema).into_iter().map(|it| (it.name, it.kind, it.nullable)).collect()
    }

    #[test]
    fn values_that_may_be_null_are_the_field_without_it() {
        let text = || Kind::Text(TextRules::default());
        let read = kinds(json!({"properties": {
            "a": {"type": ["string", "null"]},
            "b": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "c": {"anyOf": [{"$ref": "#/$defs/plan"}, {"type": "null"}], "default": null},
            "d": {"type": ["string", "number"]},
        }, "$defs": {"plan": {"enum": ["basic", "pro"]}}}));
        let plans = Kind::Choice(vec![Json::String("basic".into()), Json::String("pro".into())]);
        let expected = [("a", text(), true), ("b", text(), true), ("c", plans, true), ("d", Kind::Json, false)];
        assert_eq!(read, expected.map(|(name, kind, nullable)| (name.to_owned(), kind, nullable)));
    }

    #[test]
    fn references_are_choices_and_end() {
        let schema = json!({"$ref": "#/$defs/root", "$defs": {
            "root": {"properties": {"plan": {"$ref": "#/$defs/plan"}, "again": {"$ref": "#/$defs/again"},
                "all": {"allOf": [{"$ref": "#/$defs/plan"}]}, "one": {"oneOf": [{"const": 1}, {"const": 2}]}}},
            "plan": {"enum": ["basic"]},
            "again": {"$ref": "#/$defs/again"},
        }});
        let read = kinds(schema);
        let plan = Kind::Choice(vec![Json::String("basic".into())]);
        assert_eq!((&read[0].1, &read[1].1, &read[2].1), (&plan, &Kind::Json, &plan));
        assert_eq!(read[3].1, Kind::Choice(vec![Json::Number("1".into()), Json::Number("2".into())]));
    }

    #[test]
    fn three_levels_are_fieldsets_and_the_next_is_json() {
        let schema = json!({"properties": {"a": {"type": "object", "properties": {"b": {"type": "array", "items":
            {"properties": {"c": {"properties": {"d": {"type": "string"}}}}}}}}}});
        let mut at = &fields(&schema)[0];
        let mut levels = 0;
        loop {
            at = match &at.kind {
                Kind::Object(fields) => &fields[0],
                Kind::List(item) => item,
                kind => {
                    assert_eq!((levels, kind), (3, &Kind::Json));
                    break;
                }
            };
            levels += 1;
        }
    }

    #[test]
    fn what_is_allowed_is_said() {
        let schema = json!({"properties": {
            "eur": {"type": "integer", "description": "In euros.", "minimum": 1, "exclusiveMaximum": 500, "examples": [20]},
            "note": {"type": "string", "maxLength": 80},
        }});
        let read = fields(&schema);
        assert_eq!(read[0].hint.as_deref(), Some("In euros. At least 1. Less than 500. For example 20."));
        assert_eq!(read[1].hint.as_deref(), Some("At most 80 characters."));
        assert_eq!(fields(&json!({"type": "integer"}))[0].label, "Answer");
    }
}
