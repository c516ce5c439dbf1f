//! Visits all values within a JSON value.

use serde_json::Value;

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
