//! Collects the problems of a request, which refuse it, and its warnings, which do not.

use serde_json::{Map, Number, Value};

use super::{
    lenient::ModelText,
    problem::{Problem, ProblemCode, told},
};
use crate::{
    domain::{
        field_problem::FieldProblem,
        json::{LARGEST_NUMBER, pointer_name, too_deep},
        json_text::JsonText,
        text::{Text, TextProblem},
    },
    server::schema,
};

/// How many warnings an escalation carries; a transcript may have thousands of odd messages.
const MOST_WARNINGS: usize = 100;
/// How many problems one response names.
const MOST_PROBLEMS: usize = 100;

/// The problems and warnings found in one request.
#[derive(Debug, Default)]
pub struct Checks {
    problems: Vec<FieldProblem>,
    /// How many of the problems are unknown fields.
    unknown: usize,
    warnings: Vec<FieldProblem>,
    unsaid: usize,
}

impl Checks {
    /// Records a problem, which refuses the request.
    pub fn refuse(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(told(FieldProblem::new(pointer, detail)));
        }
    }

    /// Records a field that the request may not have, which refuses the request.
    pub fn refuse_unknown(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        let before = self.problems.len();
        self.refuse(pointer, detail);
        self.unknown += self.problems.len() - before;
    }

    /// Returns whether there is a problem at this pointer or below it.
    pub fn has_problem_at(&self, pointer: &str) -> bool {
        let is_within =
            |at: &str| at.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.problems.iter().any(|problem| is_within(&problem.pointer))
    }

    /// Returns whether the request is refused.
    pub fn is_refused(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Records a warning; the request is accepted.
    pub fn warn(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        match self.warnings.len() < MOST_WARNINGS {
            true => self.warnings.push(told(FieldProblem::new(pointer, detail))),
            false => self.unsaid += 1,
        }
    }

    /// Returns `Ok` if there is no problem, else one error with all problems.
    pub fn verdict(&mut self) -> Result<(), Problem> {
        let code = match self.problems.len() {
            0 => return Ok(()),
            all if all == self.unknown => ProblemCode::UnknownField,
            _ => ProblemCode::InvalidField,
        };
        Err(Problem::fields(code, std::mem::take(&mut self.problems)))
    }

    /// Returns the warnings; a last one counts those beyond the limit.
    pub fn into_warnings(mut self) -> Vec<FieldProblem> {
        if self.unsaid > 0 {
            self.warnings.push(FieldProblem::new("", format!("there are {} more warnings", self.unsaid)));
        }
        self.warnings
    }

    /// Parses text that must not be changed; text that is too long is refused.
    pub fn exact<const MAX: usize>(&mut self, pointer: &str, text: String) -> Option<Text<MAX>> {
        Text::parse(text).map_err(|problem| self.refuse(pointer, problem.to_string())).ok()
    }

    /// Returns a required value.
    pub fn given<T>(&mut self, pointer: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has_problem_at(pointer) {
            self.refuse(pointer, "must be given");
        }
        value
    }

    /// Parses required text that must not be changed.
    pub fn required<const MAX: usize>(&mut self, pointer: &str, text: Option<String>) -> Option<Text<MAX>> {
        let text = self.given(pointer, text)?;
        self.exact(pointer, text)
    }

    /// Parses optional text that must not be changed. Empty text counts as absent.
    pub fn optional<const MAX: usize>(&mut self, pointer: &str, text: Option<String>) -> Option<Text<MAX>> {
        text.filter(|text| !text.is_empty()).and_then(|text| self.exact(pointer, text))
    }

    /// Takes text that a model wrote, which is never refused: each change is a warning, and blank text counts as
    /// absent.
    pub fn model<const MAX: usize>(&mut self, pointer: &str, text: Option<ModelText>) -> Option<Text<MAX>> {
        let ModelText { text, changes, .. } = text?;
        changes.into_iter().for_each(|change| self.warn(pointer, change));
        self.known(pointer, Some(text))
    }

    /// Parses text that comes from another system, such as data of the customer. Text that is too long is truncated,
    /// and blank text counts as missing, each with a warning.
    pub fn known<const MAX: usize>(&mut self, pointer: &str, text: Option<String>) -> Option<Text<MAX>> {
        let (text, cut) = match Text::cut(text?) {
            Ok(taken) => taken,
            Err(TextProblem::Empty) => {
                self.warn(pointer, "is empty and was left out");
                return None;
            }
            Err(problem) => {
                self.refuse(pointer, problem.to_string());
                return None;
            }
        };
        if cut {
            self.warn(pointer, format!("was cut to {MAX} characters"));
        }
        Some(text)
    }

    /// Checks text that is returned unchanged: at most `most_bytes` bytes, without U+0000.
    pub fn opaque(&mut self, pointer: &str, text: &str, most_bytes: usize) {
        if text.contains('\0') {
            self.refuse(pointer, TextProblem::Null.to_string());
        }
        if text.len() > most_bytes {
            self.refuse(pointer, format!("must have at most {most_bytes} bytes"));
        }
    }

    /// Checks an object that is returned unchanged, and returns its text: at most `most_bytes` bytes as JSON.
    pub fn object(&mut self, pointer: &str, object: Map<String, Value>, most_bytes: usize) -> JsonText {
        let object = Value::Object(object);
        let text = JsonText::from(&object);
        if text.as_str().len() > most_bytes {
            self.refuse(pointer, format!("must have at most {most_bytes} bytes as JSON"));
        } else {
            self.value(pointer, &object);
        }
        text
    }

    /// Checks any JSON value that is returned unchanged: its depth, numbers and texts.
    pub fn value(&mut self, pointer: &str, value: &Value) {
        if schema::is_too_deep(value) {
            return self.refuse(pointer, too_deep());
        }
        self.within(&mut pointer.to_owned(), value);
    }

    /// Checks a value and all values within it. The pointer grows and shrinks on the way, because copying it for each
    /// value would cost as much as its longest name for each.
    fn within(&mut self, pointer: &mut String, value: &Value) {
        // No more problems are named, so none are looked for.
        if self.problems.len() == MOST_PROBLEMS {
            return;
        }
        match value {
            Value::String(text) if text.contains('\0') => self.refuse(pointer.as_str(), TextProblem::Null.to_string()),
            Value::Number(number) if beyond(number) => {
                self.refuse(pointer.as_str(), "must not be beyond ±2^53: send it as text");
            }
            Value::Array(items) => {
                let length = pointer.len();
                for (i, item) in items.iter().enumerate() {
                    pointer.push_str(&format!("/{i}"));
                    self.within(pointer, item);
                    pointer.truncate(length);
                }
            }
            Value::Object(object) => self.members(pointer, object),
            _ => {}
        }
    }

    fn members(&mut self, pointer: &mut String, object: &Map<String, Value>) {
        let length = pointer.len();
        for (name, value) in object {
            pointer.push('/');
            pointer.push_str(&pointer_name(name));
            if name.contains('\0') && self.problems.len() < MOST_PROBLEMS {
                self.refuse(pointer.as_str(), TextProblem::Null.to_string());
            }
            self.within(pointer, value);
            pointer.truncate(length);
        }
    }
}

