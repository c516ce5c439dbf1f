//! Finds and quotes numbers in JSON text that parsing would change. serde_json holds a number in 64 bits, so it loses
//! the digits beyond that, and the notation of the number. A transcript must lose neither.

use std::ops::Range;

use serde_json::{Map, Number, Value};

use super::checks::beyond;
use crate::domain::json_values::{outside_strings, values};

/// Puts each number in quotes that a reader would change: a number beyond ±2^53, or with more digits than a float
/// holds. Returns `None` if every number keeps its value.
pub fn quoted(json: &str) -> Option<String> {
    let (mut quoted, mut end) = (String::new(), 0);
    for at in numbers(json).into_iter().filter(|at| !is_exact(&json[at.clone()])) {
        quoted.extend([&json[end..at.start], "\"", &json[at.clone()], "\""]);
        end = at.end;
    }
    (end > 0).then(|| quoted + &json[end..])
}

/// Returns whether `value`, parsed from this text, still has each number as it was written, and each field.
pub fn survive(json: &str, value: &Value) -> bool {
    let same = |at: Range<usize>| {
        let token = &json[at];
        read(token).is_some_and(|number| !beyond(&number) && number.to_string() == token)
    };
    // Of two fields with the same name, the parser keeps only the latter, so the counts differ.
    numbers(json).into_iter().all(same) && colons(json) == fields(value)
}

fn read(token: &str) -> Option<Number> {
    token.parse().ok()
}

/// Returns whether parsing keeps the value of a number, and every reader can hold it.
fn is_exact(token: &str) -> bool {
    let Some(number) = read(token).filter(|number| !beyond(number)) else { return false };
    let written = number.to_string();
    written == token || decimal(token).is_some_and(|value| decimal(&written) == Some(value))
}

/// Splits a number into its sign, its digits without zeros at either end, and the power of ten of its last digit.
fn decimal(token: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match token.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (token, 0),
    };
    let (is_negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.to_owned() + fraction;
    let kept = digits.trim_end_matches('0');
    let shift = (digits.len() - kept.len()) as i64 - fraction.len() as i64;
    match kept.trim_start_matches('0') {
        "" => Some((is_negative, String::new(), 0)),
        kept => Some((is_negative, kept.to_owned(), exponent.checked_add(shift)?)),
    }
}

/// Returns the positions of all numbers in a JSON text.
fn numbers(json: &str) -> Vec<Range<usize>> {
    let mut numbers: Vec<Range<usize>> = vec![];
    outside_strings(json.as_bytes(), |at, byte| {
        let goes_on = numbers.last().is_some_and(|last| last.end == at);
        match byte {
            b'0'..=b'9' | b'-' if !goes_on => numbers.push(at..at + 1),
            b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E' if goes_on => {
                numbers.last_mut().into_iter().for_each(|last| last.end = at + 1);
            }
            _ => {}
        }
    });
    numbers
}

fn colons(json: &str) -> usize {
    let mut colons = 0;
    outside_strings(json.as_bytes(), |_, byte| colons += usize::from(byte == b':'));
    colons
}

fn fields(value: &Value) -> usize {
    values(value).filter_map(|(_, value)| value.as_object()).map(Map::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_would_change_is_put_in_quotes_digit_by_digit() {
        for (json, changed) in [
            (r#"{"n": 9007199254740993}"#, Some(r#"{"n": "9007199254740993"}"#)),
            (r#"[-9007199254740993,1]"#, Some(r#"["-9007199254740993",1]"#)),
            (r#"{"n":123456789012345678901234567890}"#, Some(r#"{"n":"123456789012345678901234567890"}"#)),
            ("[0.1234567890123456789]", Some(r#"["0.1234567890123456789"]"#)),
            ("[1e999, 1e-999]", Some(r#"["1e999", "1e-999"]"#)),
            ("[1e99999999999999999999]", Some(r#"["1e99999999999999999999"]"#)),
            (r#"{"9007199254740993": "9007199254740993 \" 9007199254740993"}"#, None),
            ("[9007199254740992, 1.50, 1e2, -0, 0.000001, 0.1, 1E+3, 100.0e-1, true, null]", None),
        ] {
            assert_eq!(quoted(json).as_deref(), changed, "{json}");
        }
    }

    #[test]
    fn text_survives_only_with_the_digits_it_was_written_with() {
        let survives = |json: &str| survive(json, &serde_json::from_str(json).unwrap());
        for json in [r#"{"a": [1, -2.5, 0.1], "b:": {"c": "1.50: \\"}}"#, "[]", "9007199254740992"] {
            assert!(survives(json), "{json}");
        }
        for json in ["[1.50]", "[1e2]", "[-0]", "[9007199254740993]", "[18446744073709551616]", r#"{"a": 1, "a": 1}"#] {
            assert!(!survives(json), "{json}");
        }
    }
}
