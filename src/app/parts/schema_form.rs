//! Renders the form of a JSON Schema, with fields, and fieldsets for objects and lists, over proposed arguments or a
//! response.

use leptos::prelude::*;

use super::{
    drawn::element,
    fields::{BoundField, described_by, details, is_within, problem_view},
    filled::{FormValues, fits, item, order, order_key, shown},
    icons::{Icon, icon},
    pairs::{pair, value_text},
    revealed::{revealed, spelled},
    schema::{FieldKind, SchemaField, TextFormat, TextRules},
    typed::check,
};
use crate::{
    app::focus::focus,
    domain::{
        field_problem::FieldProblem,
        json::{Json, pointer_name},
    },
};

/// Texts with more characters than this are edited in a text area.
const LONGEST_LINE: usize = 80;

/// The state and callbacks that the fields of a form share.
#[derive(Clone, Copy)]
pub struct SchemaForm {
    pub filled: Signal<FormValues>,
    /// Receives a pointer from the root of the form, and the text typed there.
    pub on_fill: Callback<(String, String)>,
    /// The problems found in the resolution; pointers are from the root of the resolution.
    pub problems: RwSignal<Vec<FieldProblem>>,
    /// The places where the base breaks the schema; pointers are from the root of the form.
    pub faults: StoredValue<Vec<FieldProblem>>,
    /// True if the base is an agent's proposal, so that untouched fields keep their proposed values.
    pub is_proposal: bool,
}

/// The position of a field: its id on the page, its pointer in the form, and its pointer in the resolution. The two
/// pointers differ where a list has gained or lost items.
#[derive(Clone)]
pub struct FieldPlace {
    pub id: String,
    pub pointer: String,
    pub in_resolution: Signal<String>,
}

impl FieldPlace {
    /// Returns the place of the root of a form.
    pub fn root(id: String, in_resolution: String) -> Self {
        Self { id, pointer: String::new(), in_resolution: Signal::stored(in_resolution) }
    }

    fn child(&self, i: usize, field: &SchemaField) -> Self {
        let around = self.in_resolution;
        let own = field.pointer("");
        Self {
            id: self.id.clone() + "-" + &i.to_string(),
            pointer: field.pointer(&self.pointer),
            in_resolution: Signal::derive(move || around.get() + &own),
        }
    }
}

/// Renders the fields.
pub fn schema_form(form: SchemaForm, fields: &[SchemaField], base: Option<&Json>, place: &FieldPlace) -> Vec<AnyView> {
    let one = |(i, field): (usize, &SchemaField)| {
        let base = if field.name.is_empty() { base } else { base.and_then(|base| base.get(&field.name)) };
        draw(form, field, base, place.child(i, field))
    };
    fields.iter().enumerate().map(one).chain(unnamed(fields, base)).collect()
}

/// Renders the members of the base that have no field, so that the operator sees every value that will be used.
fn unnamed(fields: &[SchemaField], base: Option<&Json>) -> Option<AnyView> {
    let Some(Json::Object(members)) = base else { return None };
    let is_named = |name: &str| fields.iter().any(|field| field.name.is_empty() || field.name == name);
    let rest = members.iter().filter(|(name, _)| !is_named(name));
    let rest: Vec<AnyView> = rest.flat_map(|(name, value)| pair(name, &value_text(value))).collect();
    (!rest.is_empty()).then(|| element("dl", "pairs", rest))
}

fn draw(form: SchemaForm, field: &SchemaField, base: Option<&Json>, place: FieldPlace) -> AnyView {
    match &field.kind {
        kind if !fits(kind, base) => leaf(form, SchemaField { kind: FieldKind::Json, ..field.clone() }, base, place),
        FieldKind::Object(fields) => {
            let content = schema_form(form, fields, base, &place);
            fieldset(form, field, &place, content)
        }
        FieldKind::List(item) => list(form, field, item, base, place),
        _ => leaf(form, field.clone(), base, place),
    }
}

/// Renders a group of fields under its name.
fn fieldset(form: SchemaForm, field: &SchemaField, place: &FieldPlace, content: Vec<AnyView>) -> AnyView {
    let in_resolution = place.in_resolution;
    let problem = Signal::derive(move || own_problem(form, &in_resolution.get()));
    let fault = fault(form, |pointer| pointer == place.pointer);
    let has_hint = field.hint.is_some() || fault.is_some();
    let fault = fault.map(|fault| view! { <span class="field-fault">{icon(Icon::Alert)} " " {spelled(&fault)}</span> });
    let hint_id = place.id.clone() + "-hint";
    let hint = has_hint.then(|| {
        view! { <p class="field-hint" id=hint_id>{field.hint.as_deref().map(revealed)} " " {fault}</p> }
    });
    view! {
        <fieldset
            class="fields nested"
            id=place.id.clone()
            tabindex="-1"
            aria-describedby=described_by(&place.id, has_hint, problem)
        >
            <legend>{revealed(&field.label)}</legend>
            {hint}
            {content}
            {problem_view(place.id.clone() + "-error", problem)}
        </fieldset>
    }
    .into_any()
}

