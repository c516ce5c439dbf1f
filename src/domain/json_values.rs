//! Visits all values within a JSON value, and counts them in its text.

use serde_json::Value;

/// The most values of JSON that an agent wrote as text and that is parsed to be read. Other text is used as it is.
pub const MOST_IN_TEXT: usize = 50_000;
/// An object counts as so many values, because it takes up to 500 bytes where any other value takes 72.
const OBJECT: usize = 7;

/// Counts the values in a JSON text, at all depths: the members of objects and the items of lists. An object counts as seven,
/// an empty list as two. Counting needs no memory, where parsing can need more than thirty times that of the text.
pub fn count_values(json: &[u8]) -> usize {
    let mut count = 1;
    outside_strings(json, |_, byte| {
        count += match byte {
            b'{' => OBJECT,
            b',' | b'[' => 1,
            _ => 0,
        }
    });
    count
}

/// Returns the number of values in a text that looks like an object or a list, if there are at most `most`.
pub fn values_in_text(text: &str, most: usize) -> Option<usize> {
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    looks_like_json.then(|| count_values(text.as_bytes())).filter(|count| *count <= most)
}

/// Visits the bytes of a JSON text that are outside strings.
pub fn outside_strings(json: &[u8], mut visit: impl FnMut(usize, u8)) {
    let (mut is_text, mut is_escaped) = (false, false);
    for (at, byte) in json.iter().copied().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if !is_text => visit(at, byte),
            _ => {}
        }
    }
}

/// Returns the value itself and every value within it, in the order of the document, each with its depth: 0 for the value
/// itself.
pub fn values(value: &Value) -> impl Iterator<Item = (usize, &Value)> {
    let mut open = vec![(0, value)];
    std::iter::from_fn(move || {
        let (depth, value) = open.pop()?;
        match value {
            Value::Array(items) => open.extend(items.iter().rev().map(|item| (depth + 1, item))),
            Value::Object(members) => open.extend(members.values().rev().map(|member| (depth + 1, member))),
            _ => {}
        }
        Some((depth, value))
    })
}

/// Changes the value itself and every value within it; a value before those within it.
pub fn change_values(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    change(value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change_values(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| change_values(member, change)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_counted_outside_texts() {
        for (json, count) in [
            ("1", 1),
            (r#"{"a": [1, 2], "b,[{": "c,\",[{"}"#, 11),
            ("[[1,1],[1,1]]", 7),
            (r#"[{"":0},{"":0}]"#, 17),
            ("[]", 2),
            ("", 1),
        ] {
            assert_eq!(count_values(json.as_bytes()), count, "{json}");
        }
        let found = [(" [1,2]", 3), ("[1,2]", 2), ("1, 2", 9)].map(|(text, most)| values_in_text(text, most));
        assert_eq!(found, [Some(3), None, None]);
    }

    #[test]
    fn every_value_is_visited_in_order() {
        let value = json!({"a": [1, {"b": 2}], "c": 3});
        let found: Vec<String> = values(&value).map(|(depth, it)| format!("{depth} {it}")).collect();
        assert_eq!(found, [r#"0 {"a":[1,{"b":2}],"c":3}"#, r#"1 [1,{"b":2}]"#, "2 1", r#"2 {"b":2}"#, "3 2", "1 3"]);
        let mut changed = value;
        change_values(&mut changed, &mut |it| {
            if it == 2 {
                *it = json!("two");
            }
        });
        assert_eq!(changed, json!({"a": [1, {"b": "two"}], "c": 3}));
    }
}
