//! Leaves out the patterns that cannot be matched in linear time: those that look ahead or back, which libraries for
//! decimal numbers and e-mail addresses generate. The rest of such a schema is still applied.

use serde_json::{Map, Value, json};

use crate::domain::json::pointer_name;

/// Returns whether a schema compiles.
type Compiles<'a> = &'a dyn Fn(&Value) -> bool;

/// Returns the schema without the patterns that look around, and the pointers of these patterns; `None` if it has none.
/// A pattern with any other fault is kept, so that compiling fails.
pub fn without_lookaround(schema: &Value, compiles: Compiles<'_>) -> Option<(Value, Vec<String>)> {
    let (mut kept, mut left_out) = (schema.clone(), vec![]);
    strip(&mut kept, "", compiles, &mut left_out);
    (!left_out.is_empty()).then_some((kept, left_out))
}

fn strip(schema: &mut Value, at: &str, compiles: Compiles<'_>, left_out: &mut Vec<String>) {
    let Some(members) = schema.as_object_mut() else { return };
    if members.get("pattern").and_then(Value::as_str).is_some_and(|pattern| looks_around(pattern, compiles)) {
        members.remove("pattern");
        left_out.push(format!("{at}/pattern"));
    }
    strip_names(members, at, compiles, left_out);
    for (keyword, value) in members {
        let at = format!("{at}/{}", pointer_name(keyword));
        match (keyword.as_str(), value) {
            // These hold values of the instance, and no subschemas.
            ("const" | "enum" | "default" | "examples", _) => {}
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" | "dependencies",
                Value::Object(named),
            ) => {
                for (name, value) in named {
                    strip(value, &format!("{at}/{}", pointer_name(name)), compiles, left_out);
                }
            }
            (_, Value::Array(items)) => {
                for (i, item) in items.iter_mut().enumerate() {
                    strip(item, &format!("{at}/{i}"), compiles, left_out);
                }
            }
            (_, value) => strip(value, &at, compiles, left_out),
        }
    }
}

/// Leaves out names of `patternProperties`. Which members they match is then unknown, so no other member is refused.
fn strip_names(members: &mut Map<String, Value>, at: &str, compiles: Compiles<'_>, left_out: &mut Vec<String>) {
    let Some(named) = members.get_mut("patternProperties").and_then(Value::as_object_mut) else { return };
    let before = left_out.len();
    named.retain(|pattern, _| {
        let looks_around = looks_around(pattern, compiles);
        if looks_around {
            left_out.push(format!("{at}/patternProperties/{}", pointer_name(pattern)));
        }
        !looks_around
    });
    if left_out.len() > before {
        members.remove("additionalProperties");
        members.remove("unevaluatedProperties");
    }
}

/// Returns whether a pattern cannot be compiled because it looks ahead or back.
fn looks_around(pattern: &str, compiles: Compiles<'_>) -> bool {
    ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|start| pattern.contains(start))
        && !compiles(&json!({"pattern": pattern}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(schema: &Value) -> Option<(Value, Vec<String>)> {
        without_lookaround(schema, &|schema| {
            jsonschema::draft202012::options()
                .with_pattern_options(jsonschema::PatternOptions::regex())
                .build(schema)
                .is_ok()
        })
    }

    #[test]
    fn what_looks_around_is_left_out_and_named() {
        let decimal = r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$";
        let schema = json!({
            "properties": {
                "pattern": {"type": "string", "pattern": decimal},
                "a/b": {"anyOf": [{"type": "number"}, {"pattern": decimal}]},
                "kept": {"pattern": r"^\(?=\d$", "const": {"pattern": decimal}},
            },
            "patternProperties": {"(?=x)": {"minimum": 1}, "^y": {}},
            "additionalProperties": false,
        });
        let (kept, left_out) = left_out(&schema).unwrap();
        let places = ["/patternProperties/(?=x)", "/properties/pattern/pattern", "/properties/a~1b/anyOf/1/pattern"];
        assert_eq!(left_out, places);
        assert_eq!(
            kept,
            json!({
                "properties": {
                    "pattern": {"type": "string"},
                    "a/b": {"anyOf": [{"type": "number"}, {}]},
                    "kept": schema["properties"]["kept"],
                },
                "patternProperties": {"^y": {}},
            })
        );
    }

    #[test]
    fn other_patterns_are_kept() {
        for pattern in ["^a+$", "(unclosed", r"\(?=x"] {
            assert_eq!(left_out(&json!({"pattern": pattern})), None, "{pattern}");
        }
    }
}
