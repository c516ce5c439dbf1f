//! Decision cards, one for each proposed action, with its arguments as they may be edited. Deciding the last action
//! finishes the decision; earlier decisions are the operator's draft until then.

use std::collections::HashMap;

use leptos::{ev, prelude::*};

use super::{
    answer::{note_field, result},
    changes::{AgentChanges, changed},
    drawn::words,
    fields::{BoundField, FieldProblems, described_by, details, is_within, problem_view, unplaced},
    filled::edits,
    icons::{Icon, icon},
    pairs::arguments,
    resolution::{self, CardDraft, ResolutionDraft, argument_fields, arguments_pointer},
    revealed::{revealed, spelled},
    schema::SchemaField,
    schema_form::{FieldPlace, SchemaForm, schema_form},
};
use crate::{
    app::{focus::focus, keys::go, state::typing::composes},
    domain::{
        ask::{Action, Ask, Verdict},
        field_problem::FieldProblem,
        json::{Json, unescaped_name},
        outcome::{DecisionRequest, Resolution},
    },
};

/// The maximum number of faults named in the sentence about a proposal; each fault is also marked at its field.
const MOST_FAULTS_TOLD: usize = 3;

/// The state and callbacks that the cards share.
#[derive(Clone, Copy)]
pub struct DecisionCards {
    pub ask: RwSignal<Ask>,
    /// The updates of the agent, each with the revision of the ask that it made.
    pub changes: Signal<AgentChanges>,
    /// The actions whose text is being written, by their ids.
    pub writing: RwSignal<HashMap<String, Verdict>>,
    /// The name of the agent that asks.
    pub agent: StoredValue<String>,
    pub sheet: RwSignal<ResolutionDraft>,
    pub problems: RwSignal<Vec<FieldProblem>>,
    /// True if the operator may decide.
    pub may_decide: Signal<bool>,
    /// True if the connection allows it now.
    pub may_act: Signal<bool>,
    pub on_decided: Callback<Resolution<DecisionRequest>>,
    /// True if the server refused the decision.
    pub refused: Signal<bool>,
    /// True if *Take over instead* is offered; false if the claim already speaks to the customer.
    pub may_take_over: Signal<bool>,
    pub on_take_over: Callback<()>,
}

/// Renders the cards of a decision; nothing for other asks.
pub fn decision_cards(it: DecisionCards) -> AnyView {
    let actions = it.ask.with(|ask| ask.actions.clone());
    if actions.is_empty() {
        return ().into_any();
    }
    let problems = FieldProblems(it.problems.into());
    let alone = actions.len() == 1;
    let last = StoredValue::new(0);
    // After a refusal, the last decided card is open again.
    Effect::new(move |_| {
        let all = it.sheet.with_untracked(|sheet| sheet.cards.iter().all(|card| card.verdict.is_some()));
        if it.refused.get() && all {
            change(it.sheet, last.get_value(), |card| card.verdict = None);
        }
    });
    let shared = it.ask.with_untracked(|ask| {
        let mut shared = result(ask, "decide", it.sheet, it.problems);
        shared.push(note_field("decide", it.sheet, problems));
        shared
    });
    let (on_card, beside) = if alone { (shared, vec![]) } else { (vec![], shared) };
    let mut on_card = Some(on_card);
    let cards: Vec<AnyView> = actions
        .into_iter()
        .enumerate()
        .map(|(i, action)| card(i, action, it, last, on_card.take().unwrap_or_default()))
        .collect();
    let asked = it.ask.with_untracked(|ask| ask.prompt.as_ref().map(|prompt| words("p", "asked", prompt.as_str())));
    view! {
        <section class="cards" aria-label="Decision" hidden=move || !it.may_decide.get()>
            {asked}
            {cards}
            <div class="fields cards-shared" hidden=alone>{beside}</div>
            {unplaced(problems, "")}
        </section>
    }
    .into_any()
}

