//! Generates sample data for a JSON Schema: a value that the schema suggests, else a minimal one. Not all of JSON
//! Schema is supported, so the caller must validate the data against the schema.

use std::{cell::Cell, collections::HashSet};

use serde_json::{Map, Value, json};

/// The maximum recursion depth, because a schema may refer to itself.
const DEEPEST: usize = 12;
/// The most items or characters that are generated.
const MOST: u64 = 1_000;
/// The most values that are generated, because a small schema can require more than memory holds.
const MOST_VALUES: usize = 10_000;
/// The most bytes of all texts and suggested values together.
const MOST_BYTES: usize = 256 * 1024;
/// The most bytes of schemas that are copied to merge them. A list of choices can ask for a copy of the rest for each.
const MOST_MERGED: usize = 4 * 1024 * 1024;

/// The fields of objects to fill in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilledFields {
    All,
    Required,
}

/// Generates a value for a schema, or returns `None` if that fails.
pub fn fill(schema: &Value, fields: FilledFields) -> Option<Value> {
    let budget = |most| Cell::new(most);
    let filler = Filler {
        root: schema,
        fields,
        values: budget(MOST_VALUES),
        bytes: budget(MOST_BYTES),
        merged: budget(MOST_MERGED),
    };
    filler.value(schema, 0)
}

struct Filler<'a> {
    root: &'a Value,
    fields: FilledFields,
    /// How many values may still be generated, with how many bytes, and how many bytes may still be copied.
    values: Cell<usize>,
    bytes: Cell<usize>,
    merged: Cell<usize>,
}

/// Takes so much from a budget, or returns `None` when not enough is left. Nothing can be taken after that.
fn take(budget: &Cell<usize>, much: usize) -> Option<()> {
    let left = budget.get().checked_sub(much);
    budget.set(left.unwrap_or_default());
    left.map(drop)
}

/// Returns about how many bytes a value takes.
fn size(value: &Value) -> usize {
    16 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => size_of_members(members),
        _ => 0,
    }
}

fn size_of_members(members: &Map<String, Value>) -> usize {
    members.iter().map(|(name, value)| name.len() + size(value)).sum()
}

impl Filler<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        take(&self.values, 1)?;
        let schema = match schema {
            Value::Bool(anything) => return anything.then(|| json!({})),
            Value::Object(schema) => schema,
            _ => return None,
        };
        for suggested in ["const", "default"] {
            if let Some(value) = schema.get(suggested) {
                return self.copied(value);
            }
        }
        for suggested in ["examples", "enum"] {
            if let Some(value) = schema.get(suggested).and_then(|values| values.get(0)) {
                return self.copied(value);
            }
        }
        if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            return self.value(self.root.pointer(path.strip_prefix('#')?)?, depth + 1);
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            let rest = self.rest(schema, "allOf")?;
            let whole = parts.iter().try_fold(rest, |whole, part| self.joined(whole, part, depth))?;
            return self.value(&Value::Object(whole), depth + 1);
        }
        for either in ["anyOf", "oneOf"] {
            if let Some(choices) = schema.get(either).and_then(Value::as_array) {
                let mut made = choices.iter().filter_map(|choice| {
                    let whole = self.joined(self.rest(schema, either)?, choice, depth)?;
                    self.value(&Value::Object(whole), depth + 1)
                });
                return made.next();
            }
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => {
                let text = text(schema);
                take(&self.bytes, text.len())?;
                Some(Value::String(text))
            }
            "integer" => number(schema, true),
            "number" => number(schema, false),
            "boolean" => Some(json!(true)),
            "null" => Some(Value::Null),
            _ => None,
        }
    }

    /// Takes the cost of a member or an item, beside that of its value.
    fn member(&self, name: &str) -> Option<()> {
        take(&self.values, 1)?;
        take(&self.bytes, name.len() + 16)
    }

    /// Copies a value that the schema suggests.
    fn copied(&self, value: &Value) -> Option<Value> {
        take(&self.bytes, size(value))?;
        Some(value.clone())
    }

    /// Copies a schema without one keyword.
    fn rest(&self, schema: &Map<String, Value>, but: &str) -> Option<Map<String, Value>> {
        take(&self.merged, size_of_members(schema))?;
        Some(schema.iter().filter(|(word, _)| *word != but).map(|(word, said)| (word.clone(), said.clone())).collect())
    }

    /// Merges two schemas. Objects and `required` are joined; for other keywords in both, the value of `part` wins.
    fn joined(&self, mut whole: Map<String, Value>, part: &Value, depth: usize) -> Option<Map<String, Value>> {
        let part = match part.get("$ref").and_then(Value::as_str) {
            Some(path) if depth <= DEEPEST => self.root.pointer(path.strip_prefix('#')?)?,
            Some(_) => return None,
            None => part,
        };
        let Some(part) = part.as_object() else { return (part == &Value::Bool(true)).then_some(whole) };
        take(&self.merged, size_of_members(part))?;
        for (word, said) in part {
            match (whole.get_mut(word), said) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
                (Some(Value::Array(known)), Value::Array(more)) if word == "required" => known.extend(more.clone()),
                _ => drop(whole.insert(word.clone(), said.clone())),
            }
        }
        Some(whole)
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
        let none = Map::new();
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let required: HashSet<&str> = required.collect();
        let mut made = Map::new();
        for (name, field) in known {
            take(&self.merged, name.len() + 16)?;
            let is_required = required.contains(name.as_str());
            if !is_required && self.fields == FilledFields::Required {
                continue;
            }
            match self.member(name).and_then(|()| self.value(field, depth + 1)) {
                Some(value) => drop(made.insert(name.clone(), value)),
                None if is_required => return None,
                None => {}
            }
        }
        for name in required {
            if !made.contains_key(name) {
                self.member(name)?;
                let other = schema.get("additionalProperties").filter(|other| other.is_object());
                made.insert(name.to_owned(), other.map_or(Some(json!("demo")), |it| self.value(it, depth + 1))?);
            }
        }
        Some(Value::Object(made))
    }

    fn array(&self, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
        let first = schema.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
        let mut made = first.map(|item| self.value(item, depth + 1)).collect::<Option<Vec<_>>>()?;
        let wanted = schema.get("minItems").and_then(Value::as_u64).unwrap_or_default();
        let wanted = wanted.max(u64::from(schema.contains_key("contains"))).min(MOST);
        let others = schema.get("contains").or(schema.get("items"));
        let choices = others.and_then(|item| item.get("enum")).and_then(Value::as_array);
        while (made.len() as u64) < wanted {
            // Enum values are used in turn, because the items may have to be unique.
            let next = choices.and_then(|choices| choices.get(made.len()));
            made.push(match (next, others) {
                (Some(choice), _) => self.copied(choice)?,
                (None, Some(item)) => self.value(item, depth + 1)?,
                (None, None) => {
                    self.member("")?;
                    json!(made.len())
                }
            });
        }
        Some(Value::Array(made))
    }
}

