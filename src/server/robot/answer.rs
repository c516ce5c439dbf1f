//! Builds the resolutions that Robot tries in turn, the best first, and the one that a rehearsal names.

use serde_json::{Value, json};

use super::filler::{FilledFields, fill};
use crate::domain::{
    ask::{Action, Ask, AskKind, Verdict},
    disposition::Disposition,
    escalation::Escalation,
    json::{Json, pointer_name},
    outcome::{DecisionRequest, Edit, ExecutedBy, Resolution},
    rehearsal::{Rehearsal, RehearsedAction},
    text::{NoteText, Text},
};

/// The note for the last fallback.
const NO_DATA: &str = "Nothing that fits the response schema could be made up, so this ends without data.";

/// Returns the resolutions to try: the requested disposition with all fields, then with the required fields, and at
/// last a disposition without data. A note tells the agent why its request was not followed. Each is made when it is tried.
pub fn resolutions<'a>(
    it: &'a Escalation,
    wished: Option<Disposition>,
    problem: Option<&str>,
) -> impl Iterator<Item = Resolution<DecisionRequest>> + Clone + use<'a> {
    let ask = &it.opening.ask;
    let offered = it.offered();
    let first = wished.filter(|wished| offered.contains(wished) || of_cards(ask, *wished));
    let unmet = wished.filter(|_| first.is_none()).map(|wished| {
        format!("This {} cannot end as {}, which was wished for.", ask.kind.as_str(), wished.label().to_lowercase())
    });
    let said = unmet.or(problem.map(str::to_owned));
    let main = first.or(offered.first().copied().filter(|_| ask.kind != AskKind::Decision));
    let dataless = offered.into_iter().find(|disposition| !disposition.carries_data());
    let last = [Some(NO_DATA), said.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let bare = |disposition, said: Option<&str>| Resolution {
        ask_revision: ask.revision,
        note_to_agent: said.and_then(note),
        ..Resolution::bare(disposition)
    };
    let whole = bare(main.unwrap_or(Disposition::Approved), said.as_deref());
    let last = dataless.map(|disposition| bare(disposition, Some(&last)));
    let each = [FilledFields::All, FilledFields::Required].into_iter();
    each.map(move |fields| filled(ask, whole.clone(), fields)).chain(last)
}

/// Returns the resolution that a rehearsal names, if it names more than a disposition. An action that the rehearsal does not
/// name is approved, as far as it may be.
pub fn rehearsed(rehearsal: &Rehearsal, it: &Escalation) -> Option<Resolution<DecisionRequest>> {
    let ask = &it.opening.ask;
    let Rehearsal { disposition, answer, data, actions: named, next, note, .. } = rehearsal;
    if answer.is_none() && data.is_none() && named.is_none() && next.is_none() && note.is_none() {
        return None;
    }
    let mut actions = vec![];
    if let Some(named) = named {
        let of = |id: &Text<100>| named.iter().find(|action| action.id == *id).map(request);
        actions.extend(
            ask.actions.iter().map(|card| of(&card.id).unwrap_or_else(|| decision(card, Disposition::Approved))),
        );
        let is_known = |action: &&RehearsedAction| ask.actions.iter().any(|card| card.id == action.id);
        // An action that was not proposed is refused, by name.
        actions.extend(named.iter().filter(|action| !is_known(action)).map(request));
    } else if ask.kind == AskKind::Decision && disposition.is_none() {
        actions.extend(ask.actions.iter().map(|card| decision(card, Disposition::Approved)));
    }
    let answers = ask.kind == AskKind::Question && (answer.is_some() || data.is_some());
    let default = if answers { Some(Disposition::Answered) } else { it.offered().first().copied() };
    let disposition = disposition.or(default).unwrap_or(Disposition::Handled);
    Some(Resolution {
        ask_revision: ask.revision,
        next: next.unwrap_or_default(),
        answer: answer.clone(),
        data: data.clone(),
        actions,
        note_to_agent: note.clone(),
        ..Resolution::bare(disposition)
    })
}

/// Returns the decision about an action that a rehearsal asks for.
fn request(it: &RehearsedAction) -> DecisionRequest {
    let edit = |arguments: &Value| Edit { pointer: String::new(), json: Some(arguments.to_string()) };
    DecisionRequest {
        id: it.id.clone(),
        decision: it.decision,
        edits: it.arguments.iter().map(edit).collect(),
        comment: it.comment.clone(),
        executed_by: it.executed_by,
    }
}

