//! Tests of the form fields that are read from schemas as tools write them.

use serde_json::json;

use super::*;

fn kinds(schema: Value) -> Vec<(String, FieldKind, bool)> {
    fields(&schema).into_iter().map(|it| (it.name, it.kind, it.nullable)).collect()
}

#[test]
fn values_that_may_be_null_are_the_field_without_it() {
    let text = || FieldKind::Text(TextRules::default());
    let read = kinds(json!({"properties": {
        "a": {"type": ["string", "null"]},
        "b": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "c": {"anyOf": [{"$ref": "#/$defs/plan"}, {"type": "null"}], "default": null},
        "d": {"type": ["string", "number"]},
    }, "$defs": {"plan": {"enum": ["basic", "pro"]}}}));
    let plans = FieldKind::Choice(vec![Json::String("basic".into()), Json::String("pro".into())]);
    let expected = [("a", text(), true), ("b", text(), true), ("c", plans, true), ("d", FieldKind::Json, false)];
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
    let plan = FieldKind::Choice(vec![Json::String("basic".into())]);
    assert_eq!((&read[0].1, &read[1].1, &read[2].1), (&plan, &FieldKind::Json, &plan));
    assert_eq!(read[3].1, FieldKind::Choice(vec![Json::Number("1".into()), Json::Number("2".into())]));
}

#[test]
fn three_levels_are_fieldsets_and_the_next_is_json() {
    let schema = json!({"properties": {"a": {"type": "object", "properties": {"b": {"type": "array", "items":
        {"properties": {"c": {"properties": {"d": {"type": "string"}}}}}}}}}});
    let mut at = &fields(&schema)[0];
    let mut levels = 0;
    loop {
        at = match &at.kind {
            FieldKind::Object(fields) => &fields[0],
            FieldKind::List(item) => item,
            kind => {
                assert_eq!((levels, kind), (3, &FieldKind::Json));
                break;
            }
        };
        levels += 1;
    }
}

#[test]
fn schemas_as_tools_write_them_are_forms() {
    let text = |it: &str| Json::String(it.into());
    let read = kinds(json!({"required": ["type", "extra"], "properties": {
        "plan": {"type": ["string", "null"], "enum": ["basic", null]},
        "strict": {"type": ["string", "null"], "enum": ["basic"]},
        "type": {"const": "line"}, "version": {"const": 2},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "number"}},
        "page": {"$ref": "#/$defs/Page%3CItem%3E"},
    }, "$defs": {"Page<Item>": {"type": "boolean"}}}));
    let choice = |it: Json| FieldKind::Choice(vec![it]);
    let expected = [
        ("plan", choice(text("basic")), true),
        ("strict", choice(text("basic")), false),
        ("type", FieldKind::Constant(text("line")), false),
        ("version", choice(Json::Number("2".into())), false),
        ("pair", FieldKind::Json, false),
        ("page", FieldKind::Flag, false),
        ("extra", FieldKind::Json, false),
    ];
    assert_eq!(read, expected.map(|(name, kind, nullable)| (name.to_owned(), kind, nullable)));
}

#[test]
fn a_schema_that_refers_to_itself_makes_few_fields() {
    fn count(fields: &[SchemaField]) -> usize {
        let within = |field: &SchemaField| match &field.kind {
            FieldKind::Object(fields) => count(fields),
            FieldKind::List(item) => count(std::slice::from_ref(item)),
            _ => 0,
        };
        fields.iter().map(|field| 1 + within(field)).sum()
    }
    let properties: serde_json::Map<_, _> = (0..1_000).map(|n| (format!("a{n}"), json!({"$ref": "#"}))).collect();
    assert!(count(&fields(&json!({"properties": properties}))) < 10_000);
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
