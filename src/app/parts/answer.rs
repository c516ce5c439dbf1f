//! The answer that an ask requires: free text, one of its options, or data by its schema. The composer, decision cards
//! and the resolve dialog use it.

use leptos::prelude::*;

use super::{
    fields::{BoundField, FieldProblems, described_by, problem_view},
    filled::response_base,
    resolution::{ResolutionDraft, data_fields},
    revealed::revealed,
    schema_form::{FieldPlace, SchemaForm, schema_form},
};
use crate::domain::{ask::Ask, field_problem::FieldProblem};

/// Renders the data fields by the schema; nothing without a schema. Ids on the page begin with `prefix`.
pub fn result(
    ask: &Ask,
    prefix: &str,
    sheet: RwSignal<ResolutionDraft>,
    problems: RwSignal<Vec<FieldProblem>>,
) -> Vec<AnyView> {
    let filled = Memo::new(move |_| sheet.with(|it| it.filled.clone())).into();
    let fill = Callback::new(move |(name, text)| sheet.update(|it| drop(it.filled.insert(name, text))));
    let fields = data_fields(ask);
    let base = response_base(&fields);
    let form = SchemaForm { filled, on_fill: fill, problems, faults: StoredValue::new(vec![]), is_proposal: false };
    schema_form(form, &fields, base.as_ref(), &FieldPlace::root(prefix.to_owned() + "-data", "/data".to_owned()))
}

/// Renders the answer to a question.
pub fn answer(
    ask: &Ask,
    prefix: &'static str,
    label: &str,
    sheet: RwSignal<ResolutionDraft>,
    problems: RwSignal<Vec<FieldProblem>>,
) -> Vec<AnyView> {
    if ask.response_schema.is_some() {
        return result(ask, prefix, sheet, problems);
    }
    let problem = Signal::derive(move || FieldProblems(problems.into()).at("/answer"));
    let id = prefix.to_owned() + "-answer";
    match &ask.options {
        Some(options) => {
            let mut all: Vec<AnyView> =
                options.iter().zip(1..).map(|(it, i)| option(it.as_str(), i, &id, sheet, problem)).collect();
            all.push(problem_view(id + "-error", problem).into_any());
            all
        }
        None => {
            let value = Signal::derive(move || sheet.with(|it| it.answer.clone()));
            let fill = Callback::new(move |text| sheet.update(|it| it.answer = text));
            let bound = BoundField { id, label, required: true, hint: None, fault: None, problem, value, fill };
            vec![bound.area("3", false)]
        }
    }
}

fn option(text: &str, i: i64, id: &str, sheet: RwSignal<ResolutionDraft>, problem: Signal<Option<String>>) -> AnyView {
    let (value, wanted) = (text.to_owned(), text.to_owned());
    view! {
        <label class="choice" dir="auto">
            <input
                type="radio"
                name=id.to_owned()
                aria-describedby=described_by(id, false, problem)
                prop:checked=move || sheet.with(|it| it.answer == wanted)
                on:change=move |_| sheet.update(|it| it.answer.clone_from(&value))
            />
            <kbd aria-hidden="true">{i}</kbd>
            {revealed(text)}
        </label>
    }
    .into_any()
}

/// Renders the note to the agent.
pub fn note_field(prefix: &str, sheet: RwSignal<ResolutionDraft>, problems: FieldProblems) -> AnyView {
    let note = BoundField {
        id: prefix.to_owned() + "-note",
        label: "Note to the agent",
        required: false,
        hint: None,
        fault: None,
        problem: Signal::derive(move || problems.at("/note_to_agent")),
        value: Signal::derive(move || sheet.with(|it| it.note.clone())),
        fill: Callback::new(move |text| sheet.update(|it| it.note = text)),
    };
    note.area("2", false)
}
