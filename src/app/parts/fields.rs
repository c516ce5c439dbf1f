//! Form fields: a label, a control, a hint, and what is wrong with it where assistive technology finds it.

use leptos::{ev, prelude::*};

use super::{
    icons::{Icon, icon},
    pairs::in_line,
    revealed::{revealed, spelled},
    schema::{Field, Filled, Kind},
};
use crate::domain::ask::FieldProblem;

/// Problems, and which of them belong to a pointer.
#[derive(Clone, Copy)]
pub struct Problems(pub Signal<Vec<FieldProblem>>);

impl Problems {
    /// What is wrong at a pointer or below it.
    pub fn at(self, pointer: &str) -> Option<String> {
        self.0.with(|all| {
            let below = format!("{pointer}/");
            let here = all.iter().filter(|it| it.pointer == pointer || it.pointer.starts_with(&below));
            let found: Vec<&str> = here.map(|it| it.detail.as_str()).collect();
            (!found.is_empty()).then(|| found.join(" "))
        })
    }
}

/// Draws a field around its control, whose `aria-describedby` is from [`described_by`].
pub fn field(
    id: &str,
    label: &str,
    required: bool,
    hint: Option<&str>,
    problem: Signal<Option<String>>,
    control: AnyView,
) -> AnyView {
    let (hint_id, problem_id) = (format!("{id}-hint"), format!("{id}-error"));
    view! {
        <div class="field">
            <label class="field-label" for=id.to_owned()>
                {revealed(label)}
                {required.then(|| view! { " " <span class="field-required" aria-hidden="true">"required"</span> })}
            </label>
            {control}
            {hint.map(|hint| view! { <p class="field-hint" id=hint_id>{revealed(hint)}</p> })}
            {problem_view(problem_id, problem)}
        </div>
    }
    .into_any()
}

/// Draws what is wrong, when something is.
pub fn problem_view(id: String, problem: Signal<Option<String>>) -> impl IntoView {
    move || {
        problem.get().map(|problem| {
            view! { <p class="field-error" id=id.clone()>{icon(Icon::Alert)} {revealed(&problem)}</p> }
        })
    }
}

/// The `aria-describedby` of a control: its hint and its problem, as far as they are there.
pub fn described_by(
    id: &str,
    hint: bool,
    problem: Signal<Option<String>>,
) -> impl Fn() -> Option<String> + Clone + use<> {
    let id = id.to_owned();
    move || {
        let hint = hint.then(|| format!("{id}-hint"));
        let problem = problem.with(Option::is_some).then(|| format!("{id}-error"));
        let all: Vec<String> = hint.into_iter().chain(problem).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

/// Draws the form of a schema.
#[component]
pub fn SchemaFields(
    fields: Vec<Field>,
    filled: Signal<Filled>,
    problems: Problems,
    on_fill: Callback<(String, String)>,
) -> impl IntoView {
    let drawn =
        fields.into_iter().enumerate().map(move |(i, it)| one(format!("data-{i}"), it, filled, problems, on_fill));
    view! { <fieldset class="fields"><legend>"Result"</legend>{drawn.collect::<Vec<_>>()}</fieldset> }
}

fn one(
    id: String,
    it: Field,
    filled: Signal<Filled>,
    problems: Problems,
    on_fill: Callback<(String, String)>,
) -> AnyView {
    let pointer = it.pointer();
    // The whole answer owns all that is wrong with the data.
    let problem = Signal::derive(move || problems.at(&pointer));
    let name = it.name.clone();
    let written = Signal::derive(move || filled.with(|filled| filled.get(&name).cloned().unwrap_or_default()));
    let name = it.name.clone();
    let fill = move |text: String| on_fill.run((name.clone(), text));
    let described = described_by(&id, it.hint.is_some(), problem);
    let invalid = move || problem.with(Option::is_some).then_some("true");
    let hint = it.hint.as_deref();
    let typed = {
        let fill = fill.clone();
        move |event: ev::Event| fill(event_target_value(&event))
    };
    let input = |kind: &'static str, step: Option<&'static str>| {
        view! {
            <input
                class="input"
                id=id.clone()
                type=kind
                step=step
                dir=(kind == "text").then_some("auto")
                aria-required=it.required.then_some("true")
                aria-invalid=invalid
                aria-describedby=described.clone()
                prop:value=move || written.get()
                on:input=typed.clone()
            />
        }
        .into_any()
    };
    let control = match &it.kind {
        Kind::Text => input("text", None),
        Kind::Date => input("date", None),
        Kind::Number => input("number", Some("any")),
        Kind::Integer => input("number", Some("1")),
        Kind::Flag => {
            let ticked = move |event: ev::Event| fill(event_target_checked(&event).to_string());
            return view! {
                <div class="field">
                    <label class="choice">
                        <input
                            type="checkbox"
                            aria-invalid=invalid
                            aria-describedby=described
                            prop:checked=move || written.get() == "true"
                            on:change=ticked
                        />
                        {revealed(&it.label)}
                    </label>
                    {hint.map(|hint| view! { <p class="field-hint" id=format!("{id}-hint")>{revealed(hint)}</p> })}
                    {problem_view(format!("{id}-error"), problem)}
                </div>
            }
            .into_any();
        }
        Kind::Choice(options) => {
            let options = options.iter().enumerate().map(|(i, option)| {
                let at = i.to_string();
                let chosen = {
                    let at = at.clone();
                    move || written.get() == at
                };
                view! { <option value=at selected=chosen>{spelled(&in_line(option))}</option> }
            });
            view! {
                <select
                    class="input"
                    id=id.clone()
                    aria-required=it.required.then_some("true")
                    aria-invalid=invalid
                    aria-describedby=described.clone()
                    on:change=typed.clone()
                >
                    <option value="" selected=move || written.with(String::is_empty)>"Choose…"</option>
                    {options.collect::<Vec<_>>()}
                </select>
            }
            .into_any()
        }
        Kind::Json => view! {
            <textarea
                class="input"
                id=id.clone()
                rows="3"
                spellcheck="false"
                placeholder="JSON"
                aria-required=it.required.then_some("true")
                aria-invalid=invalid
                aria-describedby=described.clone()
                prop:value=move || written.get()
                on:input=typed.clone()
            ></textarea>
        }
        .into_any(),
    };
    field(&id, &it.label, it.required, hint, problem, control)
}
