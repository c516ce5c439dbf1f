//! What stands in the forms that end an escalation, and the resolution that it makes. Pure; the server judges it again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::schema::{Field, Filled, Kind, fields, value};
use crate::{
    app::lean,
    domain::{
        ask::{Action, Ask, FieldProblem, Verdict},
        outcome::{ActionDecision, Disposition, ExecutedBy, Next, Resolution},
        text::{NoteText, Text},
    },
};

/// What stands on the card of one proposed action.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Card {
    /// None until it is decided.
    pub verdict: Option<Verdict>,
    /// The arguments, by the fields of their schema.
    pub filled: Filled,
    pub comment: String,
}

/// What stands in the forms: the resolve dialog, the answer, the cards. Kept as a draft.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sheet {
    /// None until something is chosen: then the first that is offered counts.
    pub chosen: Option<Disposition>,
    pub next: Next,
    /// The free answer, or the chosen option.
    pub answer: String,
    pub filled: Filled,
    pub cards: Vec<Card>,
    pub note: String,
    pub avoidable: bool,
}

type Problems = Vec<FieldProblem>;

impl Sheet {
    /// An empty sheet for an ask: nothing is decided, arguments stand as proposed.
    pub fn of(ask: &Ask) -> Self {
        let card = |action: &Action| {
            let filled = argument_fields(action, 0).into_iter().filter_map(|field| {
                let value = match field.name.as_str() {
                    "" => Value::Object(action.arguments.clone()),
                    name => action.arguments.get(name)?.clone(),
                };
                Some((field.name, field.kind.filled(&value)?))
            });
            Card { filled: filled.collect(), ..Card::default() }
        };
        let filled = data_fields(ask).into_iter().filter_map(|field| Some((field.name, field.default?))).collect();
        Self { cards: ask.actions.iter().map(card).collect(), filled, ..Self::default() }
    }

    /// One that was kept, when it is of this ask.
    pub fn kept(ask: &Ask, text: &str) -> Option<Self> {
        lean::read(text.as_bytes()).ok().filter(|kept: &Self| kept.cards.len() == ask.actions.len())
    }

    /// What is chosen of these.
    pub fn disposition(&self, offered: &[Disposition]) -> Disposition {
        let chosen = self.chosen.filter(|chosen| offered.contains(chosen));
        chosen.or(offered.first().copied()).unwrap_or(Disposition::Declined)
    }

    /// The resolution of the dialog, or what is missing; pointers are from its root.
    pub fn resolution(&self, ask: &Ask, offered: &[Disposition]) -> Result<Resolution, Problems> {
        self.ended(ask, self.disposition(offered), vec![])
    }

    /// The answer to a question, or what is missing.
    pub fn answered(&self, ask: &Ask) -> Result<Resolution, Problems> {
        self.ended(ask, Disposition::Answered, vec![])
    }

    /// What the cards amount to once all are decided, or what is missing.
    pub fn decided(&self, ask: &Ask) -> Result<Resolution, Problems> {
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
        let any = |verdict| decisions.iter().any(|it| it.decision == verdict);
        let disposition = match (any(Verdict::Reject), any(Verdict::Edit)) {
            (true, _) => Disposition::Rejected,
            (false, true) => Disposition::ApprovedWithEdits,
            (false, false) => Disposition::Approved,
        };
        self.ended(ask, disposition, decisions)
    }

