//! The contents of the forms that end an escalation, and the resolution built from them. The module is pure; the server
//! validates the resolution again.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    filled::{FormValues, edits, response},
    schema::{SchemaField, fields},
};
use crate::{
    app::codec,
    domain::{
        ask::{Action, Ask, Verdict, is_zero},
        disposition::Disposition,
        field_problem::FieldProblem,
        outcome::{DecisionRequest, Edit, ExecutedBy, NextStep, Resolution},
        text::{NoteText, Text},
    },
};

/// The contents of the card of one proposed action.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CardDraft {
    /// The action, and the revision of the ask in which it got its present form.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub since: i64,
    /// `None` until the action is decided.
    pub verdict: Option<Verdict>,
    /// The changed arguments, keyed by the fields of their schema.
    pub filled: FormValues,
    pub comment: String,
}

/// The contents of the resolve dialog, the answer form and the cards, stored as a draft.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ResolutionDraft {
    /// The revision of the ask that the draft is about.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ask_revision: i64,
    /// `None` until a disposition is chosen; the first offered one then applies.
    pub chosen: Option<Disposition>,
    pub next: NextStep,
    /// The free-text answer, or the chosen option.
    pub answer: String,
    pub filled: FormValues,
    pub cards: Vec<CardDraft>,
    pub note: String,
    pub avoidable: bool,
}

type Problems = Vec<FieldProblem>;

impl ResolutionDraft {
    /// Returns an empty draft for an ask: nothing is decided and the arguments are as proposed.
    pub fn of(ask: &Ask) -> Self {
        Self { ask_revision: ask.revision, cards: ask.actions.iter().map(CardDraft::of).collect(), ..Self::default() }
    }

    /// Reads a stored draft; `None` if it does not fit this ask. A draft about an earlier revision keeps the texts, and the
    /// cards of actions that are still the same.
    pub fn kept(ask: &Ask, text: &str) -> Option<Self> {
        let mut kept = codec::read::<ResolutionDraft>(text.as_bytes()).ok()?;
        if kept.ask_revision != ask.revision {
            kept.follow(ask);
        }
        (kept.cards.len() == ask.actions.len()).then_some(kept)
    }

    /// Follows the ask to its next revision, and keeps what still fits.
    pub fn follow(&mut self, ask: &Ask) {
        if ask.form_since > self.ask_revision {
            // Another form may have other choices, which are stored by their place.
            self.filled.clear();
        }
        let cards = std::mem::take(&mut self.cards);
        let card = |action: &Action| {
            let fresh = CardDraft::of(action);
            let same = cards.iter().find(|card| card.id == fresh.id && card.since == fresh.since);
            same.cloned().unwrap_or(fresh)
        };
        self.cards = ask.actions.iter().map(card).collect();
        // A decision is sent by its last verdict, so one is left to be given.
        if self.cards.iter().all(|card| card.verdict.is_some())
            && let Some(last) = self.cards.last_mut()
        {
            last.verdict = None;
        }
        self.ask_revision = ask.revision;
    }

    /// Returns the chosen disposition if it is offered, else the first offered one.
    pub fn disposition(&self, offered: &[Disposition]) -> Disposition {
        let chosen = self.chosen.filter(|chosen| offered.contains(chosen));
        chosen.or(offered.first().copied()).unwrap_or(Disposition::Declined)
    }

    /// Returns the resolution of the dialog, or the problems; pointers are from the root of the resolution.
    pub fn resolution(&self, ask: &Ask, offered: &[Disposition]) -> Result<Resolution<DecisionRequest>, Problems> {
        self.ended(ask, self.disposition(offered), vec![])
    }

    /// Returns the answer to a question, or the problems.
    pub fn answered(&self, ask: &Ask) -> Result<Resolution<DecisionRequest>, Problems> {
        self.ended(ask, Disposition::Answered, vec![])
    }

