//! The resolve dialog. The resolution is committed at once, because an agent is waiting; the dialog is the safeguard.
//! The form keeps its contents when the dialog is closed or the resolution is refused.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::{
    answer::{answer, note_field},
    dialog::{close_button, follow, note_closed, submit_by_mod_enter},
    drawn::words,
    fields::{FieldProblems, described_by, problem_view, unplaced},
    icons::chevron,
    resolution::{ResolutionDraft, preview},
    revealed::spelled,
};
use crate::domain::{
    ask::Ask,
    disposition::Disposition,
    field_problem::FieldProblem,
    outcome::{DecisionRequest, NextStep, Resolution},
};

/// Renders the dialog, which is closed until `open` is true.
#[component]
pub fn ResolveDialog(
    ask: RwSignal<Ask>,
    /// The draft of the resolution, shared with the composer and the cards.
    sheet: RwSignal<ResolutionDraft>,
    /// The dispositions that may be chosen in the current state of the escalation.
    #[prop(into)]
    offered: Signal<Vec<Disposition>>,
    open: RwSignal<bool>,
    #[prop(into)] busy: Signal<bool>,
    /// True if the connection allows an action.
    #[prop(into)]
    may_act: Signal<bool>,
    /// The problems found by the dialog or the server.
    problems: RwSignal<Vec<FieldProblem>>,
    /// The error that belongs to no field.
    refused: RwSignal<Option<String>>,
    /// Renders the retry and copy buttons for a resolution that the server could not check in time, if there is one.
    #[prop(into)]
    unchecked: ViewFn,
    on_resolve: Callback<Resolution<DecisionRequest>>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let read = move || offered.with(|offered| ask.with(|ask| sheet.with(|it| it.resolution(ask, offered))));
    let found = FieldProblems(problems.into());

    follow(dialog, open);
    // Problems of the previous attempt are cleared when the dialog opens, because the form may have changed since.
    Effect::new(move |_| {
        if open.get() {
            problems.set(vec![]);
            refused.set(None);
        }
    });
    let submitted = move |event: ev::SubmitEvent| {
        event.prevent_default();
        refused.set(None);
        match untrack(read) {
            Ok(resolution) => {
                problems.set(vec![]);
                on_resolve.run(resolution);
            }
            Err(wrong) => {
                problems.set(wrong);
                show_first_problem(dialog);
            }
        }
    };
    let made = move || match read() {
        Ok(resolution) => preview(&resolution),
        Err(wrong) => wrong.into_iter().map(|it| it.detail).collect::<Vec<_>>().join("\n"),
    };
    let body = move || ask.with(|ask| answers(ask, sheet, offered, problems));

    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby="resolve-title" on:close=move |_| note_closed(dialog, open)>
            <form
                class="dialog-form"
                novalidate=true
                on:submit=submitted
                on:keydown=submit_by_mod_enter
            >
                <div class="dialog-head">
                    <h2 class="dialog-title" id="resolve-title">"Resolve"</h2>
                    {close_button(open)}
                </div>
                <div class="dialog-body">
                    {disposition_field(offered, sheet, problems)}
                    {body}
                    {note_field("resolve", sheet, found)}
                    {next_field(sheet)}
                    <label class="choice">
                        <input
                            type="checkbox"
                            prop:checked=move || sheet.with(|it| it.avoidable)
                            on:change=move |event| sheet.update(|it| it.avoidable = event_target_checked(&event))
                        />
                        "The agent could have done this itself"
                    </label>
                    <details class="preview">
                        <summary>{chevron()} "What the agent will receive"</summary>
                        <pre class="code" tabindex="0"><code>{move || spelled(&made())}</code></pre>
                    </details>
                </div>
                <div class="dialog-foot">
                    {move || refused.get().map(|words| view! {
                        <p class="form-error" role="alert">{spelled(&words)}</p>
                    })}
                    {move || unchecked.run()}
                    {unplaced(found, "")}
                    <button class="button" type="button" on:click=move |_| open.set(false)>"Cancel"</button>
                    <button
                        class="button"
                        data-kind="primary"
                        type="submit"
                        disabled=move || busy.get() || !may_act.get()
                    >
                        "Resolve and hand back"
                    </button>
                </div>
            </form>
        </dialog>
    }
}

