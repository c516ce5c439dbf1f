//! Form values, and the JSON that results from them. A form edits a base: the arguments that an agent proposed, or the
//! defaults of a response. Only touched fields are stored, so that untouched values stay as they were.

use std::{borrow::Cow, collections::HashMap};

use super::{
    schema::{FieldKind, SchemaField},
    typed::{read, required},
};
use crate::domain::{field_problem::FieldProblem, json::Json, outcome::Edit};

/// The text typed in each touched field, keyed by its pointer from the root of the form. A flag holds `true` or
/// `false`, a choice the index of its option; the order of a list is stored under [`order_key`].
pub type FormValues = HashMap<String, String>;

/// Longer lists are edited as JSON.
const MAX_ITEMS: usize = 100;

/// Returns the key of a list's order: indices of items of the base, and `n1`, `n2` … for added items. No pointer begins
/// with `#`.
pub fn order_key(pointer: &str) -> String {
    "#".to_owned() + pointer
}

/// Returns the items of a list in order, by the names used in their pointers.
pub fn order(pointer: &str, base: Option<&Json>, filled: &FormValues) -> Vec<String> {
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

/// Returns the item that a name in an order stands for: an item of the base, or the initial value of an added item.
pub fn item(field: &SchemaField, base: Option<&Json>, name: &str) -> Option<Json> {
    let old = name.parse().ok().and_then(|at: usize| items(base).get(at));
    old.cloned().or_else(|| untouched(field))
}

/// Returns whether a value of the base fits a fieldset or a list; other values are edited as JSON.
pub fn fits(kind: &FieldKind, base: Option<&Json>) -> bool {
    match (kind, base) {
        // A form over null is empty at first; null stays until a field is filled in.
        (FieldKind::Object(_) | FieldKind::List(_), Some(Json::Null)) => true,
        (FieldKind::Object(_), Some(base)) => matches!(base, Json::Object(_)),
        (FieldKind::List(_), Some(base)) => matches!(base, Json::Array(items) if items.len() <= MAX_ITEMS),
        _ => true,
    }
}

/// Returns the text of a field before it is touched.
pub fn shown(kind: &FieldKind, base: Option<&Json>) -> String {
    match (kind, base) {
        (FieldKind::Choice(options), Some(value)) => {
            options.iter().position(|option| option == value).map(|at| at.to_string()).unwrap_or_default()
        }
        (_, None) => String::new(),
        (FieldKind::Text(_) | FieldKind::Number(_), Some(Json::Null)) => String::new(),
        (FieldKind::Text(_) | FieldKind::Number(_), Some(value)) => value.as_read(),
        (_, Some(value)) => value.pretty(),
    }
}

/// Returns the defaults of fields, as one object.
fn defaults(fields: &[SchemaField]) -> Json {
    let mut base = Json::Object(vec![]);
    for field in fields {
        let within = match &field.kind {
            FieldKind::Object(fields) if field.required => {
                Some(defaults(fields)).filter(|it| *it != Json::Object(vec![]))
            }
            FieldKind::Constant(value) if field.required => Some(value.clone()),
            _ => None,
        };
        if let Some(value) = field.default.clone().or(within) {
            base.set(&field.pointer(""), Some(value));
        }
    }
    base
}

/// Returns the changes of a form against its base, or the problems with the typed text; pointers are from the root of
/// the form.
pub fn edits(fields: &[SchemaField], base: Option<&Json>, filled: &FormValues) -> Result<Vec<Edit>, Vec<FieldProblem>> {
    let Found { edits, problems } = Found::all(fields, base, filled);
    if problems.is_empty() { Ok(edits) } else { Err(problems) }
}

/// Returns the single field that stands for the whole response if its schema is not an object.
fn whole(fields: &[SchemaField]) -> Option<&SchemaField> {
    fields.first().filter(|field| field.name.is_empty())
}

/// Returns the base of a response form: the default of the whole value, or the defaults of its fields.
pub fn response_base(fields: &[SchemaField]) -> Option<Json> {
    whole(fields).map_or_else(|| Some(defaults(fields)), |field| field.default.clone())
}

/// Returns the value of a response form: its defaults, the typed values, and every value that the schema requires.
pub fn response(fields: &[SchemaField], filled: &FormValues) -> Result<Json, Vec<FieldProblem>> {
    let (whole, base) = (whole(fields), response_base(fields));
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
    // A field with an invalid value is not reported as missing, too.
    missing.retain(|it| !problems.iter().any(|known| known.pointer == it.pointer));
    problems.extend(missing);
    value.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Adds the values of untouched flags and untouched required fields, and reports required fields that are missing.
fn complete(fields: &[SchemaField], value: &mut Json, at: &str, problems: &mut Vec<FieldProblem>) {
    for field in fields.iter().filter(|field| !field.name.is_empty()) {
        let pointer = field.pointer("");
        let place = at.to_owned() + &pointer;
        if value.get(&field.name).is_none() {
            match untouched(field) {
                Some(json) if field.required || matches!(field.kind, FieldKind::Flag) => {
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
            (FieldKind::Object(fields), member @ Json::Object(_)) => complete(fields, member, &place, problems),
            (FieldKind::List(item), Json::Array(items)) => {
                if let FieldKind::Object(fields) = &item.kind {
                    for (i, item) in items.iter_mut().enumerate() {
                        complete(fields, item, &(place.clone() + "/" + &i.to_string()), problems);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Returns the value of a field in which nothing is typed, if an empty field has a value.
fn untouched(field: &SchemaField) -> Option<Json> {
    match &field.kind {
        _ if field.nullable => Some(Json::Null),
        FieldKind::Flag => Some(Json::Bool(false)),
        FieldKind::Constant(value) => Some(value.clone()),
        FieldKind::Text(rules) if rules.takes_nothing() => Some(Json::String(String::new())),
        FieldKind::Object(fields) => Some(defaults(fields)),
        FieldKind::List(_) => Some(Json::Array(vec![])),
        _ => None,
    }
}

#[derive(Default)]
struct Found {
    edits: Vec<Edit>,
    problems: Vec<FieldProblem>,
}

impl Found {
    fn all(fields: &[SchemaField], base: Option<&Json>, filled: &FormValues) -> Self {
        let mut found = Self::default();
        found.fields(fields, base, filled, "", "");
        found
    }

    /// Collects edits and problems; `at` is the place of the fields in the form, `place` their place in the value.
    fn fields(&mut self, fields: &[SchemaField], base: Option<&Json>, filled: &FormValues, at: &str, place: &str) {
        for field in fields {
            let base = if field.name.is_empty() { base } else { base.and_then(|base| base.get(&field.name)) };
            self.field(field, base, filled, &field.pointer(at), &field.pointer(place));
        }
    }

    fn field(&mut self, field: &SchemaField, base: Option<&Json>, filled: &FormValues, at: &str, place: &str) {
        match &field.kind {
            FieldKind::Object(fields) if fits(&field.kind, base) => self.fields(fields, base, filled, at, place),
            FieldKind::List(item) if fits(&field.kind, base) => self.list(item, base, filled, at, place),
            kind => {
                let Some(typed) = filled.get(at) else { return };
                let kind = if fits(kind, base) { kind } else { &FieldKind::Json };
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

    /// Edits the items of a list in place if its order is untouched; otherwise replaces the whole list.
    fn list(&mut self, item_field: &SchemaField, base: Option<&Json>, filled: &FormValues, at: &str, place: &str) {
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

/// Returns the typed text with the line ends of the old one if those are all CR LF, because a text area returns every
/// line break as LF.
fn with_line_ends_of<'a>(old: &str, typed: &'a str) -> Cow<'a, str> {
    match old.contains("\r\n") && !old.replace("\r\n", "").contains(['\n', '\r']) {
        true => Cow::Owned(typed.replace("\r\n", "\n").replace('\n', "\r\n")),
        false => Cow::Borrowed(typed),
    }
}

/// Compares two texts regardless of line ends, because text areas turn every line break into one character.
fn same_lines(typed: &str, shown: &str) -> bool {
    typed == shown || typed.replace("\r\n", "\n") == shown.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests;
