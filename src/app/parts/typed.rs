//! Parses the value typed in a field, or returns an error message.

use serde_json::Number;

use super::schema::{FieldKind, NumberRules, SchemaField, TextFormat, TextRules};
use crate::domain::json::{Json, LARGEST_NUMBER, as_f64};

/// Returns the error message for a required field that is empty.
pub fn required(field: &SchemaField) -> String {
    field.label.clone() + " is required."
}

/// Returns the problem of a text while it is being typed; `None` for an empty field.
pub fn check(field: &SchemaField, typed: &str) -> Option<String> {
    if typed.is_empty() { None } else { read(field, &field.kind, typed, true).err() }
}

/// Parses the typed value; `None` removes it.
pub fn read(field: &SchemaField, kind: &FieldKind, typed: &str, is_there: bool) -> Result<Option<Json>, String> {
    let wrong = |problem: &str| field.label.clone() + " " + problem + ".";
    let nothing = || match (field.nullable, field.required) {
        (true, _) => Ok(Some(Json::Null)),
        (false, true) => Err(required(field)),
        (false, false) => Ok(None),
    };
    match kind {
        FieldKind::Text(rules) if typed.is_empty() => match rules.takes_nothing() && (field.required || is_there) {
            true if !field.nullable => Ok(Some(Json::String(String::new()))),
            _ => nothing(),
        },
        FieldKind::Text(rules) => match rules.problem(typed) {
            Some(problem) => Err(wrong(&problem)),
            None => Ok(Some(Json::String(typed.to_owned()))),
        },
        _ if typed.trim().is_empty() => nothing(),
        FieldKind::Number(rules) => match rules.problem(typed.trim()) {
            Some(problem) => Err(wrong(&problem)),
            None => Ok(Some(Json::Number(typed.trim().to_owned()))),
        },
        FieldKind::Flag => Ok(Some(Json::Bool(typed == "true"))),
        FieldKind::Choice(options) => Ok(typed.parse().ok().and_then(|at: usize| options.get(at).cloned())),
        FieldKind::Constant(value) => Ok(Some(value.clone())),
        FieldKind::Json | FieldKind::Object(_) | FieldKind::List(_) => match Json::parse(typed) {
            Ok(value) if value.has_number_beyond() => Err(wrong("has a number beyond ±2^53: write it as text")),
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(wrong(&("is not JSON: ".to_owned() + &error.to_string()))),
        },
    }
}

impl TextRules {
    /// Returns whether an empty text is a valid value.
    pub fn takes_nothing(&self) -> bool {
        self.shortest == 0 && self.format.is_none() && !self.has_pattern
    }

    fn problem(&self, typed: &str) -> Option<String> {
        let length = typed.chars().count();
        match self.longest {
            Some(longest) if length > longest => return Some(bound("must have at most ", longest, " characters")),
            _ if length < self.shortest => return Some(bound("must have at least ", self.shortest, " characters")),
            _ => {}
        }
        let format = self.format.filter(|format| !format.takes(typed))?;
        Some("must look like ".to_owned() + format.example())
    }
}

/// Returns whether a number is whole by its digits. Parsed as a double, 1.00000000000000000001 would be whole.
fn is_whole(number: &str) -> bool {
    match number.split_once(['e', 'E']) {
        Some(_) => as_f64(number).is_some_and(|number| number.fract() == 0.0),
        None => number.split_once('.').is_none_or(|(_, fraction)| fraction.bytes().all(|digit| digit == b'0')),
    }
}

fn bound(before: &str, number: impl ToString, after: &str) -> String {
    before.to_owned() + &number.to_string() + after
}