/// Parses a note. The program's own texts are neither empty nor too long.
fn note(text: &str) -> Option<NoteText> {
    NoteText::parse(text).ok()
}

/// Returns whether the actions of a decision allow this disposition.
fn of_cards(ask: &Ask, wished: Disposition) -> bool {
    let wanted = match wished {
        Disposition::Approved => Verdict::Approve,
        Disposition::ApprovedWithEdits => Verdict::Edit,
        Disposition::Rejected => Verdict::Reject,
        _ => return false,
    };
    if ask.kind != AskKind::Decision {
        return false;
    }
    let mut cards = ask.actions.iter();
    match wanted {
        Verdict::Approve => cards.all(|card| card.allowed.contains(&wanted)),
        _ => cards.any(|card| card.allowed.contains(&wanted)),
    }
}

fn filled(ask: &Ask, said: Resolution<DecisionRequest>, fields: FilledFields) -> Resolution<DecisionRequest> {
    let end = said.disposition;
    // Approving is the default, even if an action does not allow it.
    let decides = end == Disposition::Approved || of_cards(ask, end);
    let actions: Vec<_> = ask.actions.iter().filter(|_| decides).map(|card| decision(card, end)).collect();
    let data = match &ask.response_schema {
        Some(schema) if end.carries_data() => fill(&schema.value(), fields),
        _ => None,
    };
    let chosen = ask.options.as_ref().and_then(|options| options.first());
    let words = chosen.map_or("Yes, that is right. Go ahead as you proposed.", Text::as_str);
    let answer = (end == Disposition::Answered && data.is_none()).then(|| note(words)).flatten();
    Resolution { data, answer, actions, ..said }
}

/// Decides one action so that the decision ends with this disposition, as far as the action allows it.
fn decision(card: &Action, end: Disposition) -> DecisionRequest {
    let wanted = match end {
        Disposition::Rejected => Verdict::Reject,
        Disposition::ApprovedWithEdits => Verdict::Edit,
        _ => Verdict::Approve,
    };
    // A single rejected action makes the whole decision rejected, so rejecting is the last choice.
    let choices = [wanted, Verdict::Approve, Verdict::Edit];
    let decision = choices.into_iter().find(|verdict| card.allowed.contains(verdict)).unwrap_or(Verdict::Reject);
    let refilled = card.arguments_schema.as_ref().and_then(|schema| fill(&schema.value(), FilledFields::Required));
    let proposed = card.arguments.json();
    let edits = match (decision, refilled) {
        // Existing arguments stay; the edit only adds fields that the schema requires.
        (Verdict::Edit, Some(Value::Object(more))) => {
            let missing = more.into_iter().filter(|(name, _)| proposed.get(name).is_none());
            let edit = |(name, value): (String, Value)| Edit {
                pointer: "/".to_owned() + &pointer_name(&name),
                json: Some(value.to_string()),
            };
            missing.map(edit).collect()
        }
        (Verdict::Edit, _) => vec![changed(&proposed)],
        _ => vec![],
    };
    let comment = (decision == Verdict::Reject).then(|| Text::parse("Not like this, please.").ok()).flatten();
    DecisionRequest { id: card.id.clone(), decision, edits, comment, executed_by: ExecutedBy::Agent }
}

/// Returns an edit of arguments without a schema: the first member is changed, or a new one is added.
fn changed(proposed: &Json) -> Edit {
    let first = match proposed {
        Json::Object(members) => members.first(),
        _ => None,
    };
    let (name, json) = match first {
        Some((name, Json::Number(digits))) => {
            let more = digits.parse().map_or(json!(1), |number: f64| json!(number + 1.0));
            (name.as_str(), more)
        }
        Some((name, Json::Bool(flag))) => (name.as_str(), json!(!flag)),
        Some((name, Json::String(text))) => (name.as_str(), json!(text.clone() + " (edited)")),
        _ => ("edited", json!(true)),
    };
    Edit { pointer: "/".to_owned() + &pointer_name(name), json: Some(json.to_string()) }
}