fn card(i: usize, action: Action, it: DecisionCards, last: StoredValue<usize>, shared: Vec<AnyView>) -> AnyView {
    let problems = FieldProblems(it.problems.into());
    let may = |verdict| action.allowed.contains(&verdict);
    let (may_approve, may_edit) = (may(Verdict::Approve), may(Verdict::Edit));
    let (may_reject, may_respond) = (may(Verdict::Reject), may(Verdict::Respond));
    let id = "card-".to_owned() + &i.to_string();
    let card_id = StoredValue::new(id.clone());
    let filled = Memo::new(move |_| it.sheet.with(|sheet| of(sheet, i, |card| card.filled.clone())));
    let fields = if may_edit { argument_fields(&action) } else { vec![] };
    let form = StoredValue::new((fields, action.arguments.json()));
    let shown: Vec<AnyView> = match may_edit {
        true => {
            let on_fill =
                Callback::new(move |(at, text)| change(it.sheet, i, |card| drop(card.filled.insert(at, text))));
            let faults = StoredValue::new(action.faults.clone());
            let shared =
                SchemaForm { filled: filled.into(), on_fill, problems: it.problems, faults, is_proposal: true };
            let place = FieldPlace::root(id.clone() + "-argument", arguments_pointer(i));
            form.with_value(|(fields, base)| schema_form(shared, fields, Some(base), &place))
        }
        false => vec![arguments(&action.arguments)],
    };
    let mismatch = mismatch(&action, &it.agent.get_value());
    let pointer = resolution::action_pointer(i);
    let (undecided, why) = (pointer.clone() + "/decision", pointer + "/comment");
    let undecided =
        Signal::derive(move || problems.at(&undecided).or_else(|| form.with_value(|form| unshown(problems, i, form))));
    let why = StoredValue::new(why);
    let comment = |id: String, label: &'static str| BoundField {
        id,
        label,
        required: true,
        hint: Some("The agent reads it."),
        fault: None,
        problem: Signal::derive(move || why.with_value(|why| problems.at(why))),
        value: Signal::derive(move || it.sheet.with(|sheet| of(sheet, i, |card| card.comment.clone()))),
        fill: Callback::new(move |text: String| {
            it.problems.update(|all| all.retain(|it| !it.pointer.ends_with("/comment")));
            change(it.sheet, i, |card| card.comment = text);
        }),
    };
    // The verdict whose text is being written: a rejection or an answer.
    let own_id = StoredValue::new(action.id.to_string());
    let writing = Memo::new(move |_| it.writing.with(|all| own_id.with_value(|id| all.get(id).copied())));
    let text_id =
        move |verdict: Verdict| card_id.get_value() + if verdict == Verdict::Respond { "-answer" } else { "-comment" };
    let reason = comment(text_id(Verdict::Reject), "Reason").area("2", false);
    let answer = comment(text_id(Verdict::Respond), "Answer").area("2", false);
    let error_id = id.clone() + "-error";
    let name = action.name.to_string();
    let verdict = move || it.sheet.with(|sheet| of(sheet, i, |card| card.verdict));
    let edited = Memo::new(move |_| {
        let made = form.with_value(|(fields, base)| filled.with(|filled| edits(fields, Some(base), filled)));
        may_edit && made.as_deref() != Ok(&[])
    });
    let decide = move |verdict: Verdict| {
        if !it.may_act.get_untracked() {
            return;
        }
        it.problems.set(vec![]);
        last.set_value(i);
        change(it.sheet, i, |card| card.verdict = Some(verdict));
        let (open, made) = it.sheet.with_untracked(|sheet| {
            let open = sheet.cards.iter().any(|card| card.verdict.is_none());
            (open, it.ask.with_untracked(|ask| sheet.decided(ask)))
        });
        match made {
            Ok(resolution) => it.on_decided.run(resolution),
            Err(found) => {
                let own = resolution::action_pointer(i) + "/";
                let found: Vec<FieldProblem> =
                    found.into_iter().filter(|problem| !open || problem.pointer.starts_with(&own)).collect();
                if found.is_empty() {
                    // The pressed button is hidden. The focus moves to this card, and not to a button, because a held
                    // key would press it.
                    focus(card_id.get_value());
                } else {
                    // A decision that cannot be sent is reset.
                    change(it.sheet, i, |card| card.verdict = None);
                    it.problems.set(found);
                }
            }
        }
    };
    let first = "#".to_owned() + &id + " .decision-arguments :is(input, textarea, select, button)";
    let edit = move |_| match edited.get_untracked() {
        true => decide(Verdict::Edit),
        // An edit needs a change, so the focus moves to the arguments.
        false => drop(go(&first)),
    };
    // The first press opens the field for the text, and the second decides.
    let write = move |verdict: Verdict| match writing.get_untracked() == Some(verdict) {
        true => decide(verdict),
        false => {
            it.writing.update(|all| {
                all.insert(own_id.get_value(), verdict);
            });
            focus(text_id(verdict));
        }
    };
    let pressed = move |event: ev::KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) && !composes(&event) && !event.repeat() {
            event.prevent_default();
            writing.get_untracked().into_iter().for_each(write);
        }
    };
    let blocked = move || !it.may_act.get();
    let decided = move || verdict().is_some();
    let changed = changed(it.changes, &action);
    view! {
        <fieldset class="decision" id=id.clone() tabindex="-1" aria-describedby=described_by(&id, false, undecided)>
            <legend class="decision-name">{revealed(&name)}</legend>
            {changed}
            <div class="decision-open" hidden=decided>
                <div class="fields decision-arguments">{shown}</div>
                <div class="fields">{shared}</div>
                <div class="decision-buttons">
                    {mismatch}
                    <div class="decision-reason" hidden=move || writing.get().is_none() on:keydown=pressed>
                        <div hidden=move || writing.get() != Some(Verdict::Reject)>{reason}</div>
                        <div hidden=move || writing.get() != Some(Verdict::Respond)>{answer}</div>
                    </div>
                    <button
                        class="button"
                        type="button"
                        data-kind="primary"
                        data-approve=""
                        hidden=!may_approve
                        disabled=move || blocked() || edited.get()
                        on:click=move |_| decide(Verdict::Approve)
                    >
                        "Approve"
                    </button>
                    <button class="button" type="button" hidden=!may_edit disabled=blocked on:click=edit>
                        "Edit and approve"
                    </button>
                    <button
                        class="button"
                        type="button"
                        hidden=!may_reject
                        disabled=blocked
                        on:click=move |_| write(Verdict::Reject)
                    >
                        "Reject"
                    </button>
                    <button
                        class="button"
                        type="button"
                        hidden=!may_respond
                        disabled=blocked
                        on:click=move |_| write(Verdict::Respond)
                    >
                        "Answer instead"
                    </button>
                    <button
                        class="button"
                        type="button"
                        data-kind="quiet"
                        hidden=move || !it.may_take_over.get()
                        disabled=blocked
                        on:click=move |_| it.on_take_over.run(())
                    >
                        "Take over instead"
                    </button>
                </div>
            </div>
            {problem_view(error_id, undecided)}
            <p class="decision-made" hidden=move || !decided()>
                {move || verdict().map(said)}
                " "
                <button
                    class="button"
                    type="button"
                    data-size="small"
                    on:click=move |_| {
                        change(it.sheet, i, |card| card.verdict = None);
                        focus(card_id.get_value());
                    }
                >
                    "Undo"
                </button>
            </p>
        </fieldset>
    }
    .into_any()
}

