//! Decodes request bodies, and finds all parts of a body that cannot be read.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_path_to_error::{Path, Segment};

use super::{
    checks::Checks,
    json_words,
    lenient::whole_characters,
    problem::{Problem, ProblemCode},
    strict_object::StrictObject,
};
use crate::domain::json::{Json, RemovedPart, pointer_name};

/// How many faults of one body are found.
const MOST_FAULTS: usize = 20;
/// How many bytes are parsed again to find them. A large body is parsed less often, and a very large one once.
const MOST_PARSED: usize = 2 * 1024 * 1024;

/// Parses JSON into a body. A field that cannot be read becomes a problem in `checks` and is left out, so that the
/// answer names all problems at once. Some editors write a byte order mark.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], checks: &mut Checks) -> Result<T, Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Problem::new(ProblemCode::MalformedJson, "The body is not UTF-8."));
    };
    let mut fault = match decode_once(bytes) {
        Ok(body) => return Ok(body),
        Err(fault) => fault,
    };
    // The request is refused, so the rest may be changed on the way.
    let mut tree = (text.len() <= MOST_PARSED / 2).then(|| Json::parse(&whole_characters(text)).ok()).flatten();
    let mut removed = RemovedItems::default();
    for round in 0.. {
        let Fault { pointer, place, code, detail } = fault;
        // A required field that was left out because of its fault is not missing.
        if round > 0 && place.is_none() {
            break;
        }
        match code {
            ProblemCode::MalformedJson => return Err(Problem::new(code, detail)),
            ProblemCode::UnknownField => checks.refuse_unknown(removed.original(&pointer), detail),
            _ => checks.refuse(removed.original(&pointer), detail),
        }
        let Some(tree) = tree.as_mut().filter(|_| round < MOST_FAULTS && round * text.len() < MOST_PARSED) else {
            break;
        };
        let Some(place) = place else { break };
        match tree.remove(&place) {
            Some(RemovedPart::Item) => removed.add(&place),
            Some(RemovedPart::Member) => {}
            None => break,
        }
        match decode_once(tree.to_string().as_bytes()) {
            Ok(body) => return Ok(body),
            Err(next) => fault = next,
        }
    }
    Err(checks.verdict().err().unwrap_or_else(|| Problem::from(ProblemCode::InvalidField)))
}

/// A part of a body that cannot be read.
struct Fault {
    pointer: String,
    /// The value without which the rest may be readable.
    place: Option<String>,
    code: ProblemCode,
    detail: String,
}

fn decode_once<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, StrictObject<T>>(&mut json) {
        Ok(StrictObject(body)) => json.end().map(|()| body).map_err(|error| malformed(&error)),
        Err(error) => Err(fault(error.inner(), pointer(error.path()), bytes)),
    }
}

fn malformed(error: &serde_json::Error) -> Fault {
    let detail = format!("The body is not JSON: reading stopped at line {}, column {}.", error.line(), error.column());
    Fault { pointer: String::new(), place: None, code: ProblemCode::MalformedJson, detail }
}

fn fault(error: &serde_json::Error, pointer: String, body: &[u8]) -> Fault {
    let said = error.to_string();
    let field = |pointer: String, place: Option<String>, detail: String| {
        let code = ProblemCode::InvalidField;
        Fault { pointer, place, code, detail }
    };
    if !error.is_data() {
        return match json_words::broken_text(&said) {
            Some(detail) => field(pointer.clone(), Some(pointer), detail.to_owned()),
            None if error.is_syntax() && serde_json::from_slice::<IgnoredAny>(body).is_ok() => {
                field(pointer.clone(), Some(pointer), json_words::misread(&said).to_owned())
            }
            None => malformed(error),
        };
    }
    let said = json_words::without_place(&said);
    let named = |before: &str| said.strip_prefix(before).and_then(|rest| rest.split('`').next());
    let at = |name: &str| format!("{pointer}/{}", pointer_name(name));
    if said.starts_with("unknown field `") {
        let (detail, code) = (json_words::sentence(said), ProblemCode::UnknownField);
        return Fault { place: Some(pointer.clone()), pointer, code, detail };
    }
    match (named("missing field `"), named("duplicate field `")) {
        (Some(name), _) => field(at(name), None, "must be given".to_owned()),
        (_, Some(name)) => field(at(name), None, "is given twice".to_owned()),
        _ => field(pointer.clone(), Some(pointer), json_words::sentence(said)),
    }
}

/// The list items that were left out, so that later pointers name the place in the body as it was sent.
#[derive(Default)]
struct RemovedItems(Vec<(String, usize)>);

impl RemovedItems {
    /// Adds a removed place, as it was before the removal.
    fn add(&mut self, place: &str) {
        let original = self.original(place);
        if let Some((list, index)) = original.rsplit_once('/')
            && let Ok(index) = index.parse()
        {
            self.0.push((list.to_owned(), index));
            self.0.sort();
        }
    }

    /// Returns a pointer into the body as it was sent.
    fn original(&self, pointer: &str) -> String {
        let mut at = String::new();
        for part in pointer.split('/').skip(1) {
            let mut gone = self.0.iter().filter(|(list, _)| *list == at).map(|(_, gone)| *gone).peekable();
            let part = match part.parse::<usize>() {
                Ok(index) if gone.peek().is_some() => {
                    gone.fold(index, |index, gone| index + usize::from(gone <= index)).to_string()
                }
                _ => part.to_owned(),
            };
            at = at + "/" + &part;
        }
        at
    }
}

