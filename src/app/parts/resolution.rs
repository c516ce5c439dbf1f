//! What stands in the resolve dialog, and the resolution that it makes. Pure; the server judges it again.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::schema::{Field, Filled, fields, value};
use crate::domain::{
    ask::{Action, Ask, AskKind, FieldProblem, Verdict},
    outcome::{ActionDecision, Disposition, ExecutedBy, Next, Resolution},
    text::{NoteText, Text},
};

/// A disposition, or none for a decision that is made on its cards.
pub type Choice = Option<Disposition>;

/// What stands on the card of one proposed action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    pub verdict: Option<Verdict>,
    /// JSON, for an edit.
    pub arguments: String,
    pub comment: String,
}

/// What stands in the dialog.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// None until something is chosen: then the first that is offered counts.
    pub chosen: Option<Choice>,
    pub next: Next,
    /// The free answer, or the chosen option.
    pub answer: String,
    pub filled: Filled,
    pub cards: Vec<Card>,
    pub note: String,
    pub avoidable: bool,
}

/// What may be chosen, the first preselected, given what the escalation offers.
pub fn choices(ask: &Ask, offered: &[Disposition], taken_over: bool) -> Vec<Choice> {
    let offered = offered.iter().copied().map(Some);
    match (ask.kind, taken_over) {
        (AskKind::Decision, false) => [None].into_iter().chain(offered).collect(),
        (AskKind::Decision, true) => offered.chain([None]).collect(),
        _ => offered.collect(),
    }
}

impl Sheet {
    /// An empty sheet for an ask: nothing is decided, arguments stand as proposed.
    pub fn of(ask: &Ask) -> Self {
        let card = |action: &Action| Card {
            arguments: serde_json::to_string_pretty(&action.arguments).unwrap_or_default(),
            ..Card::default()
        };
        let filled = ask.response_schema.as_ref().map(|schema| defaults(&fields(schema)));
        Self { cards: ask.actions.iter().map(card).collect(), filled: filled.unwrap_or_default(), ..Self::default() }
    }

    /// What is chosen of these; none when there is nothing to choose.
    pub fn choice(&self, choices: &[Choice]) -> Option<Choice> {
        self.chosen.or(choices.first().copied())
    }

    /// How it would end now.
    pub fn disposition(&self, choices: &[Choice]) -> Disposition {
        match self.choice(choices).flatten() {
            Some(disposition) => disposition,
            None if self.cards.iter().any(|card| card.verdict == Some(Verdict::Reject)) => Disposition::Rejected,
            None if self.cards.iter().any(|card| card.verdict == Some(Verdict::Edit)) => Disposition::ApprovedWithEdits,
            None => Disposition::Approved,
        }
    }

