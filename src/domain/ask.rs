//! The ask of an agent: a takeover, an answer to a question, or a decision.

use serde::{Deserialize, Serialize};

use super::{
    disposition::Disposition,
    field_problem::FieldProblem,
    json_text::{JsonText, within_json},
    text::Text,
    words::words,
};

/// The kind of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    /// The operator talks to the customer.
    Takeover,
    /// The operator tells the agent something.
    Question,
    /// The operator approves, edits or rejects what the agent proposes.
    Decision,
}

words!(AskKind {
    Takeover = "takeover", "Takeover";
    Question = "question", "Question";
    Decision = "decision", "Decision";
});

impl AskKind {
    /// Returns the dispositions that an operator may choose, the first preselected. The dispositions of a decision
    /// follow from its cards, except for `declined` and `referred`.
    pub fn offered(self) -> &'static [Disposition] {
        use Disposition::{Abandoned, Answered, Declined, Handled, Instructed, Referred};
        match self {
            Self::Takeover => &[Handled, Instructed, Referred, Abandoned, Declined],
            Self::Question => &[Answered, Instructed, Referred, Abandoned, Declined],
            Self::Decision => &[Declined, Referred],
        }
    }
}

/// A verdict on a proposed action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    Edit,
    Reject,
    /// The action is not run, and the agent's model reads the operator's text instead.
    Respond,
}

words!(Verdict {
    Approve = "approve",
    Edit = "edit",
    Reject = "reject",
    Respond = "respond",
});

impl Verdict {
    /// The verdicts that are allowed where the agent does not say.
    pub const DEFAULT: [Self; 3] = [Self::Approve, Self::Edit, Self::Reject];

    /// Returns whether the action is carried out.
    pub fn is_go_ahead(self) -> bool {
        matches!(self, Self::Approve | Self::Edit)
    }

    /// Returns the disposition of a decision with these verdicts: any rejection rejects, otherwise any response
    /// instructs, otherwise any edit is an approval with edits.
    pub fn disposition(verdicts: impl IntoIterator<Item = Self>) -> Disposition {
        let weight = |verdict: &Self| match verdict {
            Self::Approve => 0,
            Self::Edit => 1,
            Self::Respond => 2,
            Self::Reject => 3,
        };
        match verdicts.into_iter().max_by_key(weight) {
            Some(Self::Reject) => Disposition::Rejected,
            Some(Self::Respond) => Disposition::Instructed,
            Some(Self::Edit) => Disposition::ApprovedWithEdits,
            Some(Self::Approve) | None => Disposition::Approved,
        }
    }
}

/// Returns whether a number is zero, which stored texts leave out.
pub fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn is_same_schema(one: &Option<JsonText>, other: &Option<JsonText>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_same_value(other),
        (None, None) => true,
        _ => false,
    }
}

/// An action that the agent proposes, for a human to decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    pub id: Text<100>,
    pub name: Text<200>,
    /// The arguments, an object, as the agent sent them. An approval hands back these bytes.
    pub arguments: JsonText,
    #[serde(default, with = "within_json")]
    pub arguments_schema: Option<JsonText>,
    pub allowed: Vec<Verdict>,
    /// The places where the arguments violate the agent's own schema. Pointers start at the root of the arguments.
    /// Faults do not prevent an approval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FieldProblem>,
    /// The revision of the ask in which the action got its present form, so that an operator's decision about it stays
    /// only while it is the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub since: i64,
}

impl Action {
    /// Returns whether another proposal is the same for the operator who decides it.
    fn says_the_same_as(&self, other: &Self) -> bool {
        (&self.id, &self.name, &self.allowed) == (&other.id, &other.name, &other.allowed)
            && is_same_schema(&self.arguments_schema, &other.arguments_schema)
            && self.arguments.json() == other.arguments.json()
    }
}

/// The ask of an escalation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub kind: AskKind,
    pub prompt: Option<Text<2_000>>,
    pub suggested_reply: Option<Text<4_000>>,
    /// Two to nine answers to a question that has no schema. The answer is the exact text of one of them.
    pub options: Option<Vec<Text<200>>>,
    /// A JSON Schema (draft 2020-12) that the outcome's data must satisfy.
    #[serde(default, with = "within_json")]
    pub response_schema: Option<JsonText>,
    pub actions: Vec<Action>,
    /// The revision in which the form of the answer, its schema or its options, got its present form.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub form_since: i64,
    /// How often the agent has changed the ask. A resolution names the revision that it decides.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: i64,
}

impl Ask {
    /// Creates an ask with a kind and nothing else.
    pub fn bare(kind: AskKind) -> Self {
        Self {
            kind,
            prompt: None,
            suggested_reply: None,
            options: None,
            response_schema: None,
            actions: vec![],
            form_since: 0,
            revision: 0,
        }
    }

    /// Returns the version that agents see, from 1.
    pub fn version(&self) -> i64 {
        self.revision + 1
    }

    /// Returns this ask as the next revision of another one; none if it says the same. Actions that are as they were keep
    /// their revision.
    pub fn after(mut self, before: &Self) -> Option<Self> {
        self.revision = before.revision + 1;
        for action in &mut self.actions {
            match before.actions.iter().find(|old| action.says_the_same_as(old)) {
                // Its text and what was found in it stay, too, so that the same proposal is no change.
                Some(old) => action.clone_from(old),
                None => action.since = self.revision,
            }
        }
        let is_same_form =
            is_same_schema(&self.response_schema, &before.response_schema) && self.options == before.options;
        if is_same_form {
            (self.form_since, self.response_schema) = (before.form_since, before.response_schema.clone());
        } else {
            self.form_since = self.revision;
        }
        let is_same = Self { revision: before.revision, ..self.clone() } == *before;
        (!is_same).then_some(self)
    }

    /// Checks the rules between the fields of the ask and returns the violations. Pointers are relative to the ask.
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = vec![];
        match (self.kind, self.actions.len()) {
            (AskKind::Decision, 1..=20) => {}
            (AskKind::Decision, _) => problems.push(FieldProblem::new("/actions", "a decision needs 1 to 20 actions")),
            (_, 0) => {}
            _ => problems.push(FieldProblem::new("/actions", "only a decision has actions")),
        }
        for (i, action) in self.actions.iter().enumerate() {
            if action.allowed.is_empty() {
                problems.push(FieldProblem::new(format!("/actions/{i}/allowed"), "must allow something"));
            }
            if self.actions[..i].iter().any(|earlier| earlier.id == action.id) {
                problems.push(FieldProblem::new(format!("/actions/{i}/id"), "another action has this id"));
            }
        }
        if let Some(options) = &self.options {
            if self.kind != AskKind::Question || self.response_schema.is_some() {
                problems.push(FieldProblem::new("/options", "only a question without a response_schema has options"));
            } else if !(2..=9).contains(&options.len()) {
                problems.push(FieldProblem::new("/options", "must have 2 to 9 options"));
            }
        }
        problems
    }
}
