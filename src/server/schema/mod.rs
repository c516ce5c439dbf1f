//! Checks values by the JSON Schemas of agents. A schema is bounded and compiled when an escalation is opened, and used
//! again before its outcome is written.
//!
//! The structure of a schema bounds its work ([`bounds`]). The cost of a check follows from that and from the size of
//! the value. A cheap check runs here, on a thread with a stack for deep schemas. Any other check runs in a process of
//! its own ([`apart`]), which ends when it takes too much time or memory.

pub mod apart;
mod bounds;
mod compiled;
mod fault;
mod patterns;

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

pub use self::fault::MOST_PROBLEMS;
use self::{
    compiled::{CompiledSchema, SchemaCache},
    fault::CheckedValue,
};
use super::error::Error;
use crate::domain::{
    ask::Action, field_problem::FieldProblem, json::MAX_DEPTH, json_text::JsonText, json_values::values,
};

/// The largest schema accepted, in bytes of JSON.
const LARGEST: usize = 64 * 1024;
/// The most checks that run at once.
const MOST_AT_ONCE: usize = 2;
/// The timeout for a check that waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// The stack of a thread that compiles or applies schemas. Both are recursive: up to 100 nested subschemas for each of
/// the 64 levels of a value.
const STACK: usize = 128 * 1024 * 1024;

/// The reason why a value was not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckFailure {
    /// The schema cannot be used. An earlier version of the program, which accepted more schemas, stored it.
    Unusable(String),
    /// The check took too much time or memory, or its process failed.
    OutOfTime,
}

/// The service that compiles and applies the schemas of agents. Cheap to clone.
#[derive(Clone)]
pub struct Schemas {
    cache: Arc<SchemaCache>,
    turns: Arc<Semaphore>,
}

impl Default for Schemas {
    fn default() -> Self {
        Self { cache: Arc::default(), turns: Arc::new(Semaphore::new(MOST_AT_ONCE)) }
    }
}

impl Schemas {
    /// Runs work with schemas on a thread of its own, when its turn comes.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> Result<T, Error> {
        let turn = timeout(TURN_WITHIN, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(Error::Overloaded)?;
        let (sender, answered) = oneshot::channel();
        let schemas = self.clone();
        let work = move || {
            let _turn = turn;
            // The send fails when the caller no longer waits.
            let _ = sender.send(work(&schemas));
        };
        let thread = std::thread::Builder::new().name("schemas".to_owned()).stack_size(STACK).spawn(work);
        thread.map_err(|error| Error::Internal(format!("no thread for schemas: {error}")))?;
        answered.await.map_err(|_| Error::Internal("work with a schema panicked".to_owned()))
    }

    /// Returns the compiled schema if it can be used: valid, small, cheap, and without references to other documents. Otherwise
    /// returns an error message.
    pub fn compiled(&self, schema: &JsonText) -> Result<Arc<CompiledSchema>, String> {
        if !schema.as_str().starts_with(['{', 't', 'f']) {
            return Err("a schema is an object or a boolean".to_owned());
        }
        if schema.as_str().len() > LARGEST {
            return Err("a schema has at most 64 KiB".to_owned());
        }
        self.cache.get(schema)
    }

    /// Returns the problems of data; pointers begin with `at`.
    pub fn problems(&self, schema: &JsonText, value: &Value, at: &str) -> Result<Vec<FieldProblem>, CheckFailure> {
        let found = self.apply(schema, value, CheckedValue::Data)?;
        Ok(found.into_iter().map(|it| FieldProblem::new(format!("{at}{}", it.pointer), it.detail)).collect())
    }

    /// Returns the faults of arguments for an action by its schema, if it has one; pointers are from the root of the
    /// arguments.
    pub fn faults(&self, action: &Action, arguments: &JsonText) -> Result<Vec<FieldProblem>, CheckFailure> {
        match &action.arguments_schema {
            Some(schema) => self.apply(schema, &arguments.value(), CheckedValue::Arguments),
            None => Ok(vec![]),
        }
    }