/// Returns the type of a schema: its `type`, the first of several, or a guess from other keywords.
fn kind(schema: &Map<String, Value>) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.iter().find_map(Value::as_str).unwrap_or("object"),
        _ => {
            let hints = [("items", "array"), ("minLength", "string"), ("pattern", "string"), ("minimum", "number")];
            hints.into_iter().find(|(word, _)| schema.contains_key(*word)).map_or("object", |(_, kind)| kind)
        }
    }
}

fn text(schema: &Map<String, Value>) -> String {
    let text = match schema.get("format").and_then(Value::as_str).unwrap_or_default() {
        "date" => "2026-01-31",
        "time" => "10:30:00Z",
        "date-time" => "2026-01-31T10:30:00Z",
        "email" => "dana@example.com",
        "uri" | "url" => "https://example.com/",
        "uuid" => "018f3c5e-7a1b-7c2d-8e3f-5a6b7c8d9e0f",
        _ => "Made up by Robot",
    };
    let length = |word: &str| schema.get(word).and_then(Value::as_u64);
    let cut: String = text.chars().take(length("maxLength").unwrap_or(MOST) as usize).collect();
    let missing = length("minLength").unwrap_or_default().min(MOST).saturating_sub(cut.chars().count() as u64);
    cut + &"x".repeat(missing as usize)
}

