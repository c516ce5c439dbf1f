//! Leaves out the patterns that cannot be matched in linear time: those that look ahead or back, which libraries for
//! decimal numbers and e-mail addresses generate. The rest of such a schema is still applied.

use serde_json::{Map, Value, json};

use crate::domain::{
    json::pointer_name,
    json_values::{change_values, values},
};

/// The most patterns that are tried. Further ones that seem to look around are left out without a try.
const MOST_TRIED: usize = 64;
/// The keywords that refuse more when other keywords require less.
const TURNED_ROUND: [&str; 6] = ["not", "oneOf", "if", "maxContains", "unevaluatedProperties", "unevaluatedItems"];

/// Returns the schema without the patterns that look around, and the pointers of what was left out; `None` if it has
/// none. A pattern with any other fault is kept, so that compiling fails. `compiles` says whether a schema compiles.
pub fn without_lookaround(schema: &Value, compiles: &dyn Fn(&Value) -> bool) -> Option<(Value, Vec<String>)> {
    let mut kept = schema.clone();
    let mut removal = Removal { compiles, tried: 0, left_out: vec![] };
    removal.strip(&mut kept, "");
    if !removal.left_out.is_empty() {
        loosen(&mut kept);
    }
    (!removal.left_out.is_empty()).then_some((kept, removal.left_out))
}

struct Removal<'a> {
    compiles: &'a dyn Fn(&Value) -> bool,
    tried: usize,
    left_out: Vec<String>,
}

impl Removal<'_> {
    fn strip(&mut self, schema: &mut Value, at: &str) {
        let Some(members) = schema.as_object_mut() else { return };
        if members.get("pattern").and_then(Value::as_str).is_some_and(|pattern| self.looks_around(pattern)) {
            members.remove("pattern");
            self.left_out.push(format!("{at}/pattern"));
        }
        self.strip_names(members, at);
        let mut turned = vec![];
        for (keyword, value) in members.iter_mut() {
            let at = format!("{at}/{}", pointer_name(keyword));
            let before = self.left_out.len();
            match (keyword.as_str(), value) {
                // These hold values of the instance, and no subschemas.
                ("const" | "enum" | "default" | "examples", _) => {}
                (
                    "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" | "dependencies",
                    Value::Object(named),
                ) => {
                    for (name, value) in named {
                        self.strip(value, &format!("{at}/{}", pointer_name(name)));
                    }
                }
                (_, Value::Array(items)) => {
                    for (i, item) in items.iter_mut().enumerate() {
                        self.strip(item, &format!("{at}/{i}"));
                    }
                }
                (_, value) => self.strip(value, &at),
            }
            // Where less that is required means more that is refused, the whole keyword is left out.
            if self.left_out.len() > before && TURNED_ROUND.contains(&keyword.as_str()) {
                self.left_out.truncate(before);
                self.left_out.push(at);
                turned.push(keyword.clone());
            }
        }
        for keyword in turned {
            members.remove(&keyword);
        }
    }

    /// Leaves out names of `patternProperties`. Which members they match is then unknown, so no other member is refused.
    fn strip_names(&mut self, members: &mut Map<String, Value>, at: &str) {
        let Some(named) = members.get_mut("patternProperties").and_then(Value::as_object_mut) else { return };
        let before = self.left_out.len();
        named.retain(|pattern, _| {
            let looks_around = self.looks_around(pattern);
            if looks_around {
                self.left_out.push(format!("{at}/patternProperties/{}", pointer_name(pattern)));
            }
            !looks_around
        });
        if self.left_out.len() > before {
            members.remove("additionalProperties");
            members.remove("unevaluatedProperties");
        }
    }

    /// Returns whether a pattern cannot be compiled because it looks ahead or back.
    fn looks_around(&mut self, pattern: &str) -> bool {
        if !["(?=", "(?!", "(?<=", "(?<!"].iter().any(|start| pattern.contains(start)) {
            return false;
        }
        self.tried += 1;
        self.tried > MOST_TRIED || !(self.compiles)(&json!({"pattern": pattern}))
    }
}

/// Removes what might refuse more because a pattern is left out, possibly in a place that is only referred to.
fn loosen(schema: &mut Value) {
    change_values(schema, &mut |value| {
        let Some(members) = value.as_object_mut() else { return };
        members.retain(|keyword, value| {
            let refers = || values(value).any(|(_, it)| it.get("$ref").or(it.get("$dynamicRef")).is_some());
            match keyword.as_str() {
                "maxContains" => !value.is_number(),
                "unevaluatedProperties" | "unevaluatedItems" => !value.is_boolean() && !value.is_object(),
                turned if TURNED_ROUND.contains(&turned) => !refers(),
                _ => true,
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

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
    fn what_an_absent_pattern_would_turn_round_is_left_out_whole() {
        let schema = json!({"not": {"pattern": "^(?=x)"}, "oneOf": [{"pattern": "^(?=x)"}, {"pattern": "^(?!x)"}], "minLength": 1});
        let (kept, left_out) = left_out(&schema).unwrap();
        assert_eq!((kept, left_out), (json!({"minLength": 1}), vec!["/not".to_owned(), "/oneOf".to_owned()]));
    }

    #[test]
    fn no_value_is_refused_because_a_pattern_is_left_out() {
        let x = json!({"type": "string", "pattern": "^(?=a)"});
        for (schema, value) in [
            (json!({"$defs": {"x": x}, "not": {"$ref": "#/$defs/x"}}), json!("b")),
            (
                json!({"oneOf": [{"properties": {"a": x}}, {"required": ["b"]}], "unevaluatedProperties": false}),
                json!({"a": "a"}),
            ),
            (json!({"contains": {"pattern": "^(?!x)"}, "maxContains": 1}), json!(["a", "x"])),
        ] {
            let (kept, _) = left_out(&schema).unwrap();
            assert!(jsonschema::draft202012::new(&kept).unwrap().is_valid(&value), "{schema} is {kept}");
        }
    }

    #[test]
    fn the_search_ends() {
        let many: Map<String, Value> =
            (0..500).map(|i| (format!("d{i}"), json!({"pattern": format!("(?=x){i}")}))).collect();
        let tried = Cell::new(0);
        let found = without_lookaround(&json!({"$defs": many}), &|_| {
            tried.set(tried.get() + 1);
            false
        });
        assert_eq!((found.map(|(_, left_out)| left_out.len()), tried.get()), (Some(500), MOST_TRIED));
    }

    #[test]
    fn other_patterns_are_kept() {
        for pattern in ["^a+$", "(unclosed", r"\(?=x"] {
            assert_eq!(left_out(&json!({"pattern": pattern})), None, "{pattern}");
        }
    }
}
