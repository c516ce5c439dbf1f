//! What the agent said when it opened an escalation. Never changes afterwards.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    ask::{Ask, AskKind, FieldProblem},
    reason::Reason,
    text::{NoteText, Text},
};

/// The customer, as the agent knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Customer {
    pub external_id: Option<Text<255>>,
    pub name: Option<Text<200>>,
    pub email: Option<Text<320>>,
    /// A BCP 47 language tag, as given.
    pub locale: Option<Text<35>>,
}

/// What is known of the conversation beside its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationFacts {
    pub external_id: Option<Text<255>>,
    /// How many messages the conversation had, by the agent's count.
    pub total_messages: i64,
    /// How many of them came with the escalation.
    pub received_messages: i64,
    pub customer: Option<Customer>,
}

/// A labelled fact or link that helps the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextItem {
    pub label: Text<200>,
    pub value: Option<Text<4_000>>,
    pub url: Option<Text<2_000>>,
}

/// What the agent needs to find its place again; returned unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resume {
    pub tool_call_id: Option<String>,
    pub run_id: Option<String>,
    pub state: Option<String>,
}

/// Everything an agent says at the open, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    pub reason: Reason,
    pub summary: Option<Text<4_000>>,
    pub tried: Vec<Text<500>>,
    pub customer_told: Option<Text<2_000>>,
    pub ask: Ask,
    /// None for a background agent that has no conversation.
    pub conversation: Option<ConversationFacts>,
    pub context: Vec<ContextItem>,
    /// What the agent is told when nobody came.
    pub on_expiry_note: Option<NoteText>,
    pub resume: Option<Resume>,
    pub metadata: Option<Map<String, Value>>,
    /// What was odd about the request and taken all the same.
    pub warnings: Vec<FieldProblem>,
}

impl Opening {
    /// What is left for operators' streams: pages read an opening from the escalation's own page, and a list from its row.
    pub fn outline(&self) -> Self {
        Self {
            reason: Reason { evidence: None, ..self.reason.clone() },
            summary: None,
            tried: vec![],
            customer_told: None,
            ask: Ask::bare(self.ask.kind),
            conversation: None,
            context: vec![],
            on_expiry_note: None,
            resume: None,
            metadata: None,
            warnings: vec![],
        }
    }

    /// The agent's own id of the conversation.
    pub fn external_id(&self) -> Option<&str> {
        self.conversation.as_ref()?.external_id.as_ref().map(Text::as_str)
    }

    /// The customer, when anything is known of them.
    pub fn customer(&self) -> Option<&Customer> {
        self.conversation.as_ref()?.customer.as_ref()
    }

    /// Whether there is a customer to talk to: a background agent that asks a question may have none.
    pub fn has_customer(&self) -> bool {
        self.ask.kind == AskKind::Takeover
            || self.conversation.as_ref().is_some_and(|it| {
                it.external_id.is_some() || it.customer.is_some() || it.total_messages > 0 || it.received_messages > 0
            })
    }

    /// How many messages came and how many there were, when not all came.
    pub fn short(&self) -> Option<(i64, i64)> {
        let it = self.conversation.as_ref()?;
        (it.received_messages < it.total_messages).then_some((it.received_messages, it.total_messages))
    }

    /// By what this agent's customer is known again: their own id, else that of the conversation. The two cannot be
    /// taken for one another.
    pub fn customer_key(&self) -> Option<String> {
        let customer = self.customer().and_then(|it| it.external_id.as_ref()).map(|id| format!("customer/{id}"));
        customer.or_else(|| self.external_id().map(|id| format!("conversation/{id}")))
    }

    /// How a row or a header names this escalation: the customer, else its subject.
    pub fn title(&self) -> String {
        let customer = self.customer();
        let known = customer.and_then(|it| {
            let name = it.name.as_ref().map(Text::as_str);
            name.or(it.email.as_ref().map(Text::as_str)).or(it.external_id.as_ref().map(Text::as_str))
        });
        match (known, &self.conversation) {
            (Some(name), _) => name.to_owned(),
            (None, Some(_)) => "Customer".to_owned(),
            (None, None) => {
                let subject = self.summary.as_ref().map_or(self.reason.text.as_str(), Text::as_str);
                subject.chars().take(80).collect()
            }
        }
    }
}