fn number(schema: &Map<String, Value>, whole: bool) -> Option<Value> {
    let limit = |word: &str| schema.get(word).and_then(Value::as_f64);
    let step = limit("multipleOf").filter(|step| *step > 0.0).unwrap_or(1.0);
    let step = if whole && step.fract() != 0.0 { 1.0 } else { step };
    let floor = limit("minimum").into_iter().chain(limit("exclusiveMinimum")).reduce(f64::max);
    let ceiling = limit("maximum").into_iter().chain(limit("exclusiveMaximum")).reduce(f64::min);
    let fits = |number: &f64| {
        limit("minimum").is_none_or(|it| *number >= it)
            && limit("exclusiveMinimum").is_none_or(|it| *number > it)
            && limit("maximum").is_none_or(|it| *number <= it)
            && limit("exclusiveMaximum").is_none_or(|it| *number < it)
    };
    let from = floor.map_or(0.0, |floor| (floor / step).ceil() * step);
    let below = ceiling.map_or(0.0, |ceiling| (ceiling / step).floor() * step);
    let middle = floor.zip(ceiling).map(|(floor, ceiling)| f64::midpoint(floor, ceiling)).filter(|_| !whole);
    let tried = [step, from, from + step, below, below - step].into_iter().chain(middle);
    let number = tried.into_iter().find(fits)?;
    Some(if number.fract() == 0.0 && number.abs() < 9e15 { json!(number as i64) } else { json!(number) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            ask::{Ask, AskKind},
            disposition::Disposition,
            outcome::Resolution,
        },
        server::{resolution, schema::Schemas},
    };

    /// Returns whether the server accepts the data.
    fn passes(schema: &Value, data: Option<Value>) -> bool {
        let ask = Ask { response_schema: Some(schema.into()), ..Ask::bare(AskKind::Takeover) };
        resolution::check(&Schemas::default(), &ask, Resolution { data, ..Resolution::bare(Disposition::Handled) })
            .is_ok()
    }

    #[test]
    fn what_is_made_up_passes_the_servers_own_check() {
        for schema in [
            json!({"type": "object", "required": ["eur"], "properties": {"eur": {"type": "number"}}}),
            json!({"type": "integer", "minimum": 7, "maximum": 7}),
            json!({"type": "integer", "exclusiveMinimum": 7}),
            json!({"type": "integer", "maximum": -3, "multipleOf": 5}),
            json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
            json!({"type": "string", "minLength": 40}),
            json!({"type": "string", "maxLength": 3}),
            json!({"enum": ["ship", "hold"]}),
            json!({"const": {"a": 1}}),
            json!({"type": ["string", "null"]}),
            json!({"type": "array", "minItems": 2, "uniqueItems": true, "items": {"enum": ["a", "b", "c"]}}),
            json!({"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "string"}], "items": false}),
            json!({"anyOf": [{"type": "string", "pattern": "^x$", "const": "x"}, {"type": "integer"}]}),
            json!({"allOf": [{"$ref": "#/$defs/a"}, {"required": ["b"], "properties": {"b": {"type": "boolean"}}}],
                "$defs": {"a": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "format": "date"}}}}}),
            json!({"type": "object", "required": ["any", "list"], "additionalProperties": {"type": "array"}}),
            json!({"type": "object", "additionalProperties": false, "properties": {
                "name": {"type": "string"}, "next": {"$ref": "#"}}}),
            json!(true),
        ] {
            let made = [FilledFields::All, FilledFields::Required].map(|fields| fill(&schema, fields));
            assert!(made.clone().into_iter().any(|data| data.is_some() && passes(&schema, data)), "{schema}: {made:?}");
        }
    }

    #[test]
    fn it_says_when_it_knows_nothing_or_is_found_out() {
        assert_eq!(fill(&json!(false), FilledFields::All), None);
        assert_eq!(fill(&json!({"type": "integer", "minimum": 2, "maximum": 1}), FilledFields::All), None);
        let pattern = json!({"type": "string", "pattern": "^[0-9]{4}$"});
        assert!(!passes(&pattern, fill(&pattern, FilledFields::All)));
        let thousands = |items: Value| json!({"type": "array", "minItems": 1_000, "items": items});
        let huge = thousands(thousands(thousands(json!({"type": "boolean"}))));
        assert_eq!(fill(&huge, FilledFields::All), None);
        let wide: Map<String, Value> = (0..12).map(|n| (format!("p{n}"), json!({"$ref": "#"}))).collect();
        let made =
            fill(&json!({"type": "object", "properties": wide}), FilledFields::All).map(|it| it.to_string().len());
        assert!(made.is_some_and(|letters| letters < 100 * MOST_VALUES), "{made:?}");
        let endless = json!({"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}});
        assert_eq!(fill(&endless, FilledFields::Required), None);
    }
    #[test]
    fn a_small_schema_cannot_ask_for_much_memory_or_time() {
        let thousand = |items: Value| json!({"type": "array", "minItems": 1_000, "items": items});
        let large = "x".repeat(60_000);
        for suggested in ["const", "default"] {
            assert_eq!(fill(&thousand(json!({suggested: large})), FilledFields::All), None, "{suggested}");
        }
        assert_eq!(fill(&thousand(json!({"enum": [large]})), FilledFields::All), None);
        assert_eq!(fill(&thousand(json!({"type": "string", "minLength": 1_000})), FilledFields::All), None);
        let names: Vec<String> = (0..5_000).map(|n| format!("n{n}")).collect();
        let properties: Map<String, Value> = names.iter().map(|name| (name.clone(), json!(true))).collect();
        for object in [json!({"required": names}), json!({"properties": properties, "required": names})] {
            assert_eq!(fill(&thousand(object), FilledFields::Required), None);
        }
        assert_eq!(fill(&thousand(thousand(json!({"type": "array", "minItems": 9}))), FilledFields::All), None);
        assert_eq!(
            fill(&json!({"type": "array", "minItems": 9, "items": thousand(thousand(json!(true)))}), FilledFields::All),
            None
        );
        assert_eq!(fill(&thousand(json!({"type": "array", "minItems": 1_000})), FilledFields::All), None);
        // Each choice is refused, and trying it copies all that stands beside the choices.
        let choices = vec![json!(false); 1_500];
        let beside = thousand(json!({"anyOf": choices, "x-about": large}));
        let filler = Filler {
            root: &beside,
            fields: FilledFields::All,
            values: Cell::new(MOST_VALUES),
            bytes: Cell::new(MOST_BYTES),
            merged: Cell::new(MOST_MERGED),
        };
        assert_eq!(filler.value(&beside, 0), None);
        assert_eq!(filler.merged.get(), 0, "the budget ends the attempts");
        assert!(fill(&json!({"const": "x".repeat(1_000)}), FilledFields::All).is_some());
    }
}
