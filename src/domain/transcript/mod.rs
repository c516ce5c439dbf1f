//! Readers for the transcript formats of agents, and a writer for the format in which a model takes a history back. The
//! readers are pure: the caller has repaired the input, and limits its nesting depth.

pub mod native;
pub mod openai_chat;
pub mod outcome;
pub mod reasoning;

use serde_json::{Map, Value};

use super::field_problem::FieldProblem;

/// The fields of a message that are not read into the native form. They are kept with the message, and fields that
/// should have been readable are reported.
struct Rest<'a> {
    raw: Map<String, Value>,
    /// The problems found, with pointers from the message.
    odd: &'a mut Vec<FieldProblem>,
}

impl Rest<'_> {
    /// Keeps a known field whose content makes no sense, and reports it.
    fn unread(&mut self, name: &str, value: Value) {
        self.odd.push(FieldProblem::new(format!("/{name}"), "could not be read and is kept in `raw`"));
        self.raw.insert(name.to_owned(), value);
    }

    fn into_raw(self) -> Option<Value> {
        (!self.raw.is_empty()).then_some(Value::Object(self.raw))
    }
}

/// Stores a parsed value in a field, and returns whether there was one.
fn set<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    *field = value;
    field.is_some()
}