impl NumberRules {
    fn problem(&self, typed: &str) -> Option<String> {
        let is_number = matches!(Json::parse(typed), Ok(Json::Number(_)));
        let number = match as_f64(typed) {
            Some(number) if is_number => number,
            _ if self.whole => return Some("must be a whole number".to_owned()),
            _ => return Some("must be a number".to_owned()),
        };
        if Json::Number(typed.to_owned()).has_number_beyond() {
            return Some(bound("must not be beyond ±", LARGEST_NUMBER, ""));
        }
        type Breaks = fn(&f64, &f64) -> bool;
        let broken = |limit: &'_ Option<Number>, breaks: Breaks| {
            limit.clone().filter(|limit| limit.as_f64().is_some_and(|limit| breaks(&number, &limit)))
        };
        if self.whole && !is_whole(typed) {
            Some("must be a whole number".to_owned())
        } else if let Some(least) = broken(&self.least, f64::lt) {
            Some(bound("must be at least ", least, ""))
        } else if let Some(most) = broken(&self.most, f64::gt) {
            Some(bound("must be at most ", most, ""))
        } else if let Some(above) = broken(&self.above, f64::le) {
            Some(bound("must be more than ", above, ""))
        } else {
            broken(&self.below, f64::ge).map(|below| bound("must be less than ", below, ""))
        }
    }
}

impl TextFormat {
    /// Returns whether a text has this format, as far as a form can check.
    pub fn takes(self, typed: &str) -> bool {
        match self {
            Self::Date => is_date(typed),
            Self::Time => is_time(typed),
            Self::DateTime => {
                typed.split_once(['T', 't', ' ']).is_some_and(|(day, time)| is_date(day) && is_time(time))
            }
            Self::Email => {
                let halves = typed.rsplit_once('@');
                halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
                    && !typed.contains(char::is_whitespace)
            }
            Self::Uri => {
                let halves = typed.split_once(':');
                let is_scheme = |it: &str| it.starts_with(|it: char| it.is_ascii_alphabetic());
                halves.is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
                    && !typed.contains(char::is_whitespace)
            }
        }
    }
}

/// Parses numbers of fixed lengths in digits, separated by the given character.
fn digits<const N: usize>(text: &str, lengths: [usize; N], between: char) -> Option<[u32; N]> {
    let mut parts = text.split(between);
    let mut read = [0; N];
    for (number, length) in read.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| part.len() == length && part.bytes().all(|it| it.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(read)
}

fn is_date(text: &str) -> bool {
    let Some([year, month, day]) = digits(text, [4, 2, 2], '-') else { return false };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Returns whether a text is a time by RFC 3339: hours, minutes, seconds, an optional fraction, and the offset from
/// UTC.
fn is_time(text: &str) -> bool {
    let zone = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (time, zone) = text.split_at(zone);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let is_clock =
        digits(time, [2, 2, 2], ':').is_some_and(|[hour, minute, second]| hour < 24 && minute < 60 && second <= 60);
    let is_zone = zone.eq_ignore_ascii_case("z")
        || zone.get(1..).and_then(|it| digits(it, [2, 2], ':')).is_some_and(|[hour, minute]| hour < 24 && minute < 60);
    is_clock && is_zone && !fraction.is_empty() && fraction.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::app::parts::schema::fields;

    #[test]
    fn what_is_typed_is_checked_at_once() {
        let problem = |schema: Value, typed: &str| check(&fields(&json!({"properties": {"x": schema}}))[0], typed);
        for (schema, good, bad) in [
            (json!({"type": "string", "maxLength": 3}), "äöü", "abcd"),
            (json!({"type": "string", "format": "date"}), "2028-02-29", "2026-02-29"),
            (json!({"type": "string", "format": "time"}), "14:30:00.5+01:00", "14:30"),
            (json!({"type": "string", "format": "date-time"}), "2026-11-30T14:30:00Z", "2026-11-30"),
            (json!({"type": "string", "format": "email"}), "dana@example.com", "dana@"),
            (json!({"type": "string", "format": "uri"}), "https://example.com/", "example"),
            (json!({"type": "number", "minimum": 1}), "1", "0.5"),
            (json!({"type": "number", "exclusiveMaximum": 1}), "0.5", "1"),
            (json!({"type": "integer"}), "9007199254740992", "9007199254740993"),
            (json!({"type": "integer"}), "-7", "7.5"),
            (json!({"type": "number"}), "1e3", "01"),
            (json!({}), "[1]", "[1"),
        ] {
            assert_eq!(problem(schema.clone(), good), None, "{schema} {good}");
            assert!(problem(schema.clone(), bad).is_some(), "{schema} {bad}");
            assert_eq!(problem(schema, ""), None);
        }
    }
}
