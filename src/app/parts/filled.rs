//! Forms and the JSON that they make. A form stands over a base: the arguments that an agent proposed,
//! or the defaults of a response. Only fields that were touched are kept, so what nobody touched stays as it was.

use std::{borrow::Cow, collections::HashMap};

use super::{
    schema::{Field, Kind},
    typed::{read, required},
};
use crate::domain::{ask::FieldProblem, json::Json, outcome::Edit};

/// What is typed in each touched field, by its pointer from the root of the form. A flag holds `true` or `false`, a choice
/// the number of its option; the order of a list stands under [`order_key`].
pub type Filled = HashMap<String, String>;

/// Longer lists are edited as JSON.
const MAX_ITEMS: usize = 100;

/// Where the items of a list are kept: numbers of items of the base, and `n1`, `n2` … for added ones. No pointer begins so.
pub fn order_key(pointer: &str) -> String {
    "#".to_owned() + pointer
}

/// The items of a list in their order, by the names that their pointers have.
pub fn order(pointer: &str, base: Option<&Json>, filled: &Filled) -> Vec<String> {
    match filled.get(&order_key(pointer)) {
        Some(written) => written.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect(),
        None => (0..items(base).len()).map(|at| at.to_string()).collect(),
    }
}

fn items(base: Option<&Json>) -> &[Json] {
    match base {
        Some(Json::Array(items)) => items,
        _ => &[],
    }
}

/// The item that a name in an order stands for: one of the base, or what an added one starts as.
pub fn item(field: &Field, base: Option<&Json>, name: &str) -> Option<Json> {
    let old = name.parse().ok().and_then(|at: usize| items(base).get(at));
    old.cloned().or_else(|| untouched(field))
}

/// Whether a value of the base can stand in a fieldset or a list; what cannot is edited as JSON.
pub fn fits(kind: &Kind, base: Option<&Json>) -> bool {
    match (kind, base) {
        // A form over null begins empty; null stays until something is filled in.
        (Kind::Object(_) | Kind::List(_), Some(Json::Null)) => true,
        (Kind::Object(_), Some(base)) => matches!(base, Json::Object(_)),
        (Kind::List(_), Some(base)) => matches!(base, Json::Array(items) if items.len() <= MAX_ITEMS),
        _ => true,
    }
}

/// What stands in a field before it is touched.
pub fn shown(kind: &Kind, base: Option<&Json>) -> String {
    match (kind, base) {
        (Kind::Choice(options), Some(value)) => {
            options.iter().position(|option| option == value).map(|at| at.to_string()).unwrap_or_default()
        }
        (_, None) => String::new(),
        (Kind::Text(_) | Kind::Number(_), Some(Json::Null)) => String::new(),
        (Kind::Text(_) | Kind::Number(_), Some(value)) => value.as_read(),
        (_, Some(value)) => value.pretty(),
    }
}

/// The base of a response form: the defaults of its fields.
pub fn defaults(fields: &[Field]) -> Json {
    let mut base = Json::Object(vec![]);
    for field in fields {
        let within = match &field.kind {
            Kind::Object(fields) if field.required => Some(defaults(fields)).filter(|it| *it != Json::Object(vec![])),
            Kind::Constant(value) if field.required => Some(value.clone()),
            _ => None,
        };
        if let Some(value) = field.default.clone().or(within) {
            base.set(&field.pointer(""), Some(value));
        }
    }
    base
}

/// The changes of a form against its base, or what is wrong with what was typed; pointers are from the root of the form.
pub fn edits(fields: &[Field], base: Option<&Json>, filled: &Filled) -> Result<Vec<Edit>, Vec<FieldProblem>> {
    let Found { edits, problems } = Found::all(fields, base, filled);
    if problems.is_empty() { Ok(edits) } else { Err(problems) }
}