fn pointer(path: &Path) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", pointer_name(key))),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: StrictObject<Inner>,
        list: Option<Vec<StrictObject<Inner>>>,
        raw: Option<Vec<Box<RawValue>>>,
        #[expect(dead_code)]
        word: Option<Word>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Low,
        High,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        text: String,
    }

    fn refused(json: &str) -> String {
        problem(json).in_short()
    }

    fn problem(json: &str) -> Problem {
        let mut checks = Checks::default();
        let read = decode::<Outer>(json.as_bytes(), &mut checks);
        read.map(|_| checks.verdict()).unwrap_or_else(Err).unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_told_with_a_pointer() {
        for (json, told) in [
            (r#"{"inner": {"text": 5}}"#, "InvalidField /inner/text"),
            (r#"{"inner": {}}"#, "InvalidField /inner/text"),
            (r#"{}"#, "InvalidField /inner"),
            (r#"{"inner": ["a"]}"#, "InvalidField /inner"),
            (r#"["a"]"#, "InvalidField "),
            (r#"{"inner": {"text": "a"}, "inner": {"text": "a"}}"#, "InvalidField /inner"),
            (r#"{"inner": {"text": "a", "text": "b"}}"#, "InvalidField /inner/text"),
            (r#"{"inner": {"text": "a", "typo": 1}}"#, "UnknownField /inner/typo"),
            (r#"{"inner": {"text": "a"}, "ty/po": 1}"#, "UnknownField /ty~1po"),
            (r#"{"inner": {"text": "a"}, "list": [{"text": "a"}, {"text": null}]}"#, "InvalidField /list/1/text"),
            (r#"{"inner": {"text": "a"}"#, "MalformedJson "),
            (r#"{"inner": {"text": "a"}} x"#, "MalformedJson "),
            ("", "MalformedJson "),
        ] {
            assert_eq!(refused(json), told, "{json}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_sentences() {
        for (json, told) in [
            (r#"{"raw": [], "raw": []}"#, "/raw: is given twice."),
            ("[]", "The body must be an object, not a list."),
            ("\u{FEFF}5", "The body must be an object, not the number 5."),
            (r#"{"inner": {"text": {}}}"#, "/inner/text: must be text, not an object."),
            (r#"{"inner": {"text": "a"}, "list": true}"#, "/list: must be a list, not true."),
            (r#"{"inner": {"text": "a"}, "word": "medium"}"#, "/word: must be low or high."),
            (r#"{"inner": {"text": "a"}, "word": 5}"#, "/word: must be text."),
        ] {
            assert_eq!(problem(json).detail(), told);
        }
        let long = format!(r#"{{"inner": {{"text": "a"}}, "{}": 1}}"#, "x".repeat(10_000));
        let problem = problem(&long);
        assert!(problem.detail().chars().count() <= 301 && problem.in_short().chars().count() <= 320);
    }

    #[test]
    fn every_fault_is_told_at_its_place() {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Loose {
            #[expect(dead_code)]
            text: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct All {
            #[expect(dead_code)]
            list: Option<Vec<StrictObject<Loose>>>,
            #[expect(dead_code)]
            word: Option<Word>,
        }
        let read = |json: &str| {
            let mut checks = Checks::default();
            assert!(decode::<All>(json.as_bytes(), &mut checks).is_ok());
            checks.verdict().unwrap_err()
        };
        let json = r#"{"list": [{"text": "\ud800"}, {"text": "a"}, 7, {"text": "b", "typo": 1}, 8, {"text": "c"}, 9],
            "more": 1, "word": "medium"}"#;
        let places = ["/list/0/text", "/list/2", "/list/3/typo", "/list/4", "/list/6", "/more", "/word"];
        assert_eq!(read(json).pointers(), places);
        assert_eq!(read(r#"{"x": 1, "y": 1}"#).in_short(), "UnknownField /x");
        assert_eq!(read(r#"{"x": 1, "word": 5}"#).in_short(), "InvalidField /x");
        // The search ends, and a large body is searched less.
        let many = |count: usize, name: &str| -> String {
            let members: Vec<String> = (0..count).map(|i| format!("\"{name}{i}\": 1")).collect();
            format!("{{{}}}", members.join(", "))
        };
        assert_eq!(problem(&many(500, "x")).pointers().len(), MOST_FAULTS + 1);
        assert_eq!(problem(&many(9, &"x".repeat(50_000))).pointers().len(), 6);
        assert_eq!(problem(&many(9, &"x".repeat(1_000_000))).pointers().len(), 1);
        // The names of members may be numbers.
        assert_eq!(read(r#"{"7": 1, "8": 1, "007": 1}"#).pointers(), ["/7", "/8", "/007"]);
    }

    #[test]
    fn what_is_right_is_taken() {
        let json = r#"{"inner": {"text": "a"}, "list": null, "raw": [1e999, "\ud800"]}"#;
        let read = decode::<Outer>(json.as_bytes(), &mut Checks::default()).ok().unwrap();
        assert_eq!((read.inner.0.text.as_str(), read.list.is_none()), ("a", true));
        assert_eq!(read.raw.unwrap()[0].get(), "1e999");
    }
}