    /// Returns the resolution that follows from the cards once all are decided, or the problems.
    pub fn decided(&self, ask: &Ask) -> Result<Resolution<DecisionRequest>, Problems> {
        let mut problems = vec![];
        let mut decisions = vec![];
        for (i, (action, card)) in ask.actions.iter().zip(&self.cards).enumerate() {
            match card.decide(action, i) {
                Ok(decision) => decisions.push(decision),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let disposition = Verdict::disposition(decisions.iter().map(|it| it.decision));
        self.ended(ask, disposition, decisions)
    }

    fn ended(
        &self,
        ask: &Ask,
        disposition: Disposition,
        actions: Vec<DecisionRequest>,
    ) -> Result<Resolution<DecisionRequest>, Problems> {
        let mut problems = vec![];
        let (ask_revision, next, avoidable) = (ask.revision, self.next, self.avoidable);
        let mut resolution = Resolution { ask_revision, next, avoidable, actions, ..Resolution::bare(disposition) };
        let answers = disposition == Disposition::Answered;
        if ask.response_schema.is_some() && disposition.carries_data() {
            match response(&data_fields(ask), &self.filled) {
                Ok(data) => resolution.data = serde_json::from_slice(data.to_string().as_bytes()).ok(),
                Err(found) => problems.extend(below("/data", found)),
            }
        } else if answers && ask.response_schema.is_none() {
            match NoteText::parse(self.answer.as_str()) {
                Ok(answer) => resolution.answer = Some(answer),
                Err(_) if ask.options.is_some() => problems.push(FieldProblem::new("/answer", "Choose an answer.")),
                Err(problem) => problems.push(FieldProblem::new("/answer", format!("Your answer {problem}."))),
            }
        }
        if !self.note.trim().is_empty() {
            match NoteText::parse(self.note.as_str()) {
                Ok(note) => resolution.note_to_agent = Some(note),
                Err(problem) => problems.push(FieldProblem::new("/note_to_agent", format!("The note {problem}."))),
            }
        }
        if problems.is_empty() { Ok(resolution) } else { Err(problems) }
    }
}

impl CardDraft {
    /// Returns the empty card of an action.
    fn of(action: &Action) -> Self {
        Self { id: action.id.to_string(), since: action.since, ..Self::default() }
    }

    /// Returns the changes to the arguments.
    fn edits(&self, action: &Action) -> Result<Vec<Edit>, Problems> {
        edits(&argument_fields(action), Some(&action.arguments.json()), &self.filled)
    }

    fn decide(&self, action: &Action, i: usize) -> Result<DecisionRequest, Problems> {
        let at = |field: &str, detail: &str| vec![FieldProblem::new(action_pointer(i) + field, detail)];
        let decision = self.verdict.ok_or_else(|| at("/decision", "Decide this one too."))?;
        let edits = match decision {
            Verdict::Edit => self.edits(action).map_err(|found| below(&arguments_pointer(i), found))?,
            Verdict::Approve | Verdict::Reject | Verdict::Respond => vec![],
        };
        let comment = match (decision, self.comment.trim()) {
            (Verdict::Approve | Verdict::Edit, _) => None,
            (Verdict::Reject, "") => return Err(at("/comment", "Say why: the agent reads it.")),
            (Verdict::Respond, "") => return Err(at("/comment", "Write the answer: the agent reads it.")),
            (Verdict::Reject | Verdict::Respond, comment) => {
                let parsed = Text::parse(comment);
                Some(parsed.map_err(|problem| at("/comment", &("The text ".to_owned() + &problem.to_string() + ".")))?)
            }
        };
        Ok(DecisionRequest { id: action.id.clone(), decision, edits, comment, executed_by: ExecutedBy::Agent })
    }
}

/// Converts problems of a form to problems of the resolution that contains it.
fn below(at: &str, problems: Problems) -> Problems {
    problems.into_iter().map(|it| FieldProblem::new(at.to_owned() + &it.pointer, it.detail)).collect()
}

/// Returns the fields of an ask's result.
pub fn data_fields(ask: &Ask) -> Vec<SchemaField> {
    ask.response_schema.as_ref().map(|schema| fields(&schema.value())).unwrap_or_default()
}

/// Returns the pointer of an action in a resolution.
pub fn action_pointer(i: usize) -> String {
    "/actions/".to_owned() + &i.to_string()
}

/// Returns the pointer of an action's arguments in a resolution.
pub fn arguments_pointer(i: usize) -> String {
    action_pointer(i) + "/arguments"
}

/// Returns the fields of an action's arguments. Without a schema that has properties, there is one JSON field.
pub fn argument_fields(action: &Action) -> Vec<SchemaField> {
    let fields = action.arguments_schema.as_ref().map(|schema| fields(&schema.value())).unwrap_or_default();
    match fields.first() {
        Some(first) if !first.name.is_empty() => fields,
        _ => vec![SchemaField::json("Arguments")],
    }
}

/// Renders the part of the agent's result that this form determines, as indented JSON.
pub fn preview(resolution: &Resolution<DecisionRequest>) -> String {
    let mut value = serde_json::to_value(resolution).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.retain(|name, value| name != "avoidable" && !value.is_null() && *value != json!([]));
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ask::AskKind, json_text::JsonText};

    fn action(id: &str, arguments_schema: Option<Value>) -> Action {
        Action {
            id: Text::parse(id).unwrap(),
            name: Text::parse("refund").unwrap(),
            arguments: JsonText::parse(r#"{"eur": 5.00, "order": "A-1"}"#).unwrap(),
            arguments_schema: arguments_schema.as_ref().map(JsonText::from),
            allowed: vec![Verdict::Approve, Verdict::Edit, Verdict::Reject],
            faults: vec![],
            since: 0,
        }
    }

    fn edit(pointer: &str, json: &str) -> Edit {
        Edit { pointer: pointer.into(), json: Some(json.into()) }
    }

    #[test]
    fn a_question_needs_its_answer() {
        let ask = Ask::bare(AskKind::Question);
        let mut sheet = ResolutionDraft::of(&ask);
        assert!(sheet.answered(&ask).is_err() && sheet.resolution(&ask, ask.kind.offered()).is_err());
        sheet.answer = "Yes".into();
        let resolution = sheet.answered(&ask).unwrap();
        assert_eq!(resolution.answer, NoteText::parse("Yes").ok());
        assert_eq!(sheet.resolution(&ask, ask.kind.offered()), Ok(resolution));
        sheet.chosen = Some(Disposition::Declined);
        assert_eq!(sheet.resolution(&ask, ask.kind.offered()).unwrap().answer, None);
    }

    #[test]
    fn cards_make_the_disposition() {
        let ask = Ask { actions: vec![action("a", None), action("b", None)], ..Ask::bare(AskKind::Decision) };
        let mut sheet = ResolutionDraft::of(&ask);
        assert_eq!(sheet.cards[0].edits(&ask.actions[0]), Ok(vec![]));
        sheet.cards[0].verdict = Some(Verdict::Approve);
        assert_eq!(sheet.decided(&ask).unwrap_err()[0].pointer, "/actions/1/decision");
        sheet.cards[1].verdict = Some(Verdict::Edit);
        sheet.cards[1].filled.insert(String::new(), r#"{"eur": 4.50}"#.into());
        let resolution = sheet.decided(&ask).unwrap();
        assert_eq!(resolution.disposition, Disposition::ApprovedWithEdits);
        assert_eq!(resolution.actions[0].edits, []);
        assert_eq!(resolution.actions[1].edits, [edit("", r#"{"eur":4.50}"#)]);
        sheet.cards[1].filled.insert(String::new(), "{4".into());
        assert_eq!(sheet.decided(&ask).unwrap_err()[0].pointer, "/actions/1/arguments");
        sheet.cards[1].verdict = Some(Verdict::Reject);
        assert_eq!(sheet.decided(&ask).unwrap_err()[0].pointer, "/actions/1/comment");
        sheet.cards[1].comment = "Too much".into();
        assert_eq!(sheet.decided(&ask).unwrap().disposition, Disposition::Rejected);
    }

    #[test]
    fn only_changed_arguments_are_sent() {
        let schema = json!({"properties": {"eur": {"type": "number"}, "express": {"type": "boolean"}}});
        let ask = Ask { actions: vec![action("a", Some(schema))], ..Ask::bare(AskKind::Decision) };
        let mut sheet = ResolutionDraft::of(&ask);
        sheet.cards[0].verdict = Some(Verdict::Edit);
        assert_eq!(sheet.cards[0].edits(&ask.actions[0]), Ok(vec![]));
        sheet.cards[0].filled.insert("/eur".into(), "4.5".into());
        assert_ne!(sheet.cards[0].edits(&ask.actions[0]), Ok(vec![]));
        assert_eq!(sheet.decided(&ask).unwrap().actions[0].edits, [edit("/eur", "4.5")]);
        sheet.cards[0].filled.insert("/eur".into(), "much".into());
        assert_eq!(sheet.decided(&ask).unwrap_err()[0].pointer, "/actions/0/arguments/eur");
        sheet.cards[0].filled.insert("/eur".into(), "5.00".into());
        assert_eq!(sheet.cards[0].edits(&ask.actions[0]), Ok(vec![]), "what stands there again was not edited");
    }

    #[test]
    fn a_kept_sheet_comes_back_if_it_is_of_this_ask() {
        let ask = Ask { actions: vec![action("a", None)], ..Ask::bare(AskKind::Decision) };
        let mut sheet = ResolutionDraft::of(&ask);
        sheet.note = "Careful".into();
        let kept = serde_json::to_string(&sheet).unwrap();
        assert_eq!(ResolutionDraft::kept(&ask, &kept), Some(sheet));
        assert_eq!(ResolutionDraft::kept(&Ask::bare(AskKind::Question), &kept), None);
        assert_eq!(ResolutionDraft::kept(&ask, "plain text"), None);
    }

    #[test]
    fn a_sheet_follows_the_next_revision_and_keeps_what_is_the_same() {
        let ask = Ask { actions: vec![action("a", None), action("b", None)], ..Ask::bare(AskKind::Decision) };
        let mut sheet = ResolutionDraft::of(&ask);
        sheet.cards.iter_mut().for_each(|card| card.verdict = Some(Verdict::Approve));
        sheet.note = "Careful".into();
        let more = Action { arguments: JsonText::parse(r#"{"eur": 9}"#).unwrap(), ..action("b", None) };
        let actions = vec![more, action("a", None), action("c", None)];
        let next = Ask { actions, ..ask.clone() }.after(&ask).unwrap();
        assert_eq!((next.version(), next.actions.iter().map(|it| it.since).collect::<Vec<_>>()), (2, vec![1, 0, 1]));
        let stored = serde_json::to_string(&sheet).unwrap();
        sheet.follow(&next);
        let verdicts: Vec<_> = sheet.cards.iter().map(|card| card.verdict).collect();
        assert_eq!((verdicts, sheet.note.as_str()), (vec![None, Some(Verdict::Approve), None], "Careful"));
        // A page that is loaded later keeps the same.
        assert_eq!(ResolutionDraft::kept(&next, &stored), Some(sheet.clone()));
        assert!(sheet.decided(&next).is_err());
        sheet.cards.iter_mut().for_each(|card| card.verdict = Some(Verdict::Approve));
        assert_eq!(sheet.decided(&next).unwrap().ask_revision, 1);
        // Where the changed action is gone, one verdict is left to be given, which sends the decision.
        let one = Ask { actions: vec![action("a", None)], ..ask.clone() }.after(&next).unwrap();
        sheet.follow(&one);
        assert_eq!(sheet.cards.iter().map(|card| card.verdict).collect::<Vec<_>>(), [None]);
        // Another form of the answer begins empty, and the texts stay.
        sheet.filled.insert("/eur".into(), "1".into());
        let form =
            Ask { response_schema: Some((&json!({"type": "object"})).into()), ..one.clone() }.after(&one).unwrap();
        sheet.follow(&form);
        assert_eq!((sheet.filled.len(), sheet.note.as_str()), (0, "Careful"));
        // The same ask again is no other revision.
        assert_eq!(Ask { revision: 0, ..next.clone() }.after(&next), None);
    }
}