    fn ended(&self, ask: &Ask, disposition: Disposition, actions: Vec<ActionDecision>) -> Result<Resolution, Problems> {
        let mut problems = vec![];
        let mut resolution =
            Resolution { next: self.next, avoidable: self.avoidable, actions, ..Resolution::bare(disposition) };
        let answers = disposition == Disposition::Answered;
        if ask.response_schema.is_some() && disposition.carries_data() {
            match value(&data_fields(ask), &self.filled) {
                Ok(data) => resolution.data = Some(data),
                Err(found) => problems.extend(found),
            }
        } else if ask.options.is_some() && answers {
            match self.answer.is_empty() {
                true => problems.push(FieldProblem::new("/answer", "Choose an answer.")),
                false => resolution.data = Some(json!({ "choice": self.answer })),
            }
        } else if answers && ask.response_schema.is_none() {
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
}

impl Card {
    /// The arguments as they stand in the fields. What no field shows stays as it was proposed.
    pub fn arguments(&self, action: &Action, i: usize) -> Result<Map<String, Value>, Problems> {
        let fields = argument_fields(action, i);
        let is_whole = fields.first().is_some_and(|field| field.name.is_empty());
        match (value(&fields, &self.filled)?, is_whole) {
            (Value::Object(written), true) => Ok(written),
            (Value::Object(written), false) => {
                let mut arguments = action.arguments.clone();
                for field in &fields {
                    match written.get(&field.name) {
                        Some(value) => drop(arguments.insert(field.name.clone(), value.clone())),
                        None => drop(arguments.shift_remove(&field.name)),
                    }
                }
                // A flag that was not proposed and is not set is no change.
                let unsaid = |name: &String, value: &mut Value| {
                    *value != Value::Bool(false) || action.arguments.contains_key(name)
                };
                arguments.retain(unsaid);
                Ok(arguments)
            }
            _ => Err(vec![FieldProblem::new(arguments_at(i), "This is no JSON object.")]),
        }
    }

    /// Whether other arguments stand here than those proposed.
    pub fn is_edited(&self, action: &Action) -> bool {
        self.arguments(action, 0).as_ref() != Ok(&action.arguments)
    }

    fn decide(&self, action: &Action, i: usize) -> Result<ActionDecision, Problems> {
        let at = |field: &str, detail: String| vec![FieldProblem::new(format!("/actions/{i}/{field}"), detail)];
        let decision = self.verdict.ok_or_else(|| at("decision", "Decide this one too.".to_owned()))?;
        let arguments = match decision {
            Verdict::Edit => self.arguments(action, i)?,
            Verdict::Approve | Verdict::Reject => action.arguments.clone(),
        };
        let comment = match (decision, self.comment.trim()) {
            (Verdict::Reject, comment) if !comment.is_empty() => {
                Some(Text::parse(comment).map_err(|problem| at("comment", format!("The reason {problem}.")))?)
            }
            _ => None,
        };
        Ok(ActionDecision { id: action.id.clone(), decision, arguments, comment, executed_by: ExecutedBy::Agent })
    }
}

/// The fields of an ask's result.
pub fn data_fields(ask: &Ask) -> Vec<Field> {
    ask.response_schema.as_ref().map(|schema| fields(schema, "/data")).unwrap_or_default()
}

fn arguments_at(i: usize) -> String {
    "/actions/".to_owned() + &i.to_string() + "/arguments"
}

/// The fields of the arguments of the action at place `i`; without a schema of properties one, for JSON.
pub fn argument_fields(action: &Action, i: usize) -> Vec<Field> {
    match &action.arguments_schema {
        Some(schema) if schema.get("properties").is_some_and(Value::is_object) => fields(schema, &arguments_at(i)),
        _ => vec![Field {
            name: String::new(),
            pointer: arguments_at(i),
            label: "Arguments".to_owned(),
            hint: None,
            required: true,
            kind: Kind::Json,
            default: None,
        }],
    }
}

/// What the agent will be told, as far as it is decided here.
pub fn preview(resolution: &Resolution) -> String {
    let mut value = serde_json::to_value(resolution).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.retain(|name, value| name != "avoidable" && !value.is_null() && *value != json!([]));
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ask::AskKind;

    fn action(id: &str, arguments_schema: Option<Value>) -> Action {
        Action {
            id: Text::parse(id).unwrap(),
            name: Text::parse("refund").unwrap(),
            arguments: json!({"eur": 5, "order": "A-1"}).as_object().cloned().unwrap(),
            arguments_schema,
            allowed: vec![Verdict::Approve, Verdict::Edit, Verdict::Reject],
        }
    }

    #[test]
    fn a_question_needs_its_answer() {
        let ask = Ask::bare(AskKind::Question);
        let mut sheet = Sheet::of(&ask);
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
        let mut sheet = Sheet::of(&ask);
        assert!(!sheet.cards[0].is_edited(&ask.actions[0]));
        sheet.cards[0].verdict = Some(Verdict::Approve);
        assert_eq!(sheet.decided(&ask).unwrap_err()[0].pointer, "/actions/1/decision");
        sheet.cards[1].verdict = Some(Verdict::Edit);
        sheet.cards[1].filled.insert(String::new(), r#"{"eur": 4}"#.into());
        let resolution = sheet.decided(&ask).unwrap();
        assert_eq!(resolution.disposition, Disposition::ApprovedWithEdits);
        assert_eq!(resolution.actions[1].arguments, json!({"eur": 4}).as_object().cloned().unwrap());
        sheet.cards[1].filled.insert(String::new(), "[4]".into());
        assert_eq!(sheet.decided(&ask).unwrap_err()[0].pointer, "/actions/1/arguments");
        sheet.cards[1].verdict = Some(Verdict::Reject);
        sheet.cards[1].comment = "Too much".into();
        assert_eq!(sheet.decided(&ask).unwrap().disposition, Disposition::Rejected);
    }

    #[test]
    fn typed_arguments_keep_what_no_field_shows() {
        let schema = json!({"properties": {"eur": {"type": "number"}, "express": {"type": "boolean"}}});
        let ask = Ask { actions: vec![action("a", Some(schema))], ..Ask::bare(AskKind::Decision) };
        let mut sheet = Sheet::of(&ask);
        assert!(!sheet.cards[0].is_edited(&ask.actions[0]));
        sheet.cards[0].filled.insert("eur".into(), "4.5".into());
        assert!(sheet.cards[0].is_edited(&ask.actions[0]));
        let arguments = sheet.cards[0].arguments(&ask.actions[0], 0).unwrap();
        assert_eq!(Value::Object(arguments), json!({"eur": 4.5, "order": "A-1"}));
        sheet.cards[0].filled.insert("eur".into(), "much".into());
        assert_eq!(sheet.cards[0].arguments(&ask.actions[0], 3).unwrap_err()[0].pointer, "/actions/3/arguments/eur");
    }

    #[test]
    fn a_kept_sheet_comes_back_if_it_is_of_this_ask() {
        let ask = Ask { actions: vec![action("a", None)], ..Ask::bare(AskKind::Decision) };
        let mut sheet = Sheet::of(&ask);
        sheet.note = "Careful".into();
        let kept = serde_json::to_string(&sheet).unwrap();
        assert_eq!(Sheet::kept(&ask, &kept), Some(sheet));
        assert_eq!(Sheet::kept(&Ask::bare(AskKind::Question), &kept), None);
        assert_eq!(Sheet::kept(&ask, "plain text"), None);
    }
}
