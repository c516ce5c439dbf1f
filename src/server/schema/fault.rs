//! Describes the problems of a value, in words for the operator or the agent that reads them.

use jsonschema::{
    JsonType, ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        field_problem::FieldProblem,
        json::{Json, pointer_name},
    },
    server::contract::short,
};

/// The most problems that one refusal names.
pub const MOST_PROBLEMS: usize = 20;
/// The most faults of one value that are read.
const MOST_FAULTS: usize = 1_000;

/// The kind of value that is checked, which decides how its faults are described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckedValue {
    /// The data of an operator. The first problems are described as sentences.
    Data,
    /// The arguments of an action. Every fault, up to a limit, is described in words that do not repeat the value, so
    /// that the same fault of two values is the same.
    Arguments,
}

impl CheckedValue {
    /// Returns the most errors of a validator that are read.
    pub fn most_errors(self) -> usize {
        match self {
            Self::Data => MOST_PROBLEMS,
            Self::Arguments => MOST_FAULTS,
        }
    }

    /// Returns the problems that one error of a validator describes; pointers are from the root of the value.
    pub fn told(self, error: &ValidationError<'_>) -> Vec<FieldProblem> {
        match self {
            Self::Data => {
                vec![FieldProblem::new(short(&error.instance_path().to_string()), short(&error.to_string()))]
            }
            Self::Arguments => fault(error),
        }
    }
}

/// Describes a schema error in words that follow the name of the field. They do not repeat the value, so that the same
/// fault of two values is the same.
fn fault(error: &ValidationError<'_>) -> Vec<FieldProblem> {
    use ValidationErrorKind as Kind;
    let at = error.instance_path().to_string();
    let member = |name: &str, detail: &str| FieldProblem::new(format!("{at}/{}", pointer_name(name)), detail);
    let detail = match error.kind() {
        Kind::Required { property } => return vec![member(property.as_str().unwrap_or_default(), "is missing")],
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            return unexpected.iter().map(|name| member(name, "is not expected")).collect();
        }
        // A value that may also be null has the faults of its other form.
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

/// Returns whether a whole number was expected.
fn is_integer(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { kind: TypeKind::Single(JsonType::Integer) })
}