fn list(
    form: SchemaForm,
    field: &SchemaField,
    item_field: &SchemaField,
    base: Option<&Json>,
    place: FieldPlace,
) -> AnyView {
    let base = StoredValue::new(base.cloned());
    let (label, pointer) = (field.label.clone(), StoredValue::new(place.pointer.clone()));
    let item_field = StoredValue::new(item_field.clone());
    let names = Memo::new(move |_| {
        form.filled.with(|filled| base.with_value(|base| pointer.with_value(|at| order(at, base.as_ref(), filled))))
    });
    let in_list = place.in_resolution;
    let arrange = move |names: Vec<String>| {
        // The known problems were found in the previous arrangement of the items.
        forget_problems(form, &in_list.get_untracked());
        form.on_fill.run((pointer.with_value(|at| order_key(at)), names.join(",")));
    };
    let add = move |_| {
        let mut all = names.get_untracked();
        // The name of a removed item is not reused, because the text typed under that name would reappear.
        let is_used = |name: &String| {
            let own = pointer.with_value(|at| at.to_owned() + "/" + name);
            all.contains(name) || form.filled.with_untracked(|filled| filled.keys().any(|key| is_within(key, &own)))
        };
        let name = (1..).map(|i: usize| "n".to_owned() + &i.to_string()).find(|name| !is_used(name));
        all.extend(name);
        arrange(all);
    };
    let around = place.clone();
    let list_id = StoredValue::new(place.id.clone());
    let row = move |name: String| {
        let own = name.clone();
        let at = Memo::new(move |_| names.with(|all| all.iter().position(|it| *it == own).unwrap_or_default()));
        let place = FieldPlace {
            id: around.id.clone() + "-" + &name,
            pointer: around.pointer.clone() + "/" + &pointer_name(&name),
            in_resolution: Signal::derive(move || in_list.get() + "/" + &at.get().to_string()),
        };
        let number = move || (at.get() + 1).to_string();
        let remove = move |_| {
            let left = names.get_untracked().into_iter().filter(|it| *it != name);
            arrange(left.collect());
            // The pressed button is removed, so the focus moves to the list.
            focus(list_id.get_value());
        };
        let base =
            base.with_value(|base| item_field.with_value(|field| item(field, base.as_ref(), &place_name(&place))));
        let content = item_field.with_value(|field| draw(form, field, base.as_ref(), place));
        view! {
            <div class="list-item">
                {content}
                <button class="button" type="button" data-size="small" on:click=remove>
                    "Remove "
                    {spelled(&label)}
                    " "
                    {number}
                </button>
            </div>
        }
        .into_any()
    };
    let rows = view! { <For each=move || names.get() key=Clone::clone children=row/> }.into_any();
    let empty =
        view! { <p class="field-hint" hidden=move || names.with(|all| !all.is_empty())>"No items."</p> }.into_any();
    let add =
        view! { <button class="button" type="button" data-size="small" on:click=add>"Add item"</button> }.into_any();
    fieldset(form, field, &place, vec![rows, empty, add])
}

/// Returns the name of an item, which is the last part of its pointer.
fn place_name(place: &FieldPlace) -> String {
    place.pointer.rsplit('/').next().unwrap_or_default().to_owned()
}