    /// The resolution, or what is missing; pointers are from its root.
    pub fn resolution(&self, ask: &Ask, choices: &[Choice]) -> Result<Resolution, Vec<FieldProblem>> {
        let mut problems = vec![];
        let disposition = self.disposition(choices);
        let mut resolution = Resolution { next: self.next, avoidable: self.avoidable, ..Resolution::bare(disposition) };
        if self.choice(choices) == Some(None) {
            match self.decisions(ask) {
                Ok(decisions) => resolution.actions = decisions,
                Err(found) => problems.extend(found),
            }
        }
        if disposition.carries_data() {
            match (&ask.response_schema, &ask.options) {
                (Some(schema), _) => match value(&fields(schema), &self.filled) {
                    Ok(data) => resolution.data = Some(data),
                    Err(found) => problems.extend(found),
                },
                (None, Some(_)) if self.answer.is_empty() => {
                    problems.push(FieldProblem::new("/answer", "Choose an answer."));
                }
                (None, Some(_)) => resolution.data = Some(json!({ "choice": self.answer })),
                (None, None) => {}
            }
        }
        if disposition == Disposition::Answered && ask.response_schema.is_none() && ask.options.is_none() {
            match NoteText::parse(self.answer.as_str()) {
                Ok(answer) => resolution.answer = Some(answer),
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

    fn decisions(&self, ask: &Ask) -> Result<Vec<ActionDecision>, Vec<FieldProblem>> {
        let mut problems = vec![];
        let mut decisions = vec![];
        for (i, (action, card)) in ask.actions.iter().zip(&self.cards).enumerate() {
            match card.decide(action) {
                Ok(decision) => decisions.push(decision),
                Err((field, detail)) => problems.push(FieldProblem::new(format!("/actions/{i}/{field}"), detail)),
            }
        }
        if problems.is_empty() { Ok(decisions) } else { Err(problems) }
    }
}

impl Card {
    fn decide(&self, action: &Action) -> Result<ActionDecision, (&'static str, String)> {
        let decision = self.verdict.ok_or(("decision", "Decide this one too.".to_owned()))?;
        let arguments: Map<String, Value> = match decision {
            Verdict::Edit => serde_json::from_slice(self.arguments.as_bytes())
                .map_err(|error| ("arguments", format!("This is no JSON object: {error}.")))?,
            Verdict::Approve | Verdict::Reject => action.arguments.clone(),
        };
        let comment = match (decision, self.comment.trim()) {
            (Verdict::Reject, comment) if !comment.is_empty() => {
                Some(Text::parse(comment).map_err(|problem| ("comment", format!("The reason {problem}.")))?)
            }
            _ => None,
        };
        Ok(ActionDecision { id: action.id.clone(), decision, arguments, comment, executed_by: ExecutedBy::Agent })
    }
}

/// What the agent will be told, as far as it is decided here.
pub fn preview(resolution: &Resolution) -> String {
    let mut value = serde_json::to_value(resolution).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.remove("avoidable");
        fields.retain(|_, value| !value.is_null() && *value != json!([]));
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

fn defaults(fields: &[Field]) -> Filled {
    let defaults = fields.iter().filter_map(|field| Some((field.name.clone(), field.default.clone()?)));
    defaults.collect::<HashMap<_, _>>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(id: &str) -> Action {
        Action {
            id: Text::parse(id).unwrap(),
            name: Text::parse("refund").unwrap(),
            arguments: Map::from_iter([("eur".to_owned(), json!(5))]),
            arguments_schema: None,
            allowed: vec![Verdict::Approve, Verdict::Edit, Verdict::Reject],
        }
    }

    #[test]
    fn a_question_needs_its_answer() {
        let ask = Ask::bare(AskKind::Question);
        let choices = choices(&ask, ask.kind.offered(), false);
        let mut sheet = Sheet::of(&ask);
        assert!(sheet.resolution(&ask, &choices).is_err());
        sheet.answer = "Yes".into();
        let resolution = sheet.resolution(&ask, &choices).unwrap();
        assert_eq!(resolution.disposition, Disposition::Answered);
        assert_eq!(resolution.answer, NoteText::parse("Yes").ok());
    }

    #[test]
    fn cards_make_the_disposition() {
        let ask = Ask { actions: vec![action("a"), action("b")], ..Ask::bare(AskKind::Decision) };
        let choices = choices(&ask, ask.kind.offered(), false);
        let mut sheet = Sheet::of(&ask);
        sheet.cards[0].verdict = Some(Verdict::Approve);
        let problems = sheet.resolution(&ask, &choices).unwrap_err();
        assert_eq!(problems[0].pointer, "/actions/1/decision");
        sheet.cards[1].verdict = Some(Verdict::Edit);
        sheet.cards[1].arguments = r#"{"eur": 4}"#.into();
        let resolution = sheet.resolution(&ask, &choices).unwrap();
        assert_eq!(resolution.disposition, Disposition::ApprovedWithEdits);
        assert_eq!(resolution.actions[1].arguments["eur"], json!(4));
        sheet.chosen = Some(Some(Disposition::Declined));
        assert_eq!(sheet.resolution(&ask, &choices).unwrap().actions, vec![]);
    }
}
