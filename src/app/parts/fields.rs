//! Form fields: a label, a control, a hint, and the problem, linked for assistive technology.

use leptos::{ev, prelude::*};

use super::{
    icons::{Icon, icon},
    revealed::{revealed, spelled},
};
use crate::{
    app::state::typing::composes,
    domain::{field_problem::FieldProblem, json::LARGEST_NUMBER},
};

/// Problems that can be looked up by pointer.
#[derive(Clone, Copy)]
pub struct FieldProblems(pub Signal<Vec<FieldProblem>>);

impl FieldProblems {
    /// Returns the problems at a pointer or below it.
    pub fn at(self, pointer: &str) -> Option<String> {
        self.0.with(|all| details(all, |it| is_within(it, pointer)))
    }
}

/// Returns whether a pointer is at a place or below it.
pub fn is_within(pointer: &str, place: &str) -> bool {
    pointer.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Joins the sentences of the problems with matching pointers; `None` if there are no such problems.
pub fn details(all: &[FieldProblem], is_chosen: impl Fn(&str) -> bool) -> Option<String> {
    let chosen: Vec<&str> = all.iter().filter(|it| is_chosen(&it.pointer)).map(|it| it.detail.as_str()).collect();
    (!chosen.is_empty()).then(|| chosen.join(" "))
}

/// A field with its label, value and problem.
pub struct BoundField<'a> {
    pub id: String,
    pub label: &'a str,
    pub required: bool,
    pub hint: Option<&'a str>,
    /// The ways in which the proposed value breaks its schema.
    pub fault: Option<String>,
    pub problem: Signal<Option<String>>,
    pub value: Signal<String>,
    pub fill: Callback<String>,
}

impl BoundField<'_> {
    /// Renders the field as a single line, an `input` of this type.
    pub fn line(self, kind: &'static str) -> AnyView {
        let Self { value, fill, problem, .. } = self;
        // A browser's number input drops characters that it does not accept, so that 125,50 becomes a hundred times as
        // much, and it reports less than the visible text for a half-typed number. Numbers are therefore text, checked
        // when they are read.
        let is_number = kind == "number";
        let stepped = move |event: ev::KeyboardEvent| {
            let step = match event.key().as_str() {
                "ArrowUp" if is_number => 1,
                "ArrowDown" if is_number => -1,
                _ => return,
            };
            let next = value.with_untracked(|value| stepped_number(value, step));
            if let Some(next) = next.filter(|_| !composes(&event)) {
                event.prevent_default();
                fill.run(next);
            }
        };
        let control = view! {
            <input
                class="input"
                id=self.id.clone()
                type=if is_number { "text" } else { kind }
                role=is_number.then_some("spinbutton")
                inputmode=is_number.then_some("decimal")
                dir=(kind == "text").then_some("auto")
                aria-required=self.required.then_some("true")
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                aria-describedby=described_by(&self.id, self.has_hint(), problem)
                prop:value=move || value.get()
                on:keydown=stepped
                on:input=move |event| fill.run(event_target_value(&event))
            />
        };
        self.around(control.into_any())
    }

    /// Renders the field as a text area, for code or for prose.
    pub fn area(self, rows: &'static str, is_code: bool) -> AnyView {
        let Self { value, fill, problem, .. } = self;
        let control = view! {
            <textarea
                class=if is_code { "input input-code" } else { "input" }
                id=self.id.clone()
                rows=rows
                dir=if is_code { "ltr" } else { "auto" }
                spellcheck=if is_code { "false" } else { "true" }
                placeholder=is_code.then_some("JSON")
                aria-required=self.required.then_some("true")
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                aria-describedby=described_by(&self.id, self.has_hint(), problem)
                prop:value=move || value.get()
                on:input=move |event| fill.run(event_target_value(&event))
            ></textarea>
        };
        self.around(control.into_any())
    }

    fn has_hint(&self) -> bool {
        self.hint.is_some() || self.fault.is_some()
    }

    /// Renders the field as a select with these values and labels.
    pub fn choice(self, options: Vec<(String, String)>) -> AnyView {
        let Self { value, fill, problem, .. } = self;
        let options = options.into_iter().map(|(at, words)| {
            let chosen = {
                let at = at.clone();
                move || value.with(|value| *value == at)
            };
            view! { <option value=at selected=chosen>{spelled(&words)}</option> }
        });
        let control = view! {
            <select
                class="input"
                id=self.id.clone()
                aria-required=self.required.then_some("true")
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                aria-describedby=described_by(&self.id, self.has_hint(), problem)
                on:change=move |event| fill.run(event_target_value(&event))
            >
                {options.collect::<Vec<_>>()}
            </select>
        };
        self.around(control.into_any())
    }

    /// Renders the field as a checkbox.
    pub fn flag(self) -> AnyView {
        let Self { value, fill, problem, .. } = self;
        let ticked =
            move |event: ev::Event| fill.run(if event_target_checked(&event) { "true" } else { "false" }.to_owned());
        let control = view! {
            <label class="choice">
                <input
                    type="checkbox"
                    aria-invalid=move || problem.with(Option::is_some).then_some("true")
                    aria-describedby=described_by(&self.id, self.has_hint(), problem)
                    prop:checked=move || value.with(|value| value == "true")
                    on:change=ticked
                />
                {revealed(self.label)}
            </label>
        };
        Self { label: "", ..self }.around(control.into_any())
    }

    /// Renders label, hint and problem around the control. The label is hidden if the control has its own.
    fn around(self, control: AnyView) -> AnyView {
        let required =
            self.required.then(|| view! { <span class="field-required" aria-hidden="true">" required"</span> });
        let hint_id = self.id.clone() + "-hint";
        let has_hint = self.has_hint();
        let fault = self
            .fault
            .map(|fault| view! { <span class="field-fault">{icon(Icon::Alert)} " " {spelled(&fault)}</span> });
        let hint =
            has_hint.then(|| view! { <p class="field-hint" id=hint_id>{self.hint.map(revealed)} " " {fault}</p> });
        view! {
            <div class="field">
                <label class="field-label" for=self.id.clone() hidden=self.label.is_empty()>
                    {revealed(self.label)}
                    {required}
                </label>
                {control}
                {hint}
                {problem_view(self.id + "-error", self.problem)}
            </div>
        }
        .into_any()
    }
}

