//! Reads the fields of a form from a JSON Schema. Anything that a form cannot express becomes a JSON field. The module
//! is pure; the server validates everything against the schema itself.

use std::cell::Cell;

use percent_encoding::percent_decode_str;
use serde_json::{Number, Value};

use crate::domain::json::{Json, pointer_name};

/// Objects nested deeper than this, and lists whose items would be, are edited as JSON.
const DEEPEST_FIELDSET: usize = 3;
/// The number of fields that are read from a schema; all further fields are edited as JSON. A small schema may refer to
/// itself many times.
const MAX_FIELDS: usize = 500;
/// The maximum length of a chain of references, so that resolving a schema that refers to itself ends.
const MAX_REFERENCES: usize = 16;

/// A property, an item, or the whole value.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaField {
    /// The name in the containing object; empty for an item and for the whole value.
    pub name: String,
    pub label: String,
    /// The description, the constraints, the default and an example, as one text.
    pub hint: Option<String>,
    pub required: bool,
    /// True if null is allowed; an empty field then means null.
    pub nullable: bool,
    pub kind: FieldKind,
    pub default: Option<Json>,
}

/// The way in which a field is filled in.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    Text(TextRules),
    Number(NumberRules),
    Flag,
    Choice(Vec<Json>),
    /// The only allowed value.
    Constant(Json),
    Object(Vec<SchemaField>),
    /// A list whose items all have this field.
    List(Box<SchemaField>),
    Json,
}

/// The constraints of a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextRules {
    pub shortest: usize,
    pub longest: Option<usize>,
    pub format: Option<TextFormat>,
    /// True if there is a pattern, which only the server checks.
    pub has_pattern: bool,
    /// True if the text is edited in a text area.
    pub area: bool,
}

/// The formats that a form knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    Date,
    Time,
    DateTime,
    Email,
    Uri,
}

/// The constraints of a number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NumberRules {
    pub whole: bool,
    pub least: Option<Number>,
    pub most: Option<Number>,
    pub above: Option<Number>,
    pub below: Option<Number>,
}

/// Returns the fields of a schema: those of its properties, or a single field for a value that is not an object.
pub fn fields(schema: &Value) -> Vec<SchemaField> {
    let reader = Reader { root: schema, left: Cell::new(MAX_FIELDS) };
    match reader.field("", schema, true, 0) {
        SchemaField { kind: FieldKind::Object(fields), .. } => fields,
        field if field.label.is_empty() => vec![SchemaField { label: "Answer".to_owned(), ..field }],
        field => vec![field],
    }
}

impl SchemaField {
    /// Returns the field's pointer, given the pointer of the containing value.
    pub fn pointer(&self, around: &str) -> String {
        match self.name.is_empty() {
            true => around.to_owned(),
            false => around.to_owned() + "/" + &pointer_name(&self.name),
        }
    }

    /// Returns a field for JSON text.
    pub fn json(label: &str) -> Self {
        Self {
            name: String::new(),
            label: label.to_owned(),
            hint: None,
            required: true,
            nullable: false,
            kind: FieldKind::Json,
            default: None,
        }
    }
}

struct Reader<'a> {
    root: &'a Value,
    /// The number of fields that may still be read.
    left: Cell<usize>,
}

impl<'a> Reader<'a> {
    fn field(&self, name: &str, schema: &'a Value, required: bool, depth: usize) -> SchemaField {
        let said = schema;
        let (schema, may_be_null) = self.without_null(self.resolved(schema));
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        // A reference may be described by the referring schema or by its target.
        let text = |key: &str| said.get(key).or(schema.get(key)).and_then(Value::as_str).map(str::to_owned);
        let kind = if left == 0 { FieldKind::Json } else { self.kind(schema, depth) };
        let (kind, nullable) = match kind {
            // Null is not an option of its own: an empty field means null.
            FieldKind::Choice(mut options) => {
                let count = options.len();
                options.retain(|option| *option != Json::Null);
                let has_null = options.len() < count;
                (FieldKind::Choice(options), may_be_null || has_null)
            }
            // A constant that may be null or omitted is a choice.
            FieldKind::Constant(value) if may_be_null || !required => (FieldKind::Choice(vec![value]), may_be_null),
            kind => (kind, may_be_null),
        };
        let default = said.get("default").or(schema.get("default")).map(Json::from);
        let examples = said.get("examples").or(schema.get("examples"));
        let hint = hint(text("description"), default.as_ref(), examples, &kind);
        let label = text("title").unwrap_or_else(|| name.to_owned());
        SchemaField { name: name.to_owned(), label, hint, required, nullable, kind, default }
    }

