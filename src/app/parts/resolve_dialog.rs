//! The resolve dialog. It commits at once, because an agent is waiting: the dialog is the safeguard. What stands in it
//! stays when it is closed or refused.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::{
    decision_card::decision_card,
    drawn::words,
    fields::{Bound, Problems, described_by, problem_view, schema_fields},
    icons::{Icon, chevron, icon},
    resolution::{Choice, Sheet, choices, preview},
    revealed::{revealed, spelled},
    schema::fields,
};
use crate::domain::{
    ask::{Ask, FieldProblem},
    outcome::{Disposition, Next, Resolution},
};

/// Draws the dialog, closed until `open` says otherwise.
#[component]
pub fn ResolveDialog(
    ask: Ask,
    /// What may be chosen, as the escalation stands, and whether it was taken over.
    #[prop(into)]
    offered: Signal<(Vec<Disposition>, bool)>,
    open: RwSignal<bool>,
    #[prop(into)] busy: Signal<bool>,
    /// The connection allows it.
    #[prop(into)]
    may_act: Signal<bool>,
    /// What the server found wrong.
    problems: RwSignal<Vec<FieldProblem>>,
    /// What no field is to blame for.
    refused: RwSignal<Option<String>>,
    on_resolve: Callback<Resolution>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let sheet = RwSignal::new(Sheet::of(&ask));
    let ask = StoredValue::new(ask);
    let choices =
        move || offered.with(|(offered, taken_over)| ask.with_value(|ask| choices(ask, offered, *taken_over)));
    let found = Problems(problems.into());

    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        match (open.get(), dialog.open()) {
            // Fails only for a dialog that is open already.
            (true, false) => drop(dialog.show_modal()),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    let submitted = move |event: ev::SubmitEvent| {
        event.prevent_default();
        refused.set(None);
        let made = untrack(|| ask.with_value(|ask| sheet.with(|it| it.resolution(ask, &choices()))));
        match made {
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
    let made = move || match ask.with_value(|ask| sheet.with(|it| it.resolution(ask, &choices()))) {
        Ok(resolution) => preview(&resolution),
        Err(wrong) => wrong.into_iter().map(|it| it.detail).collect::<Vec<_>>().join("\n"),
    };
    let body = ask.with_value(|ask| answers(ask, sheet, choices, found));

    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby="resolve-title" on:close=move |_| open.set(false)>
            <form class="dialog-form" novalidate=true on:submit=submitted>
                <div class="dialog-head">
                    <h2 class="dialog-title" id="resolve-title">"Resolve"</h2>
                    <button
                        class="button"
                        data-kind="quiet"
                        data-size="small"
                        type="button"
                        on:click=move |_| open.set(false)
                    >
                        {icon(Icon::Close)}
                        <span class="visually-hidden">"Close"</span>
                    </button>
                </div>
                <div class="dialog-body">
                    {disposition_field(choices, sheet, found)}
                    {body}
                    {note_field(sheet, found)}
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
                    {move || refused.with(|refused| problems.with(|all| unplaced(refused, all))).map(|words| view! {
                        <p class="form-error" role="alert">{spelled(&words)}</p>
                    })}
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

/// What the ask wants: an answer, a choice, data, decisions.
fn answers<C: Fn() -> Vec<Choice> + Copy + Send + Sync + 'static>(
    ask: &Ask,
    sheet: RwSignal<Sheet>,
    choices: C,
    found: Problems,
) -> impl IntoView + use<C> {
    let cards: Vec<AnyView> =
        ask.actions.iter().enumerate().map(|(i, action)| decision_card(i, action, sheet, found)).collect();
    let asked: Vec<AnyView> = ask.prompt.iter().map(|prompt| words("p", "", prompt.as_str())).collect();
    let problem = Signal::derive(move || found.at("/answer"));
    let structured = ask.response_schema.is_some() || ask.options.is_some();
    let (legend, answer) = match (&ask.response_schema, &ask.options) {
        (Some(schema), _) => {
            let filled = Signal::derive(move || sheet.with(|it| it.filled.clone()));
            let fill = Callback::new(move |(name, text)| sheet.update(|it| drop(it.filled.insert(name, text))));
            ("Result", schema_fields(&fields(schema), filled, found, fill))
        }
        (None, Some(options)) => {
            let option = |text: &str| {
                let (value, wanted) = (text.to_owned(), text.to_owned());
                view! {
                    <label class="choice" dir="auto">
                        <input
                            type="radio"
                            name="answer"
                            aria-describedby=described_by("answer", false, problem)
                            prop:checked=move || sheet.with(|it| it.answer == wanted)
                            on:change=move |_| sheet.update(|it| it.answer.clone_from(&value))
                        />
                        {revealed(text)}
                    </label>
                }
                .into_any()
            };
            let mut all: Vec<AnyView> = options.iter().map(|it| option(it.as_str())).collect();
            all.push(problem_view("answer-error".to_owned(), problem).into_any());
            ("Answer", all)
        }
        (None, None) => {
            let value = Signal::derive(move || sheet.with(|it| it.answer.clone()));
            let fill = Callback::new(move |text| sheet.update(|it| it.answer = text));
            let answer =
                Bound { id: "answer".to_owned(), label: "Answer", required: true, hint: None, problem, value, fill };
            ("", vec![answer.area("3", false)])
        }
    };
    let unwanted = move || {
        let disposition = sheet.with(|it| it.disposition(&choices()));
        !if structured { disposition.carries_data() } else { disposition == Disposition::Answered }
    };
    view! {
        {asked}
        <div class="fields" hidden=move || sheet.with(|it| it.choice(&choices())) != Some(None)>{cards}</div>
        <fieldset class="fields" hidden=unwanted>
            <legend hidden=legend.is_empty()>{legend}</legend>
            {answer}
        </fieldset>
    }
}

fn disposition_field(
    choices: impl Fn() -> Vec<Choice> + Copy + Send + Sync + 'static,
    sheet: RwSignal<Sheet>,
    found: Problems,
) -> impl IntoView {
    let problem = Signal::derive(move || found.at("/disposition"));
    let chosen = move || sheet.with(|it| it.choice(&choices())).flatten();
    let options = move || {
        let options = choices().into_iter().enumerate().map(|(i, choice)| {
            let words = choice.map_or("As decided below", Disposition::label);
            view! { <option value=i.to_string() selected=move || chosen() == choice>{words}</option> }
        });
        options.collect::<Vec<_>>()
    };
    let choose = move |event: ev::Event| {
        let at: Option<usize> = event_target_value(&event).parse().ok();
        let choice = at.and_then(|at| untrack(choices).get(at).copied());
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
            <p class="field-hint" id="disposition-hint">
                {move || chosen().map_or("Its actions are decided below", Disposition::hint)}
                "."
            </p>
            {problem_view("disposition-error".to_owned(), problem)}
        </div>
    }
}

fn note_field(sheet: RwSignal<Sheet>, found: Problems) -> AnyView {
    let note = Bound {
        id: "note-to-agent".to_owned(),
        label: "Note to the agent",
        required: false,
        hint: None,
        problem: Signal::derive(move || found.at("/note_to_agent")),
        value: Signal::derive(move || sheet.with(|it| it.note.clone())),
        fill: Callback::new(move |text| sheet.update(|it| it.note = text)),
    };
    note.area("2", false)
}

fn next_field(sheet: RwSignal<Sheet>) -> impl IntoView {
    let all = [(Next::Continue, "Continue"), (Next::Close, "Close"), (Next::AwaitCustomer, "Await customer")];
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

/// What no field of the form shows: a refusal, and problems of the data as a whole.
fn unplaced(refused: &Option<String>, problems: &[FieldProblem]) -> Option<String> {
    let whole = problems.iter().filter(|it| it.pointer == "/data" || it.pointer.is_empty() || it.pointer == "/actions");
    let all: Vec<&str> = refused.iter().map(String::as_str).chain(whole.map(|it| it.detail.as_str())).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// Moves the focus to the first field that needs it, once it is marked.
fn show_first_problem(dialog: NodeRef<html::Dialog>) {
    request_animation_frame(move || {
        let dialog = dialog.try_get_untracked().flatten();
        let wrong = dialog.and_then(|dialog| dialog.query_selector("[aria-invalid]").ok().flatten());
        if let Some(field) = wrong.and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok()) {
            // It refuses nothing that matters here.
            let _ = field.focus();
        }
    });
}
