//! A proposed action in the resolve dialog: approve it, edit it, or reject it, as far as the agent allows.

use leptos::prelude::*;

use super::{
    fields::{Bound, Problems, described_by, problem_view},
    pairs::pairs,
    resolution::{Card, Sheet},
    revealed::revealed,
};
use crate::domain::ask::{Action, Verdict};

/// Draws the card of the action at place `i` of the ask.
pub fn decision_card(i: usize, action: &Action, sheet: RwSignal<Sheet>, problems: Problems) -> AnyView {
    let change = move |change: &dyn Fn(&mut Card)| {
        sheet.update(|sheet| {
            if let Some(card) = sheet.cards.get_mut(i) {
                change(card);
            }
        });
    };
    let pointer = "/actions/".to_owned() + &i.to_string();
    let problem = |field: &str| {
        let pointer = pointer.clone() + field;
        Signal::derive(move || problems.at(&pointer))
    };
    let decided = move || of(sheet, i, |card| card.verdict);
    let undecided = problem("/decision");
    let id = "decision-".to_owned() + &i.to_string();
    let verdicts = action.allowed.iter().copied().map(|verdict| {
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name=id.clone()
                    aria-describedby=described_by(&id, false, undecided)
                    prop:checked=move || decided() == Some(verdict)
                    on:change=move |_| change(&|card| card.verdict = Some(verdict))
                />
                {words(verdict)}
            </label>
        }
    });
    let arguments = Bound {
        id: "arguments-".to_owned() + &i.to_string(),
        label: "Arguments",
        required: true,
        hint: Some("A JSON object; the agent runs the action with exactly this."),
        problem: problem("/arguments"),
        value: Signal::derive(move || of(sheet, i, |card| card.arguments.clone())),
        fill: Callback::new(move |text: String| change(&|card| card.arguments.clone_from(&text))),
    };
    let comment = Bound {
        id: "comment-".to_owned() + &i.to_string(),
        label: "Why not",
        required: false,
        hint: Some("The agent reads it."),
        problem: problem("/comment"),
        value: Signal::derive(move || of(sheet, i, |card| card.comment.clone())),
        fill: Callback::new(move |text: String| change(&|card| card.comment.clone_from(&text))),
    };
    view! {
        <fieldset class="decision">
            <legend class="decision-name">{revealed(action.name.as_str())}</legend>
            {pairs(&action.arguments)}
            <div class="choices">{verdicts.collect::<Vec<_>>()}</div>
            {problem_view(id.clone() + "-error", undecided)}
            <div hidden=move || decided() != Some(Verdict::Edit)>{arguments.area("6", true)}</div>
            <div hidden=move || decided() != Some(Verdict::Reject)>{comment.line("text")}</div>
        </fieldset>
    }
    .into_any()
}

/// What the card at place `i` says.
fn of<T: Default>(sheet: RwSignal<Sheet>, i: usize, read: impl FnOnce(&Card) -> T) -> T {
    sheet.with(|sheet| sheet.cards.get(i).map(read).unwrap_or_default())
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "Approve",
        Verdict::Edit => "Edit",
        Verdict::Reject => "Reject",
    }
}