/// The value of a response form: its defaults with what was typed, and everything that its schema needs.
pub fn response(fields: &[Field], filled: &Filled) -> Result<Json, Vec<FieldProblem>> {
    let whole = fields.first().filter(|field| field.name.is_empty());
    let base = match whole {
        Some(field) => field.default.clone(),
        None => Some(defaults(fields)),
    };
    let mut value = base.clone().or_else(|| untouched(whole?));
    let Found { edits, mut problems } = Found::all(fields, base.as_ref(), filled);
    for edit in edits {
        let json = edit.json.and_then(|json| Json::parse(&json).ok());
        match &mut value {
            Some(value) if !edit.pointer.is_empty() => drop(value.set(&edit.pointer, json)),
            value => *value = json,
        }
    }
    let mut missing = vec![];
    match (&mut value, whole) {
        (None, Some(field)) => missing.push(FieldProblem::new("", required(field))),
        (Some(value), _) => complete(fields, value, "", &mut missing),
        (None, None) => {}
    }
    // What was typed wrong is not missing.
    missing.retain(|it| !problems.iter().any(|known| known.pointer == it.pointer));
    problems.extend(missing);
    value.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Adds what a field that nobody touched stands for, and says what is missing.
fn complete(fields: &[Field], value: &mut Json, at: &str, problems: &mut Vec<FieldProblem>) {
    for field in fields.iter().filter(|field| !field.name.is_empty()) {
        let pointer = field.pointer("");
        let place = at.to_owned() + &pointer;
        if value.get(&field.name).is_none() {
            match untouched(field) {
                Some(json) if field.required || matches!(field.kind, Kind::Flag) => {
                    value.set(&pointer, Some(json));
                }
                None if field.required => {
                    problems.push(FieldProblem::new(place, required(field)));
                    continue;
                }
                _ => continue,
            }
        }
        let Json::Object(members) = &mut *value else { continue };
        let Some((_, member)) = members.iter_mut().find(|(name, _)| *name == field.name) else { continue };
        match (&field.kind, member) {
            (Kind::Object(fields), member @ Json::Object(_)) => complete(fields, member, &place, problems),
            (Kind::List(item), Json::Array(items)) => {
                if let Kind::Object(fields) = &item.kind {
                    for (i, item) in items.iter_mut().enumerate() {
                        complete(fields, item, &(place.clone() + "/" + &i.to_string()), problems);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The value of a field in which nothing is typed, when it may stand for one.
fn untouched(field: &Field) -> Option<Json> {
    match &field.kind {
        _ if field.nullable => Some(Json::Null),
        Kind::Flag => Some(Json::Bool(false)),
        Kind::Constant(value) => Some(value.clone()),
        Kind::Text(rules) if rules.takes_nothing() => Some(Json::String(String::new())),
        Kind::Object(fields) => Some(defaults(fields)),
        Kind::List(_) => Some(Json::Array(vec![])),
        _ => None,
    }
}

#[derive(Default)]
struct Found {
    edits: Vec<Edit>,
    problems: Vec<FieldProblem>,
}

impl Found {
    fn all(fields: &[Field], base: Option<&Json>, filled: &Filled) -> Self {
        let mut found = Self::default();
        found.fields(fields, base, filled, "", "");
        found
    }

    /// `at` is where the fields are in the form, `place` where they will be in the value.
    fn fields(&mut self, fields: &[Field], base: Option<&Json>, filled: &Filled, at: &str, place: &str) {
        for field in fields {
            let base = if field.name.is_empty() { base } else { base.and_then(|base| base.get(&field.name)) };
            self.field(field, base, filled, &field.pointer(at), &field.pointer(place));
        }
    }

    fn field(&mut self, field: &Field, base: Option<&Json>, filled: &Filled, at: &str, place: &str) {
        match &field.kind {
            Kind::Object(fields) if fits(&field.kind, base) => self.fields(fields, base, filled, at, place),
            Kind::List(item) if fits(&field.kind, base) => self.list(item, base, filled, at, place),
            kind => {
                let Some(typed) = filled.get(at) else { return };
                let kind = if fits(kind, base) { kind } else { &Kind::Json };
                let old = shown(kind, base);
                if same_lines(typed, &old) {
                    return;
                }
                match read(field, kind, &with_line_ends_of(&old, typed), base.is_some()) {
                    Ok(json) => {
                        let json = json.map(|json| json.to_string());
                        self.edits.push(Edit { pointer: place.to_owned(), json });
                    }
                    Err(detail) => self.problems.push(FieldProblem::new(place, detail)),
                }
            }
        }
    }

    /// A list of which only items changed is edited within them; one that lost or gained items is replaced.
    fn list(&mut self, item_field: &Field, base: Option<&Json>, filled: &Filled, at: &str, place: &str) {
        let names = order(at, base, filled);
        let untouched_order = !filled.contains_key(&order_key(at));
        let mut all = vec![];
        for (i, name) in names.iter().enumerate() {
            let (within, there) = (at.to_owned() + "/" + name, place.to_owned() + "/" + &i.to_string());
            let old = item(item_field, base, name);
            if untouched_order {
                self.field(item_field, old.as_ref(), filled, &within, &there);
                continue;
            }
            let mut own = Found::default();
            own.field(item_field, old.as_ref(), filled, &within, "");
            let moved = own.problems.into_iter().map(|it| FieldProblem::new(there.clone() + &it.pointer, it.detail));
            self.problems.extend(moved);
            if old.is_none() && own.edits.is_empty() {
                self.problems.push(FieldProblem::new(there, "Fill this item in, or remove it."));
                continue;
            }
            let mut value = old.unwrap_or(Json::Null);
            for edit in own.edits {
                value.set(&edit.pointer, edit.json.and_then(|json| Json::parse(&json).ok()));
            }
            all.push(value);
        }
        if !untouched_order && items(base) != all.as_slice() {
            self.edits.push(Edit { pointer: place.to_owned(), json: Some(Json::Array(all).to_string()) });
        }
    }
}

/// A typed text with the line ends of the old one, where those are all CR LF: a text area gives every break as LF.
fn with_line_ends_of<'a>(old: &str, typed: &'a str) -> Cow<'a, str> {
    match old.contains("\r\n") && !old.replace("\r\n", "").contains(['\n', '\r']) {
        true => Cow::Owned(typed.replace("\r\n", "\n").replace('\n', "\r\n")),
        false => Cow::Borrowed(typed),
    }
}

/// Text areas turn every line break into one character.
fn same_lines(typed: &str, shown: &str) -> bool {
    typed == shown || typed.replace("\r\n", "\n") == shown.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::app::parts::schema::fields;

    fn filled(all: &[(&str, &str)]) -> Filled {
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
                    assert_eq!(edits(&fields(&schema), Some(&base), &Filled::new()), Ok(vec![]), "{value} {schema}");
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
        let missing = response(&fields, &Filled::new());
        assert_eq!(details(missing), ["/ref: Reference is required.", "/how: how is required."]);
        let wrong = response(&fields, &filled(&[("/ref", "R"), ("/eur", "much")]));
        let all = [
            "/ref: Reference must have at least 2 characters.",
            "/eur: eur must be a number.",
            "/how: how is required.",
        ];
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
}
