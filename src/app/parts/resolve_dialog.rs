//! The resolve dialog. It commits at once, because an agent is waiting: the dialog is the safeguard. What stands in it
//! stays when it is closed or refused.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::{
    decision_card::decision_card,
    fields::{Problems, SchemaFields, described_by, field, problem_view},
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
    let choices = Memo::new(move |_| {
        offered.with(|(offered, taken_over)| ask.with_value(|ask| choices(ask, offered, *taken_over)))
    });
    let chosen = Memo::new(move |_| sheet.with(|it| choices.with(|all| it.chosen.or(all.first().copied()).flatten())));
    let decided =
        Memo::new(move |_| sheet.with(|it| choices.with(|all| it.chosen.or(all.first().copied()) == Some(None))));
    let disposition = Memo::new(move |_| sheet.with(|it| choices.with(|all| it.disposition(all))));
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
        let made =
            ask.with_value(|ask| choices.with_untracked(|all| sheet.with_untracked(|it| it.resolution(ask, all))));
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
    let made = move || match ask.with_value(|ask| choices.with(|all| sheet.with(|it| it.resolution(ask, all)))) {
        Ok(resolution) => preview(&resolution),
        Err(wrong) => wrong.into_iter().map(|it| it.detail).collect::<Vec<_>>().join("\n"),
    };
    let body = ask.with_value(|ask| answers(ask, sheet, disposition, decided, found));

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
                    {disposition_field(choices, chosen, sheet, found)}
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
                    {move || unplaced(&refused.get(), &problems.get()).map(|words| view! {
                        <p class="form-error" role="alert">{revealed(&words)}</p>
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
fn answers(
    ask: &Ask,
    sheet: RwSignal<Sheet>,
    disposition: Memo<Disposition>,
    decided: Memo<bool>,
    found: Problems,
) -> AnyView {
    let cards = ask.actions.iter().enumerate().map(|(i, action)| decision_card(i, action, sheet, found));
    let cards = cards.collect::<Vec<_>>();
    let asked = ask.prompt.as_ref().map(|prompt| view! { <p dir="auto">{revealed(prompt.as_str())}</p> });
    let carries = Memo::new(move |_| disposition.get().carries_data());
    let problem = Signal::derive(move || found.at("/answer"));
    let answer = match (&ask.response_schema, &ask.options) {
        (Some(schema), _) => {
            let filled = Signal::derive(move || sheet.with(|it| it.filled.clone()));
            let fill = Callback::new(move |(name, text)| sheet.update(|it| drop(it.filled.insert(name, text))));
            view! { <SchemaFields fields=fields(schema) filled=filled problems=found on_fill=fill/> }.into_any()
        }
        (None, Some(options)) => {
            let options = options.iter().map(|option| {
                let (value, wanted) = (option.to_string(), option.to_string());
                view! {
                    <label class="choice" dir="auto">
                        <input
                            type="radio"
                            name="answer"
                            prop:checked=move || sheet.with(|it| it.answer == wanted)
                            on:change=move |_| sheet.update(|it| it.answer.clone_from(&value))
                        />
                        {revealed(option.as_str())}
                    </label>
                }
            });
            view! {
                <fieldset class="fields">
                    <legend>"Answer"</legend>
                    {options.collect::<Vec<_>>()}
                    {problem_view("answer-error".to_owned(), problem)}
                </fieldset>
            }
            .into_any()
        }
        (None, None) => {
            let control = view! {
                <textarea
                    class="input"
                    id="answer"
                    rows="3"
                    dir="auto"
                    aria-invalid=move || problem.with(Option::is_some).then_some("true")
                    aria-describedby=described_by("answer", false, problem)
                    prop:value=move || sheet.with(|it| it.answer.clone())
                    on:input=move |event| sheet.update(|it| it.answer = event_target_value(&event))
                ></textarea>
            };
            field("answer", "Answer", true, None, problem, control.into_any())
        }
    };
    let structured = ask.response_schema.is_some() || ask.options.is_some();
    let wanted = move || if structured { carries.get() } else { disposition.get() == Disposition::Answered };
    view! {
        {asked}
        <div class="fields" hidden=move || !decided.get()>{cards}</div>
        <div class="fields" hidden=move || !wanted()>{answer}</div>
    }
    .into_any()
}

fn disposition_field(
    choices: Memo<Vec<Choice>>,
    chosen: Memo<Choice>,
    sheet: RwSignal<Sheet>,
    found: Problems,
) -> AnyView {
    let problem = Signal::derive(move || found.at("/disposition"));
    let hint = move || chosen.get().map_or("Its actions are decided below", Disposition::hint);
    let options = move || {
        let options = choices.get().into_iter().enumerate().map(|(i, choice)| {
            let words = choice.map_or("As decided below", Disposition::label);
            view! { <option value=i.to_string() selected=move || chosen.get() == choice>{words}</option> }
        });
        options.collect::<Vec<_>>()
    };
    let choose = move |event: ev::Event| {
        let at: Option<usize> = event_target_value(&event).parse().ok();
        let choice = at.and_then(|at| choices.with_untracked(|all| all.get(at).copied()));
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
            <p class="field-hint" id="disposition-hint">{move || format!("{}.", hint())}</p>
            {problem_view("disposition-error".to_owned(), problem)}
        </div>
    }
    .into_any()
}

fn note_field(sheet: RwSignal<Sheet>, found: Problems) -> AnyView {
    let problem = Signal::derive(move || found.at("/note_to_agent"));
    let control = view! {
        <textarea
            class="input"
            id="note-to-agent"
            rows="2"
            dir="auto"
            aria-describedby=described_by("note-to-agent", false, problem)
            prop:value=move || sheet.with(|it| it.note.clone())
            on:input=move |event| sheet.update(|it| it.note = event_target_value(&event))
        ></textarea>
    };
    field("note-to-agent", "Note to the agent", false, None, problem, control.into_any())
}

fn next_field(sheet: RwSignal<Sheet>) -> AnyView {
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
            <div class="choices">{all.into_iter().collect::<Vec<_>>()}</div>
        </fieldset>
    }
    .into_any()
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