    fn kind(&self, schema: &'a Value, depth: usize) -> FieldKind {
        if let Some(value) = schema.get("const") {
            return FieldKind::Constant(Json::from(value));
        }
        if let Some(options) = schema.get("enum").and_then(Value::as_array) {
            return FieldKind::Choice(options.iter().map(Json::from).collect());
        }
        if let Some(options) = self.constants(schema) {
            return FieldKind::Choice(options);
        }
        let number = |key: &str| schema.get(key).and_then(Value::as_number).cloned();
        let count = |key: &str| schema.get(key).and_then(Value::as_u64).map(|count| count as usize);
        let properties = schema.get("properties").and_then(Value::as_object);
        match single_type(schema) {
            Some("string") => FieldKind::Text(TextRules {
                shortest: count("minLength").unwrap_or_default(),
                longest: count("maxLength"),
                format: schema.get("format").and_then(Value::as_str).and_then(TextFormat::of),
                has_pattern: schema.get("pattern").is_some(),
                area: schema.get("format").and_then(Value::as_str) == Some("textarea"),
            }),
            Some(kind @ ("number" | "integer")) => FieldKind::Number(NumberRules {
                whole: kind == "integer",
                least: number("minimum"),
                most: number("maximum"),
                above: number("exclusiveMinimum"),
                below: number("exclusiveMaximum"),
            }),
            Some("boolean") => FieldKind::Flag,
            // The whole value has depth 0, so nested objects have the depths 1 to `DEEPEST_FIELDSET`.
            Some("object") | None if depth <= DEEPEST_FIELDSET => match properties {
                // A property with an empty name would be taken for the whole value.
                Some(properties) if !properties.is_empty() && !properties.contains_key("") => {
                    let required: Vec<&str> = match schema.get("required").and_then(Value::as_array) {
                        Some(names) => names.iter().filter_map(Value::as_str).collect(),
                        None => vec![],
                    };
                    let field = |(name, schema): (&String, &'a Value)| {
                        self.field(name, schema, required.contains(&name.as_str()), depth + 1)
                    };
                    // Required properties get a field even if the schema does not describe them.
                    let unsaid = required.iter().filter(|name| !name.is_empty() && !properties.contains_key(**name));
                    let unsaid = unsaid.map(|name| SchemaField { name: (*name).to_owned(), ..SchemaField::json(name) });
                    FieldKind::Object(properties.iter().map(field).chain(unsaid).collect())
                }
                _ => FieldKind::Json,
            },
            Some("array") if depth < DEEPEST_FIELDSET && schema.get("prefixItems").is_none() => {
                match schema.get("items") {
                    Some(items @ Value::Object(_)) => {
                        let mut item = self.field("", items, true, depth + 1);
                        if item.label.is_empty() {
                            item.label = "Item".to_owned();
                        }
                        FieldKind::List(Box::new(item))
                    }
                    _ => FieldKind::Json,
                }
            }
            _ => FieldKind::Json,
        }
    }

    /// Returns the schema to which references within the document lead.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..MAX_REFERENCES {
            let only = schema.get("allOf").and_then(Value::as_array).filter(|all| all.len() == 1).map(|all| &all[0]);
            let reference = schema.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
            let next = match (reference, only) {
                // A reference is part of a URI, so names in it may be percent-encoded.
                (Some(pointer), _) => self.root.pointer(&percent_decode_str(pointer).decode_utf8_lossy()),
                (None, Some(only)) if schema.get("type").is_none() => Some(only),
                _ => None,
            };
            let Some(next) = next else { break };
            schema = next;
        }
        schema
    }

    /// Returns the schema of a value that may also be null, and whether null is allowed.
    fn without_null(&self, schema: &'a Value) -> (&'a Value, bool) {
        let types = schema.get("type").and_then(Value::as_array);
        if types.is_some_and(|types| types.iter().any(|it| it == "null")) {
            // An enum without null forbids null.
            let options = schema.get("enum").and_then(Value::as_array);
            return (schema, options.is_none_or(|options| options.contains(&Value::Null)));
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

    /// Returns the values of a schema that lists constants.
    fn constants(&self, schema: &'a Value) -> Option<Vec<Json>> {
        let all = schema.get("anyOf").or(schema.get("oneOf"))?.as_array()?;
        let values = all.iter().map(|it| self.resolved(it).get("const").map(Json::from));
        values.collect::<Option<Vec<Json>>>().filter(|values| !values.is_empty())
    }
}

/// Returns the type of a value when it is not null, if there is exactly one.
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

impl TextFormat {
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

    /// Returns an example of the format.
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

/// Returns the description, the constraints, the default, and an example, as far as they are known.
fn hint(
    description: Option<String>,
    default: Option<&Json>,
    examples: Option<&Value>,
    kind: &FieldKind,
) -> Option<String> {
    let mut said: Vec<String> = description.into_iter().collect();
    let mut bound = |words: &str, number: &Option<Number>| {
        if let Some(number) = number {
            said.push(words.to_owned() + &number.to_string() + ".");
        }
    };
    match kind {
        FieldKind::Number(rules) => {
            bound("At least ", &rules.least);
            bound("More than ", &rules.above);
            bound("At most ", &rules.most);
            bound("Less than ", &rules.below);
        }
        FieldKind::Text(rules) => {
            let shortest = (rules.shortest > 1).then(|| "At least ".to_owned() + &rules.shortest.to_string());
            let longest = rules.longest.map(|longest| "At most ".to_owned() + &longest.to_string());
            said.extend(shortest.into_iter().chain(longest).map(|words| words + " characters."));
        }
        _ => {}
    }
    if let Some(default) = default.filter(|it| !matches!(it, Json::Null | Json::Array(_) | Json::Object(_))) {
        said.push("Default: ".to_owned() + &default.as_read() + ".");
    }
    let given = examples.and_then(Value::as_array).map(|all| {
        let all: Vec<String> = all.iter().take(3).map(|it| Json::from(it).as_read()).collect();
        all.join(", ")
    });
    let known = match kind {
        FieldKind::Text(TextRules { format: Some(format @ (TextFormat::Time | TextFormat::DateTime)), .. }) => {
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
mod tests;
