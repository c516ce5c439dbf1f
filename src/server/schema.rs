//! JSON Schemas of agents: compiled when an escalation is opened, checked before its outcome is written.

use jsonschema::{PatternOptions, Validator};
use serde_json::{Value, json};

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
    Ok(found.map(|error| FieldProblem::new(format!("{at}{}", error.instance_path()), error.to_string())).collect())
}

/// Holds a resolution's data and edited arguments against the schemas of the ask.
pub fn check(ask: &Ask, resolution: Resolution) -> Result<Checked<Resolution>, Refusal> {
    Checked::by(resolution, |resolution| {
        let mut found = vec![];
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
    use crate::domain::ask::AskKind;

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
