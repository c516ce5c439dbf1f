//! JSON Schemas of agents: compiled when an escalation is opened, checked before its outcome is written.

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value, json};

use super::contract::short;
use crate::domain::{
    ask::{Ask, FieldProblem, Verdict},
    checked::Checked,
    outcome::{Disposition, Resolution},
    refusal::Refusal,
};

/// The largest schema taken, in bytes of JSON.
const LARGEST: usize = 64 * 1024;
/// How many problems one refusal names.
const MOST_PROBLEMS: usize = 20;
/// How deep objects and lists may be within each other. serde_json reads 128 levels, and what is stored is read again
/// within what is around it.
pub const DEEPEST: usize = 64;

/// What is said of a value that is nested deeper.
pub fn too_deep() -> String {
    format!("must not be nested deeper than {DEEPEST}")
}

/// Whether a value is nested deeper than that.
pub fn is_too_deep(value: &Value) -> bool {
    is_deeper(value, DEEPEST)
}

/// Whether an object is.
pub fn is_object_too_deep(object: &Map<String, Value>) -> bool {
    object.values().any(|value| is_deeper(value, DEEPEST - 1))
}

fn is_deeper(value: &Value, than: usize) -> bool {
    match value {
        Value::Array(items) => than == 0 || items.iter().any(|item| is_deeper(item, than - 1)),
        Value::Object(object) => than == 0 || object.values().any(|value| is_deeper(value, than - 1)),
        _ => false,
    }
}

fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::draft202012::options()
        // Patterns in linear time: an agent's schema is data, and must not be able to stop us.
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| error.to_string())
}

/// Whether a schema can be used: valid, small, and without references to elsewhere. Says why not.
pub fn compile(schema: &Value) -> Result<(), String> {
    if !(schema.is_object() || schema.is_boolean()) {
        return Err("a schema is an object or a boolean".to_owned());
    }
    if schema.to_string().len() > LARGEST {
        return Err("a schema has at most 64 KiB".to_owned());
    }
    validator(schema).map(drop)
}

fn problems(schema: &Value, value: &Value, at: &str) -> Result<Vec<FieldProblem>, Refusal> {
    let validator =
        validator(schema).map_err(|error| Refusal::field(at, format!("the schema is unusable: {error}")))?;
    let found = validator.iter_errors(value).take(MOST_PROBLEMS);
    let problem = |pointer: String, detail: String| FieldProblem::new(short(&pointer), short(&detail));
    Ok(found.map(|error| problem(format!("{at}{}", error.instance_path()), error.to_string())).collect())
}

