//! Transcripts in the forms in which agents keep them: a reader for each, and a writer where a model takes a history back.
//! Pure: what is given has been mended, and how deep it is nested is for others to judge.

pub mod native;
pub mod openai_chat;
pub mod outcome;
pub mod reasoning;

use serde_json::{Map, Value};

use super::ask::FieldProblem;

/// What of a message is not ours: kept beside it, and told when it should have been ours.
struct Rest<'a> {
    raw: Map<String, Value>,
    /// With pointers from the message.
    odd: &'a mut Vec<FieldProblem>,
}

impl Rest<'_> {
    /// A field of ours whose content makes no sense.
    fn unread(&mut self, name: &str, value: Value) {
        self.odd.push(FieldProblem::new(format!("/{name}"), "could not be read and is kept in `raw`"));
        self.raw.insert(name.to_owned(), value);
    }

    fn into_raw(self) -> Option<Value> {
        (!self.raw.is_empty()).then_some(Value::Object(self.raw))
    }
}

/// Puts what was read into a field; whether anything was.
fn set<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    *field = value;
    field.is_some()
}
