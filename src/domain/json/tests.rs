//! Tests of JSON that keeps the text of its numbers.

use serde_json::json;

use super::*;
use crate::domain::json_text::JsonText;

const TEXT: &str = r#"{"b": 0.10, "a": [1e2, -0, {"x": null}], "t": "a\n\"b\"", "f": true, "e": {}, "l": []}"#;

#[test]
fn numbers_and_order_are_kept() {
    let json = Json::parse(TEXT).unwrap();
    assert_eq!(json.to_string(), r#"{"b":0.10,"a":[1e2,-0,{"x":null}],"t":"a\n\"b\"","f":true,"e":{},"l":[]}"#);
    assert_eq!(Json::parse(&json.pretty()).unwrap(), json);
    assert_eq!(Json::parse(r#"{"a":[1],"e":{}}"#).unwrap().pretty(), "{\n  \"a\": [\n    1\n  ],\n  \"e\": {}\n}");
}

#[test]
fn what_is_not_json_is_refused() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    for text in ["", "{", "1 2", "{\"a\": 1, \"a\": 2}", "[01]", "\"\\ud800\"", deep.as_str()] {
        assert!(Json::parse(text).is_err(), "{text}");
    }
}

#[test]
fn one_place_changes_and_the_rest_stays() {
    let mut json = Json::parse(TEXT).unwrap();
    assert!(json.set("/a/2/x", Some(Json::Number("5.00".into()))));
    assert!(json.set("/e/new/deep", Some(Json::Bool(true))));
    assert!(json.set("/f", None) && json.set("/not/there", None));
    assert_eq!(
        json.to_string(),
        r#"{"b":0.10,"a":[1e2,-0,{"x":5.00}],"t":"a\n\"b\"","e":{"new":{"deep":true}},"l":[]}"#
    );
    assert!(!json.set("/a/9", Some(Json::Null)) && !json.set("/t/x", Some(Json::Null)) && !json.set("b", None));
    let mut odd = Json::Object(vec![]);
    assert!(odd.set("/a~1b~0c", Some(Json::Null)));
    assert_eq!(odd.to_string(), r#"{"a/b~c":null}"#);
    assert_eq!(pointer_name("a/b~c"), "a~1b~0c");
    assert_eq!(unescaped_name("a~1b~0c~01"), "a/b~c~1");
}

#[test]
fn numbers_that_not_every_reader_can_hold_are_found() {
    for (text, beyond) in [
        ("9007199254740992", false),
        ("9007199254740993", true),
        ("-9007199254740993", true),
        ("[{\"a\": 123456789012345678901234567890}]", true),
        ("1e300", true),
        ("9007199254740993.0", true),
        ("0.1234567890123456789", false),
        ("\"9007199254740993\"", false),
    ] {
        assert_eq!(Json::parse(text).unwrap().has_number_beyond(), beyond, "{text}");
    }
}

#[test]
fn a_text_is_stored_as_it_came_and_old_values_are_read() {
    let text = JsonText::parse(TEXT).unwrap();
    let stored = serde_json::to_string(&text).unwrap();
    assert_eq!(serde_json::from_str::<JsonText>(&stored).unwrap(), text);
    let old: JsonText = serde_json::from_value(json!({"eur": 5})).unwrap();
    assert_eq!((old.as_str(), old.value()), (r#"{"eur":5}"#, json!({"eur": 5})));
}
