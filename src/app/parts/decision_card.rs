//! A proposed action in the resolve dialog: approve it, edit it, or reject it, as far as the agent allows.

use leptos::prelude::*;

use super::{
    fields::{Problems, described_by, field, problem_view},
    pairs::pairs,
    resolution::{Card, Sheet},
    revealed::revealed,
};
use crate::domain::ask::{Action, Verdict};

/// Draws the card of the action at place `i` of the ask.
pub fn decision_card(i: usize, action: &Action, sheet: RwSignal<Sheet>, problems: Problems) -> AnyView {
    let card = Memo::new(move |_| sheet.with(|sheet| sheet.cards.get(i).cloned().unwrap_or_default()));
    let change = move |change: &dyn Fn(&mut Card)| {
        sheet.update(|sheet| {
            if let Some(card) = sheet.cards.get_mut(i) {
                change(card);
            }
        });
    };
    let undecided = Signal::derive(move || problems.at(&format!("/actions/{i}/decision")));
    let verdicts = action.allowed.iter().copied().map(|verdict| {
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name=format!("decision-{i}")
                    aria-describedby=move || undecided.with(Option::is_some).then(|| format!("decision-{i}-error"))
                    prop:checked=move || card.with(|card| card.verdict == Some(verdict))
                    on:change=move |_| change(&|card| card.verdict = Some(verdict))
                />
                {words(verdict)}
            </label>
        }
    });
    let verdict = Memo::new(move |_| card.with(|card| card.verdict));
    let more = move || match verdict.get() {
        Some(Verdict::Edit) => {
            let id = format!("arguments-{i}");
            let problem = Signal::derive(move || problems.at(&format!("/actions/{i}/arguments")));
            let control = view! {
                <textarea
                    class="input"
                    id=id.clone()
                    rows="6"
                    spellcheck="false"
                    aria-invalid=move || problem.with(Option::is_some).then_some("true")
                    aria-describedby=described_by(&id, true, problem)
                    prop:value=move || card.with(|card| card.arguments.clone())
                    on:input=move |event| {
                        let text = event_target_value(&event);
                        change(&|card| card.arguments.clone_from(&text));
                    }
                ></textarea>
            };
            let hint = Some("A JSON object; the agent runs the action with exactly this.");
            field(&id, "Arguments", true, hint, problem, control.into_any()).into_any()
        }
        Some(Verdict::Reject) => {
            let id = format!("comment-{i}");
            let problem = Signal::derive(move || problems.at(&format!("/actions/{i}/comment")));
            let control = view! {
                <input
                    class="input"
                    id=id.clone()
                    type="text"
                    dir="auto"
                    aria-describedby=described_by(&id, true, problem)
                    prop:value=move || card.with(|card| card.comment.clone())
                    on:input=move |event| {
                        let text = event_target_value(&event);
                        change(&|card| card.comment.clone_from(&text));
                    }
                />
            };
            field(&id, "Why not", false, Some("The agent reads it."), problem, control.into_any()).into_any()
        }
        Some(Verdict::Approve) | None => ().into_any(),
    };
    view! {
        <fieldset class="decision">
            <legend class="decision-name">{revealed(action.name.as_str())}</legend>
            {pairs(&action.arguments)}
            <div class="choices">{verdicts.collect::<Vec<_>>()}</div>
            {problem_view(format!("decision-{i}-error"), undecided)}
            {more}
        </fieldset>
    }
    .into_any()
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "Approve",
        Verdict::Edit => "Edit",
        Verdict::Reject => "Reject",
    }
}