    fn apply(
        &self,
        schema: &JsonText,
        value: &Value,
        subject: CheckedValue,
    ) -> Result<Vec<FieldProblem>, CheckFailure> {
        let compiled = self.compiled(schema).map_err(CheckFailure::Unusable)?;
        if compiled.is_cheap_for(value) {
            Ok(compiled.apply(value, subject))
        } else {
            apart::apply(schema, value, subject)
        }
    }
}

/// Returns whether a value is nested deeper than [`MAX_DEPTH`].
pub fn is_too_deep(value: &Value) -> bool {
    values(value).any(|(depth, value)| depth >= MAX_DEPTH && (value.is_array() || value.is_object()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unusable_schemas_are_refused() {
        let schemas = Schemas::default();
        for schema in [
            json!("x"),
            json!({"type": "nonsense"}),
            json!({"$ref": "https://elsewhere.example/schema.json"}),
            json!({"type": "string", "pattern": "(unclosed"}),
            json!({"type": "string", "pattern": "\\p{L}{1000}"}),
            json!({"description": "x".repeat(LARGEST)}),
        ] {
            assert!(
                schemas.compiled(&(&schema).into()).is_err(),
                "{}",
                schema.to_string().chars().take(80).collect::<String>()
            );
        }
        for schema in [json!({"type": "object"}), json!({"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"})] {
            assert!(schemas.compiled(&(&schema).into()).is_ok_and(|compiled| compiled.patterns() == 0));
        }
    }

    #[test]
    fn formats_are_checked() {
        let schemas = Schemas::default();
        for (format, right, wrong) in [
            ("duration", "P3DT4H", "3 days"),
            ("date-time", "2026-11-22T22:00:00Z", "2026-11-22"),
            ("date", "2026-11-22", "22.11.2026"),
            ("time", "22:00:00Z", "10 pm"),
            ("email", "dana@example.com", "dana"),
            ("uri", "https://example.com/a", "example"),
            ("uuid", "0196a7a0-5c2b-7d1e-8f3a-1b2c3d4e5f60", "0196"),
        ] {
            let schema = (&json!({"type": "string", "format": format})).into();
            let faults = |text: &str| schemas.problems(&schema, &json!(text), "").unwrap().len();
            assert_eq!((faults(right), faults(wrong)), (0, 1), "{format}");
        }
        // Formats that nobody defined, and patterns as values, are not checked.
        for format in ["money", "regex"] {
            assert_eq!(schemas.problems(&(&json!({"format": format})).into(), &json!("(unclosed"), ""), Ok(vec![]));
        }
    }

    #[test]
    fn the_rest_of_a_schema_that_looks_ahead_is_checked() {
        let schemas = Schemas::default();
        let schema = (&json!({"type": "string", "format": "email", "pattern": "^(?!\\.)(?!.*\\.\\.)"})).into();
        assert_eq!(schemas.compiled(&schema).unwrap().unchecked(), ["/pattern"]);
        assert_eq!(schemas.problems(&schema, &json!("dana@example.com"), ""), Ok(vec![]));
        assert_eq!(schemas.problems(&schema, &json!("dana"), "").unwrap().len(), 1);
    }

    #[tokio::test]
    async fn the_deepest_schema_fits_on_the_stack() {
        let mut schema = json!({"items": {"$ref": "#"}});
        for _ in 0..30 {
            schema = json!({"anyOf": [schema]});
        }
        let mut value = json!("x");
        for _ in 0..MAX_DEPTH {
            value = json!([value]);
        }
        let schema = JsonText::from(&schema);
        let found = Schemas::default().run(move |schemas| schemas.problems(&schema, &value, "/data")).await.unwrap();
        assert_eq!(found, Ok(vec![]));
    }
}