/// Renders the fields that the ask requires in addition to the disposition: an answer, a choice, or data.
fn answers(
    ask: &Ask,
    sheet: RwSignal<ResolutionDraft>,
    offered: Signal<Vec<Disposition>>,
    problems: RwSignal<Vec<FieldProblem>>,
) -> impl IntoView + use<> {
    let asked: Vec<AnyView> = ask.prompt.iter().map(|prompt| words("p", "", prompt.as_str())).collect();
    let structured = ask.response_schema.is_some();
    let legend = if structured { "Result" } else { "Answer" };
    let fields = answer(ask, "resolve", "Answer", sheet, problems);
    let unwanted = move || {
        let disposition = offered.with(|offered| sheet.with(|it| it.disposition(offered)));
        !if structured { disposition.carries_data() } else { disposition == Disposition::Answered }
    };
    view! {
        {asked}
        <fieldset class="fields" hidden=unwanted>
            <legend>{legend}</legend>
            {fields}
        </fieldset>
    }
}

fn disposition_field(
    offered: Signal<Vec<Disposition>>,
    sheet: RwSignal<ResolutionDraft>,
    problems: RwSignal<Vec<FieldProblem>>,
) -> impl IntoView {
    let problem = Signal::derive(move || FieldProblems(problems.into()).at("/disposition"));
    let chosen = move || offered.with(|offered| sheet.with(|it| it.disposition(offered)));
    let options = move || {
        let option = |(i, it): (usize, Disposition)| {
            view! { <option value=i.to_string() selected=move || chosen() == it>{it.label()}</option> }
        };
        offered.get().into_iter().enumerate().map(option).collect::<Vec<_>>()
    };
    let choose = move |event: ev::Event| {
        let at: Option<usize> = event_target_value(&event).parse().ok();
        let choice = at.and_then(|at| offered.with_untracked(|offered| offered.get(at).copied()));
        problems.set(vec![]);
        sheet.update(|it| it.chosen = choice);
    };
    view! {
        <div class="field">
            <label class="field-label" for="disposition">"Disposition"</label>
            <select
                class="input"
                id="disposition"
                aria-describedby=described_by("disposition", true, problem)
                on:change=choose
            >
                {options}
            </select>
            <p class="field-hint" id="disposition-hint">{move || chosen().hint()} "."</p>
            {problem_view("disposition-error".to_owned(), problem)}
        </div>
    }
}

fn next_field(sheet: RwSignal<ResolutionDraft>) -> impl IntoView {
    let all =
        [(NextStep::Continue, "Continue"), (NextStep::Close, "Close"), (NextStep::AwaitCustomer, "Await customer")];
    let all = all.map(|(next, words)| {
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name="next"
                    prop:checked=move || sheet.with(|it| it.next == next)
                    on:change=move |_| sheet.update(|it| it.next = next)
                />
                {words}
            </label>
        }
    });
    view! {
        <fieldset class="fields">
            <legend>"Next"</legend>
            <div class="choices">{Vec::from(all)}</div>
        </fieldset>
    }
}

/// Moves the focus to the first invalid field, in the next frame, after the field is marked.
fn show_first_problem(dialog: NodeRef<html::Dialog>) {
    request_animation_frame(move || {
        let dialog = dialog.try_get_untracked().flatten();
        let wrong = dialog.and_then(|dialog| dialog.query_selector("[aria-invalid]").ok().flatten());
        if let Some(field) = wrong.and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok()) {
            // A failure to focus has no consequence here.
            let _ = field.focus();
        }
    });
}