/// Holds a resolution's data and edited arguments against the schemas of the ask.
pub fn check(ask: &Ask, resolution: Resolution) -> Result<Checked<Resolution>, Refusal> {
    Checked::by(resolution, |resolution| {
        let mut found = vec![];
        let problem = |pointer: String| FieldProblem::new(pointer, too_deep());
        found.extend(resolution.data.iter().filter(|data| is_too_deep(data)).map(|_| problem("/data".to_owned())));
        let actions = resolution.actions.iter().enumerate();
        let deep = actions.filter(|(_, decision)| is_object_too_deep(&decision.arguments));
        found.extend(deep.map(|(i, _)| problem(format!("/actions/{i}/arguments"))));
        if !found.is_empty() {
            return Err(Refusal::InvalidFields { problems: found });
        }
        // A decision's disposition follows from its cards: any rejection rejects, and then there is no data.
        let carries_data = match resolution.actions.as_slice() {
            [] => resolution.disposition.carries_data(),
            decisions => decisions.iter().all(|decision| decision.decision != Verdict::Reject),
        };
        if carries_data {
            let data = resolution.data.as_ref().unwrap_or(&Value::Null);
            if let Some(schema) = &ask.response_schema {
                found.extend(problems(schema, data, "/data")?);
            } else if let Some(options) =
                ask.options.as_ref().filter(|_| resolution.disposition == Disposition::Answered)
            {
                let options: Vec<&str> = options.iter().map(|option| option.as_str()).collect();
                let schema = json!({
                    "type": "object", "required": ["choice"], "additionalProperties": false,
                    "properties": {"choice": {"enum": options}},
                });
                found.extend(problems(&schema, data, "/data")?);
            }
        }
        for (i, decision) in resolution.actions.iter().enumerate() {
            let action = ask.actions.iter().find(|action| action.id == decision.id);
            if let Some(schema) = action.and_then(|action| action.arguments_schema.as_ref()) {
                let arguments = Value::Object(decision.arguments.clone());
                found.extend(problems(schema, &arguments, &format!("/actions/{i}/arguments"))?);
            }
        }
        if found.is_empty() { Ok(()) } else { Err(Refusal::InvalidFields { problems: found }) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ask::AskKind,
        outcome::{ActionDecision, ExecutedBy},
        text::Text,
    };

    #[test]
    fn unusable_schemas_are_refused() {
        for schema in [
            json!("x"),
            json!({"type": "nonsense"}),
            json!({"$ref": "https://elsewhere.example/schema.json"}),
            json!({"type": "string", "pattern": "(?=look)ahead"}),
            json!({"description": "x".repeat(LARGEST)}),
        ] {
            assert!(compile(&schema).is_err(), "{}", schema.to_string().chars().take(80).collect::<String>());
        }
        assert_eq!(compile(&json!({"type": "object"})), Ok(()));
        assert_eq!(compile(&json!({"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"})), Ok(()));
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |value, _| json!([value]))
    }

    #[test]
    fn what_is_too_deep_to_be_read_again_is_refused() {
        assert!(!is_too_deep(&nested(DEEPEST)) && is_too_deep(&nested(DEEPEST + 1)));
        let ask = Ask::bare(AskKind::Question);
        let said = |levels| Resolution { data: Some(nested(levels)), ..Resolution::bare(Disposition::Answered) };
        assert!(check(&ask, said(DEEPEST)).is_ok());
        let Err(Refusal::InvalidFields { problems }) = check(&ask, said(DEEPEST + 1)) else { panic!("it was taken") };
        assert_eq!((problems[0].pointer.as_str(), problems[0].detail.as_str()), ("/data", too_deep().as_str()));
        let decision = |levels| ActionDecision {
            id: Text::parse("a").unwrap(),
            decision: Verdict::Edit,
            arguments: Map::from_iter([("a".to_owned(), nested(levels))]),
            comment: None,
            executed_by: ExecutedBy::Agent,
        };
        let said = |levels| Resolution { actions: vec![decision(levels)], ..Resolution::bare(Disposition::Approved) };
        assert!(check(&ask, said(DEEPEST - 1)).is_ok());
        let Err(Refusal::InvalidFields { problems }) = check(&ask, said(DEEPEST)) else { panic!("it was taken") };
        assert_eq!(problems[0].pointer, "/actions/0/arguments");
    }

    #[test]
    fn data_that_breaks_the_schema_is_refused_with_pointers() {
        let schema = json!({"type": "object", "required": ["eur"], "properties": {"eur": {"type": "number"}}});
        let ask = Ask { response_schema: Some(schema), ..Ask::bare(AskKind::Takeover) };
        let said = |data| Resolution { data, ..Resolution::bare(Disposition::Handled) };
        assert!(check(&ask, said(Some(json!({"eur": 240})))).is_ok());
        let Err(Refusal::InvalidFields { problems }) = check(&ask, said(Some(json!({"eur": "much"})))) else {
            panic!("a text is no number")
        };
        assert_eq!(problems[0].pointer, "/data/eur");
        assert!(check(&ask, said(None)).is_err());
        assert!(check(&ask, Resolution::bare(Disposition::Declined)).is_ok());
    }
}