/// Reads a value from the card at index `i`.
fn of<T: Default>(sheet: &ResolutionDraft, i: usize, read: impl FnOnce(&CardDraft) -> T) -> T {
    sheet.cards.get(i).map(read).unwrap_or_default()
}

fn change(sheet: RwSignal<ResolutionDraft>, i: usize, change: impl FnOnce(&mut CardDraft)) {
    sheet.update(|sheet| {
        if let Some(card) = sheet.cards.get_mut(i) {
            change(card);
        }
    });
}

/// Renders where the proposal breaks the agent's own schema: `Does not match shop-bot's own schema: eur is text.`
fn mismatch(action: &Action, agent: &str) -> Option<AnyView> {
    let fault = |it: &FieldProblem| {
        let name = unescaped_name(&it.pointer.strip_prefix('/').unwrap_or("it").replace('/', "."));
        name + " " + &it.detail
    };
    let mut faults: Vec<String> = action.faults.iter().take(MOST_FAULTS_TOLD).map(fault).collect();
    if let Some(more) = action.faults.len().checked_sub(MOST_FAULTS_TOLD).filter(|more| *more > 0) {
        faults.push("and ".to_owned() + &more.to_string() + " more");
    }
    let said = "Does not match ".to_owned() + agent + "'s own schema: " + &faults.join(", ") + ".";
    (!faults.is_empty())
        .then(|| view! { <p class="field-fault">{icon(Icon::Alert)} " " {spelled(&said)}</p> }.into_any())
}

/// Returns the problems of an action that none of its fields shows, such as those of its arguments as a whole.
fn unshown(problems: FieldProblems, i: usize, (fields, _): &(Vec<SchemaField>, Json)) -> Option<String> {
    let whole = arguments_pointer(i);
    let places: Vec<String> = fields.iter().map(|field| field.pointer(&whole)).collect();
    let is_unshown = |pointer: &str| {
        pointer == resolution::action_pointer(i) + "/id"
            || (is_within(pointer, &whole) && !places.iter().any(|place| is_within(pointer, place)))
    };
    problems.0.with(|all| details(all, is_unshown))
}

fn said(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "Approved. Sent once all are decided.",
        Verdict::Edit => "Approved with your edits. Sent once all are decided.",
        Verdict::Reject => "Rejected. Sent once all are decided.",
        Verdict::Respond => "Answered instead. Sent once all are decided.",
    }
}
