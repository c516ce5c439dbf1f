//! JSON Schemas of agents: compiled when an escalation is opened, used again before its outcome is written.

use jsonschema::{
    JsonType, PatternOptions, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::{Map, Value};

use super::contract::short;
use crate::domain::{
    ask::{Action, FieldProblem},
    json::{Json, JsonText, MAX_DEPTH, pointer_name},
    refusal::Refusal,
};

/// The largest schema taken, in bytes of JSON.
const LARGEST: usize = 64 * 1024;
/// How many problems one refusal names.
pub const MOST_PROBLEMS: usize = 20;
/// Whether a value is nested deeper than [`MAX_DEPTH`].
pub fn is_too_deep(value: &Value) -> bool {
    is_deeper(value, MAX_DEPTH)
}

/// Whether an object is.
pub fn is_object_too_deep(object: &Map<String, Value>) -> bool {
    object.values().any(|value| is_deeper(value, MAX_DEPTH - 1))
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

/// What is wrong with a value; pointers begin with `at`.
pub fn problems(schema: &Value, value: &Value, at: &str) -> Result<Vec<FieldProblem>, Refusal> {
    let validator =
        validator(schema).map_err(|error| Refusal::field(at, format!("the schema is unusable: {error}")))?;
    let found = validator.iter_errors(value).take(MOST_PROBLEMS);
    let problem = |pointer: String, detail: String| FieldProblem::new(short(&pointer), short(&detail));
    Ok(found.map(|error| problem(format!("{at}{}", error.instance_path()), error.to_string())).collect())
}

/// How many faults of one value are looked at.
const MOST_FAULTS: usize = 1_000;

/// Where an action's proposed arguments break its own schema; pointers are from the root of the arguments. Empty without
/// a schema, and for one that cannot be used.
pub fn faults_of(action: &Action) -> Vec<FieldProblem> {
    let mut found = faults(action, &action.arguments);
    found.truncate(MOST_PROBLEMS);
    found
}

/// Where other arguments for the action break its schema.
pub fn faults(action: &Action, arguments: &JsonText) -> Vec<FieldProblem> {
    let Some(Ok(validator)) = action.arguments_schema.as_ref().map(validator) else { return vec![] };
    let value = arguments.value();
    validator.iter_errors(&value).take(MOST_FAULTS).flat_map(|error| fault(&error)).collect()
}

/// A schema error in words that follow the name of the field. They do not repeat the value, so that the same fault of
/// two values is the same.
fn fault(error: &ValidationError<'_>) -> Vec<FieldProblem> {
    use ValidationErrorKind as Kind;
    let at = error.instance_path().to_string();
    let member = |name: &str, detail: &str| FieldProblem::new(format!("{at}/{}", pointer_name(name)), detail);
    let detail = match error.kind() {
        Kind::Required { property } => return vec![member(property.as_str().unwrap_or_default(), "is missing")],
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            return unexpected.iter().map(|name| member(name, "is not expected")).collect();
        }
        // A value that may also be null breaks its other form.
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let wants_null = |errors: &&Vec<ValidationError<'static>>| {
                errors.iter().any(|it| matches!(it.kind(), Kind::Type { kind: TypeKind::Single(JsonType::Null) }))
            };
            let mut others = context.iter().filter(|errors| !wants_null(errors));
            match (others.next(), others.next()) {
                (Some(one), None) => return one.iter().flat_map(fault).collect(),
                _ => "is none of the allowed forms".to_owned(),
            }
        }
        Kind::Type { .. } if error.instance().is_number() && is_integer(error) => "is not a whole number".to_owned(),
        Kind::Type { .. } => format!("is {}", Json::from(error.instance().as_ref()).kind()),
        Kind::Enum { .. } | Kind::Constant { .. } => "is none of the allowed values".to_owned(),
        Kind::MaxLength { limit } => format!("is longer than {limit} characters"),
        Kind::MinLength { limit } => format!("is shorter than {limit} characters"),
        Kind::Maximum { limit } => format!("is more than {limit}"),
        Kind::Minimum { limit } => format!("is less than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("is not less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("is not more than {limit}"),
        Kind::MaxItems { limit } => format!("has more than {limit} items"),
        Kind::MinItems { limit } => format!("has fewer than {limit} items"),
        Kind::MaxProperties { limit } => format!("has more than {limit} members"),
        Kind::MinProperties { limit } => format!("has fewer than {limit} members"),
        Kind::Pattern { .. } => "does not have the required form".to_owned(),
        Kind::Format { format } => format!("is not of the format {format}"),
        other => format!("does not satisfy {}", other.keyword()),
    };
    vec![FieldProblem::new(at, short(&detail))]
}

/// Whether a whole number was wanted.
fn is_integer(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { kind: TypeKind::Single(JsonType::Integer) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
}