fn leaf(form: SchemaForm, field: SchemaField, base: Option<&Json>, place: FieldPlace) -> AnyView {
    if let FieldKind::Constant(value) = &field.kind {
        let text = match base {
            None if form.is_proposal => "Not given".to_owned(),
            base => value_text(base.unwrap_or(value)),
        };
        let text = vec![view! { <p class="constant">{revealed(&text)}</p> }.into_any()];
        return fieldset(form, &field, &place, text);
    }
    let initial = shown(&field.kind, base);
    let is_there = base.is_some();
    let bare = match (base, &field.kind) {
        (Some(Json::Bool(_)), _) | (_, FieldKind::Json) => None,
        (Some(value), FieldKind::Choice(_)) if initial.is_empty() => Some(value),
        (Some(value), FieldKind::Flag) => Some(value),
        _ => None,
    };
    // A value that matches no option becomes an option of its own, so that no other option is selected instead.
    let as_proposed = bare.map(|value| "As proposed: ".to_owned() + &value.to_string());
    let (key, filling) = (place.pointer.clone(), place.pointer.clone());
    let first = initial.clone();
    let value = Signal::derive(move || form.filled.with(|filled| filled.get(&key).unwrap_or(&first).clone()));
    let checked = field.clone();
    let (unedited, in_resolution) = (initial.clone(), place.in_resolution);
    let problem = Signal::derive(move || {
        let typed = value.get();
        let live = if typed == unedited { None } else { check(&checked, &typed) };
        live.or_else(|| problem_within(form, &in_resolution.get()))
    });
    let fill = Callback::new(move |text: String| {
        // The known problems were found in the previous text.
        forget_problems(form, &in_resolution.get_untracked());
        form.on_fill.run((filling.clone(), text));
    });
    let bound = BoundField {
        id: place.id,
        label: &field.label,
        required: field.required && !field.nullable && !matches!(field.kind, FieldKind::Flag),
        hint: field.hint.as_deref(),
        fault: fault(form, |pointer| is_within(pointer, &place.pointer)),
        problem,
        value,
        fill,
    };
    match &field.kind {
        FieldKind::Text(rules) if wants_area(rules, &initial) => bound.area("4", false),
        FieldKind::Text(TextRules { format: Some(TextFormat::Date), .. })
            if initial.is_empty() || TextFormat::Date.takes(&initial) =>
        {
            bound.line("date")
        }
        FieldKind::Text(_) => bound.line("text"),
        // The value is checked when it is read, also for being a whole number, because the browser's own error message
        // would not be announced.
        FieldKind::Number(_) => bound.line("number"),
        FieldKind::Flag if field.nullable || (form.is_proposal && !matches!(base, Some(Json::Bool(_)))) => {
            let nothing = match base {
                None if form.is_proposal => "Not given".to_owned(),
                None | Some(Json::Bool(_) | Json::Null) if field.nullable => "None".to_owned(),
                _ => as_proposed.unwrap_or_else(|| "Not given".to_owned()),
            };
            // If the base is a boolean, the empty value stands for null; otherwise it stands for the base.
            let empty = if matches!(base, Some(Json::Bool(_))) { String::new() } else { initial };
            bound.choice(vec![
                (empty, nothing),
                ("true".to_owned(), "Yes".to_owned()),
                ("false".to_owned(), "No".to_owned()),
            ])
        }
        FieldKind::Flag => bound.flag(),
        FieldKind::Choice(options) => {
            let nothing = match as_proposed {
                Some(words) => Some(words),
                None if field.nullable => Some("None".to_owned()),
                None if is_there && field.required => None,
                None if field.required => Some("Choose…".to_owned()),
                None => Some("Not given".to_owned()),
            };
            let options = options.iter().enumerate().map(|(i, option)| (i.to_string(), value_text(option)));
            bound.choice(nothing.map(|words| (String::new(), words)).into_iter().chain(options).collect())
        }
        _ => bound.area("4", true),
    }
}

fn wants_area(rules: &TextRules, initial: &str) -> bool {
    rules.area || initial.contains(['\n', '\r']) || initial.chars().nth(LONGEST_LINE).is_some()
}

/// Removes the problems at a place and below it.
fn forget_problems(form: SchemaForm, place: &str) {
    if form.problems.with_untracked(|all| all.iter().any(|it| is_within(&it.pointer, place))) {
        form.problems.update(|all| all.retain(|it| !is_within(&it.pointer, place)));
    }
}

/// Returns the problems at a place and below it.
fn problem_within(form: SchemaForm, place: &str) -> Option<String> {
    form.problems.with(|all| details(all, |pointer| is_within(pointer, place)))
}

/// Returns the problems at exactly this place; the places below it have their own fields.
fn own_problem(form: SchemaForm, place: &str) -> Option<String> {
    form.problems.with(|all| details(all, |pointer| pointer == place))
}

/// Returns how the proposed value at the matching pointers breaks its schema.
fn fault(form: SchemaForm, is_its: impl Fn(&str) -> bool) -> Option<String> {
    form.faults.with_value(|all| {
        let its: Vec<&str> = all.iter().filter(|it| is_its(&it.pointer)).map(|it| it.detail.as_str()).collect();
        (!its.is_empty()).then(|| "The proposed value ".to_owned() + &its.join(", and ") + ".")
    })
}
