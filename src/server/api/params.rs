//! Parses query parameters and cursors. An unknown or repeated parameter is refused, so that a typo is never silently
//! dropped. An empty parameter counts as not given.

use axum::{extract::Query, http::Uri};
use utoipa::openapi::{
    Required,
    path::{Parameter, ParameterBuilder, ParameterIn},
    schema::{ObjectBuilder, Type},
};

use super::problem::{Problem, ProblemCode};
use crate::{domain::seq::Seq, server::contract::one_of};

/// A query parameter, as it is read and as it is published.
pub struct QueryParam {
    pub name: &'static str,
    /// The published description.
    pub about: &'static str,
    pub values: ParamValues,
}

/// The values of a query parameter.
pub enum ParamValues {
    Text,
    /// Whole numbers from the first to the second.
    Whole(i64, i64),
    Words(&'static [&'static str]),
}

impl QueryParam {
    /// Returns the published form.
    pub fn published(&self) -> Parameter {
        let schema = match self.values {
            ParamValues::Text => ObjectBuilder::new().schema_type(Type::String).into(),
            ParamValues::Whole(least, most) => {
                ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most)).into()
            }
            ParamValues::Words(words) => one_of(words.iter().copied()),
        };
        let parameter = ParameterBuilder::new().name(self.name).parameter_in(ParameterIn::Query);
        parameter.required(Required::False).description(Some(self.about)).schema(Some(schema)).build()
    }
}

/// Returns the words of a table of words and their meanings.
pub const fn names<const N: usize, T: Copy>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut i = 0;
    while i < N {
        names[i] = table[i].0;
        i += 1;
    }
    names
}

/// Declares the query parameters of a request: a type with `ALL`, which the handler reads by, and which is published.
macro_rules! query_params {
    ($($sight:vis struct $name:ident: $($param:expr),+;)+) => {
        $(
            $sight struct $name;

            impl $name {
                $sight const ALL: &[$crate::server::api::params::QueryParam] = &[$($param),+];
            }

            impl utoipa::IntoParams for $name {
                fn into_params(
                    _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
                ) -> Vec<utoipa::openapi::path::Parameter> {
                    Self::ALL.iter().map($crate::server::api::params::QueryParam::published).collect()
                }
            }
        )+
    };
}

pub(super) use query_params;

/// The cursor of a page of a list.
pub const AFTER_ITEM: QueryParam = QueryParam {
    name: "after",
    about: "The `next` of the page before. Only a `next` of null ends a list.",
    values: ParamValues::Text,
};
/// The position after which events are returned or awaited.
pub const AFTER_EVENT: QueryParam = QueryParam {
    name: "after",
    about: "A `cursor`: only events after this position are returned.",
    values: ParamValues::Text,
};
/// The number of items of a page.
pub const LIMIT: QueryParam = QueryParam {
    name: "limit",
    about: "The most items of a page, by default 50. A page may have fewer, because it is limited in bytes, too.",
    values: ParamValues::Whole(1, 200),
};

/// The query parameters of a request.
pub struct QueryParams(Vec<(String, String)>);

impl QueryParams {
    /// Reads the parameters; only those in `known` are allowed.
    pub fn of(uri: &Uri, known: &[QueryParam]) -> Result<Self, Problem> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            return Err(Problem::new(ProblemCode::BadParameter, "The query cannot be read."));
        };
        for (i, (name, value)) in pairs.iter().enumerate() {
            let mut names = known.iter().map(|param| param.name);
            if !names.clone().any(|known| known == name) {
                let known = names.next().map(|first| names.fold(first.to_owned(), |all, name| all + ", " + name));
                let known = known.unwrap_or_else(|| "none".to_owned());
                return Err(bad(name, format!("is not known here; known are: {known}")));
            }
            if pairs[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(bad(name, "is given twice"));
            }
            if value.contains('\0') {
                return Err(bad(name, "must not contain U+0000"));
            }
        }
        Ok(Self(pairs))
    }

    /// Returns a parameter's text, or `None` if it is not given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Parses a whole number within the range of a parameter.
    pub fn number(&self, param: &QueryParam) -> Result<Option<i64>, Problem> {
        let (Some(text), ParamValues::Whole(least, most)) = (self.text(param.name), &param.values) else {
            return Ok(None);
        };
        let number = text.parse::<i64>().ok().filter(|number| (*least..=*most).contains(number));
        let wrong = || bad(param.name, format!("must be a whole number from {least} to {most}"));
        number.map(Some).ok_or_else(wrong)
    }

    /// Parses one of several words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        found.map(Some).ok_or_else(|| bad(name, format!("must be one of {}", known())))
    }

    /// Returns how many items a page has, by default 50.
    pub fn limit(&self) -> Result<i64, Problem> {
        Ok(self.number(&LIMIT)?.unwrap_or(50))
    }

    /// Parses the `after` parameter of a log with this epoch.
    pub fn cursor(&self, epoch: &str) -> Result<Option<Cursor>, Problem> {
        let Some(text) = self.text("after") else { return Ok(None) };
        let wrong = "`after` is not a cursor: send the `cursor` of an event or of a page of events.";
        Cursor::read(text, epoch).map(Some).ok_or_else(|| Problem::new(ProblemCode::BadCursor, wrong))
    }
}

/// Creates a problem for a parameter or header that cannot be read.
pub fn bad(name: &str, detail: impl std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::BadParameter, format!("`{name}` {detail}."))
}

/// A position in a log: in the log of this database, or in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    Here(Seq),
    Elsewhere,
}

impl Cursor {
    /// Parses `<epoch>.31`. Returns `None` for anything else.
    pub fn read(text: &str, epoch: &str) -> Option<Self> {
        let (of, seq) = text.split_once('.')?;
        if seq.is_empty() || !seq.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        match seq.parse::<i64>() {
            Ok(seq) if of == epoch => Some(Self::Here(Seq(seq))),
            // The epoch is another one, or the number is beyond the end of any log.
            _ => Some(Self::Elsewhere),
        }
    }

    /// Returns the position if the log reaches that far.
    pub fn within(self, head: Seq) -> Option<Seq> {
        match self {
            Self::Here(seq) if seq <= head => Some(seq),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_have_their_epoch() {
        for (text, read) in [
            ("abcd0123.31", Some(Cursor::Here(Seq(31)))),
            ("other000.31", Some(Cursor::Elsewhere)),
            ("abcd0123.99999999999999999999", Some(Cursor::Elsewhere)),
            ("31", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("abcd0123.", None),
            ("abcd0123.3.1", None),
        ] {
            assert_eq!(Cursor::read(text, "abcd0123"), read, "{text}");
        }
        assert_eq!(Cursor::Here(Seq(31)).within(Seq(31)), Some(Seq(31)));
        assert_eq!(Cursor::Here(Seq(32)).within(Seq(31)), None);
    }

    #[test]
    fn parameters_are_strict() {
        const STATUS: QueryParam = QueryParam { name: "status", about: "", values: ParamValues::Text };
        let of = |query: &str| QueryParams::of(&format!("/x?{query}").parse().unwrap(), &[LIMIT, STATUS]);
        assert!(of("limt=1").is_err() && of("limit=1&limit=2").is_err() && of("status=%00").is_err());
        let params = of("limit=7&status=").ok().unwrap();
        assert_eq!((params.limit().ok(), params.text("status")), (Some(7), None));
        for query in ["limit=0", "limit=201", "limit=x", "limit=1.5"] {
            assert!(of(query).ok().unwrap().limit().is_err(), "{query}");
        }
    }
}