/// Returns whether some readers cannot hold a number exactly, because it is beyond ±2^53. Whole numbers that are too
/// large for 64 bits arrive as floats, so floats are compared by their size, too.
pub fn beyond(number: &Number) -> bool {
    match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) => whole.unsigned_abs() > LARGEST_NUMBER,
        (None, Some(whole)) => whole > LARGEST_NUMBER,
        (None, None) => number.as_f64().is_some_and(|float| float.abs() > LARGEST_NUMBER as f64),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_given_back_is_refused_where_it_is() {
        let mut checks = Checks::default();
        checks.value("/metadata", &json!({"a/b": [1, 9_007_199_254_740_993_u64], "n": 9_007_199_254_740_992_i64}));
        checks.value("/metadata", &json!({"t": "a\0b", "k\0": 1, "f": 0.5, "big": 1e20}));
        let pointers: Vec<&str> = checks.problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/metadata/a~1b/1", "/metadata/t", "/metadata/k\0", "/metadata/big"]);
        assert!(checks.verdict().is_err());
    }

    #[test]
    fn a_long_name_is_told_in_short() {
        let mut checks = Checks::default();
        checks.value("/metadata", &json!({("n".repeat(10_000)): "\0"}));
        assert_eq!(checks.problems[0].pointer.chars().count(), 301);
    }

    #[test]
    fn what_a_model_wrote_is_never_refused() {
        let mut checks = Checks::default();
        let mut model = |json: &str| checks.model::<2>("/a", serde_json::from_str(json).unwrap()).map(String::from);
        assert_eq!(model(r#""abc""#), Some("ab".into()));
        assert_eq!(model("5"), Some("5".into()));
        assert_eq!((model(r#"" ""#), model(r#""""#), model("null")), (None, None, None));
        assert!(checks.verdict().is_ok() && checks.warnings.len() == 4, "{:?}", checks.warnings);
    }

    #[test]
    fn optional_text_may_be_empty_and_required_text_may_not() {
        let mut checks = Checks::default();
        assert_eq!(checks.optional::<2>("/a", Some(String::new())), None);
        assert!(checks.verdict().is_ok() && checks.warnings.is_empty());
        for text in [None, Some(String::new()), Some("abc".to_owned())] {
            assert_eq!(checks.required::<2>("/a", text), None);
            assert!(checks.verdict().is_err());
        }
    }

    #[test]
    fn warnings_have_an_end() {
        let mut checks = Checks::default();
        (0..150).for_each(|i| checks.warn(format!("/{i}"), "is odd"));
        let warnings = checks.into_warnings();
        assert_eq!((warnings.len(), warnings[100].detail.as_str()), (101, "there are 50 more warnings"));
    }
}