/// Returns the number plus `step`, exactly: the digits after the point stay. `None` if that is not simple.
fn stepped_number(written: &str, step: i64) -> Option<String> {
    let (whole, fraction) = match written.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction).filter(|it| it.bytes().all(|it| it.is_ascii_digit()))?),
        None => (if written.is_empty() { "0" } else { written }, ""),
    };
    let next = whole.parse::<i64>().ok()?.checked_add(step).filter(|it| it.unsigned_abs() <= LARGEST_NUMBER)?;
    let is_positive = !whole.starts_with('-') && next >= 0;
    match fraction.is_empty() {
        true => Some(next.to_string()),
        false => is_positive.then(|| next.to_string() + "." + fraction),
    }
}

/// Renders the problem, if there is one.
pub fn problem_view(id: String, problem: Signal<Option<String>>) -> impl IntoView {
    view! {
        <p class="field-error" id=id hidden=move || problem.with(Option::is_none)>
            {icon(Icon::Alert)}
            " "
            {move || problem.with(|problem| spelled(problem.as_deref().unwrap_or_default()))}
        </p>
    }
}

/// Renders the problems that no field shows: those of the whole, and those at `also`, which has no field here.
pub fn unplaced(problems: FieldProblems, also: &'static str) -> AnyView {
    let whole = ["", "/data", "/actions", also];
    let found = move || {
        problems.0.with(|all| {
            let found = all.iter().filter(|it| whole.contains(&it.pointer.as_str())).map(|it| it.detail.as_str());
            found.collect::<Vec<_>>().join(" ")
        })
    };
    let words = move || {
        let words = found();
        (!words.is_empty()).then(|| view! { <p class="form-error" role="alert">{spelled(&words)}</p> })
    };
    words.into_any()
}

/// Returns the `aria-describedby` of a control: the ids of its hint and its problem, if they exist.
pub fn described_by(id: &str, hint: bool, problem: Signal<Option<String>>) -> impl Fn() -> Option<String> + use<> {
    let id = id.to_owned();
    move || match (hint, problem.with(Option::is_some)) {
        (false, false) => None,
        (true, false) => Some(id.clone() + "-hint"),
        (false, true) => Some(id.clone() + "-error"),
        (true, true) => Some(id.clone() + "-hint " + &id + "-error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_step_exactly_or_not_at_all() {
        for (written, step, next) in [
            ("", 1, Some("1")),
            ("239.50", 1, Some("240.50")),
            ("0.50", -1, None),
            ("-1.5", 1, None),
            ("-1", 1, Some("0")),
            ("9007199254740992", 1, None),
            ("12 EUR", 1, None),
            ("1e3", 1, None),
        ] {
            assert_eq!(stepped_number(written, step).as_deref(), next, "{written}");
        }
    }
}
