//! Tests of the JSON that a form makes from typed text: edits of proposed arguments, and whole responses.

use serde_json::{Value, json};

use super::*;
use crate::app::parts::schema::fields;

fn filled(all: &[(&str, &str)]) -> FormValues {
    all.iter().map(|(at, typed)| ((*at).to_owned(), (*typed).to_owned())).collect()
}

fn edited(schema: Value, base: &str, typed: &[(&str, &str)]) -> Result<String, Vec<FieldProblem>> {
    let mut base = Json::parse(base).unwrap();
    for edit in edits(&fields(&schema), Some(&base.clone()), &filled(typed))? {
        let json = edit.json.map(|json| Json::parse(&json).unwrap());
        assert!(base.set(&edit.pointer, json), "{}", edit.pointer);
    }
    Ok(base.to_string())
}

fn details(problems: Result<impl std::fmt::Debug, Vec<FieldProblem>>) -> Vec<String> {
    problems.unwrap_err().into_iter().map(|it| it.pointer + ": " + &it.detail).collect()
}

#[test]
fn what_nobody_touched_stays_whatever_its_schema_says() {
    let kinds = [
        json!({"type": "string"}),
        json!({"type": "boolean"}),
        json!({"type": "number"}),
        json!({"enum": ["basic", "pro"]}),
        json!({"type": "array", "items": {"type": "string"}}),
        json!({"type": "object",
        "properties": {"a": {"type": "string"}}}),
        json!({"type": "integer"}),
        json!({"const": 5}),
        json!({}),
    ];
    let values = [
        r#""""#,
        r#""  ""#,
        "null",
        r#""true""#,
        r#""Basic""#,
        "4721",
        r#""250""#,
        r#""Hi Dana,\nyour refund""#,
        "9007199254740993",
        "1.10",
        "[1]",
        r#"{"a": 1, "b": 2}"#,
        "false",
    ];
    for schema in &kinds {
        for value in values {
            for required in [json!([]), json!(["x"])] {
                let schema = json!({"properties": {"x": schema}, "required": required});
                let base = Json::parse(&(r#"{"y":0.10,"x":"#.to_owned() + value + "}")).unwrap();
                assert_eq!(edits(&fields(&schema), Some(&base), &FormValues::new()), Ok(vec![]), "{value} {schema}");
            }
        }
    }
}

#[test]
fn an_edit_changes_its_field_only() {
    let schema = json!({"properties": {"order": {"type": "string"}, "eur": {"type": "number"}, "fast": {"type": "boolean"},
        "plan": {"enum": ["basic", "pro"]}, "more": {}}, "required": ["order"]});
    let base = r#"{"z":1.0,"order":4721,"eur":"250","fast":"true","plan":"Basic"}"#;
    let run = |typed: &[(&str, &str)]| edited(schema.clone(), base, typed);
    assert_eq!(run(&[("/eur", "250")]).unwrap(), base, "the text is the same, so nothing was edited");
    assert_eq!(run(&[("/eur", "240.50")]).unwrap(), base.replace(r#""250""#, "240.50"));
    assert_eq!(run(&[("/order", "")]).unwrap(), base.replace("4721", r#""""#));
    assert_eq!(run(&[("/order", "4722")]).unwrap(), base.replace("4721", r#""4722""#));
    assert_eq!(
        run(&[("/fast", "false"), ("/plan", "1")]).unwrap(),
        r#"{"z":1.0,"order":4721,"eur":"250","fast":false,"plan":"pro"}"#
    );
    assert_eq!(run(&[("/eur", "")]).unwrap(), r#"{"z":1.0,"order":4721,"fast":"true","plan":"Basic"}"#);
    assert_eq!(run(&[("/more", r#"{"a": 1.10}"#)]).unwrap(), base.replace("}", r#","more":{"a":1.10}}"#));
    assert_eq!(
        details(run(&[("/eur", "1e"), ("/more", "9007199254740993")])),
        ["/eur: eur must be a number.", "/more: more has a number beyond ±2^53: write it as text.",]
    );
}

#[test]
fn lists_gain_and_lose_items_and_keep_the_others() {
    let schema = json!({"properties": {"lines": {"type": "array", "items": {"properties": {
        "sku": {"type": "string"}, "n": {"type": "integer", "default": 1}}, "required": ["sku"]}}}});
    let base = r#"{"lines":[{"sku":"a","n":1.0,"x":7},{"sku":"b"}]}"#;
    let run = |typed: &[(&str, &str)]| edited(schema.clone(), base, typed).unwrap();
    assert_eq!(run(&[("/lines/1/sku", "c")]), base.replace(r#""b""#, r#""c""#));
    assert_eq!(run(&[("#/lines", "0,1")]), base, "the same order is no edit");
    assert_eq!(run(&[("#/lines", "0")]), r#"{"lines":[{"sku":"a","n":1.0,"x":7}]}"#);
    assert_eq!(run(&[("#/lines", "1,n1"), ("/lines/n1/sku", "d")]), r#"{"lines":[{"sku":"b"},{"n":1,"sku":"d"}]}"#);
    assert_eq!(run(&[("#/lines", "")]), r#"{"lines":[]}"#);
    let absent = edited(schema.clone(), "{}", &[("#/lines", "n1"), ("/lines/n1/sku", "d")]).unwrap();
    assert_eq!(absent, r#"{"lines":[{"n":1,"sku":"d"}]}"#);
    let nested = json!({"properties": {"to": {"properties": {"city": {"type": "string"}}}}});
    for base in ["{}", r#"{"to":null}"#] {
        let to = edited(nested.clone(), base, &[("/to/city", "Łódź")]).unwrap();
        assert_eq!(to, r#"{"to":{"city":"Łódź"}}"#);
    }
    let lines = json!({"properties": {"t": {"type": "string"}}});
    assert_eq!(edited(lines, r#"{"t":"a\r\nb"}"#, &[("/t", "a\nb\nc")]).unwrap(), r#"{"t":"a\r\nb\r\nc"}"#);
    let literals = json!({"properties": {"l": {"type": "array", "items": {"required": ["type", "n"],
        "properties": {"type": {"const": "line"}, "n": {"type": "integer"}}}}}});
    let added = edited(literals, r#"{"l":[]}"#, &[("#/l", "n1"), ("/l/n1/n", "2")]).unwrap();
    assert_eq!(added, r#"{"l":[{"type":"line","n":2}]}"#);
}

#[test]
fn a_response_has_what_its_schema_needs() {
    let schema = json!({"required": ["ref", "ok", "how", "code"], "properties": {
        "ref": {"type": "string", "title": "Reference", "minLength": 2}, "eur": {"type": "number"},
        "ok": {"type": "boolean"}, "how": {"enum": ["card", 7]}, "more": {"type": "array"}, "note": {"type": "string"},
        "code": {"type": "string"}, "lang": {"type": "string", "default": "en"}, "who": {"type": ["string", "null"]}}});
    let fields = fields(&schema);
    let missing = response(&fields, &FormValues::new());
    assert_eq!(details(missing), ["/ref: Reference is required.", "/how: how is required."]);
    let wrong = response(&fields, &filled(&[("/ref", "R"), ("/eur", "much")]));
    let all =
        ["/ref: Reference must have at least 2 characters.", "/eur: eur must be a number.", "/how: how is required."];
    assert_eq!(details(wrong), all);
    let typed = filled(&[("/ref", "R1"), ("/eur", "2.50"), ("/how", "1"), ("/more", "[1]"), ("/note", "")]);
    let said = response(&fields, &typed).unwrap().to_string();
    let expected = json!({"lang": "en", "ref": "R1", "eur": 2.5, "how": 7, "more": [1], "ok": false, "code": ""});
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
    let typed = filled(&[("/ref", "R1"), ("/how", "0"), ("/who", "")]);
    assert!(!response(&fields, &typed).unwrap().to_string().contains("who"), "an untouched field says nothing");
}

#[test]
fn a_whole_value_is_one_field() {
    let read =
        |schema: Value, typed: &[(&str, &str)]| response(&fields(&schema), &filled(typed)).map(|it| it.to_string());
    assert_eq!(read(json!({"type": "integer"}), &[("", "42")]), Ok("42".into()));
    assert!(read(json!({"type": "integer"}), &[("", "4.2")]).is_err());
    assert_eq!(details(read(json!({"type": "integer"}), &[])), [": Answer is required."]);
    assert_eq!(read(json!({"type": "integer", "default": 3}), &[]), Ok("3".into()));
    let list = json!({"type": "array", "items": {"type": "string"}});
    assert_eq!(read(list, &[("#", "n1"), ("/n1", "a")]), Ok(r#"["a"]"#.into()));
}
