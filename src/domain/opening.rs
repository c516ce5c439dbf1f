//! Openings: what the agent said when it opened an escalation. Only an update of the agent changes it afterwards.

use serde::{Deserialize, Serialize};

use super::{
    ask::{Ask, AskKind},
    field_problem::FieldProblem,
    json_text::{JsonText, within_json},
    reason::Reason,
    text::{NoteText, Text},
};

/// The customer, as the agent knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Customer {
    /// The agent's own id of the customer.
    #[serde(rename = "external_id")]
    pub id: Option<Text<255>>,
    pub name: Option<Text<200>>,
    pub email: Option<Text<320>>,
    /// A BCP 47 language tag, as given.
    pub locale: Option<Text<35>>,
}

/// The facts about the conversation, in addition to its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationFacts {
    /// The agent's own id of the conversation.
    #[serde(rename = "external_id")]
    pub id: Option<Text<255>>,
    /// The number of messages of the conversation, by the agent's count.
    pub total_messages: i64,
    /// The number of messages that came with the escalation.
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

/// The data that the agent needs to resume, returned unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resume {
    pub tool_call_id: Option<String>,
    pub run_id: Option<String>,
    pub state: Option<String>,
}

/// Everything that an agent says when it opens an escalation, checked.
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
    /// The note to the agent when the escalation expires.
    pub on_expiry_note: Option<NoteText>,
    pub resume: Option<Resume>,
    /// An object of the agent, returned unchanged.
    #[serde(default, with = "within_json")]
    pub metadata: Option<JsonText>,
    /// The kinds of later requests that the agent takes, as it named them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<Text<100>>,
    /// Problems of the request that did not prevent the opening.
    pub warnings: Vec<FieldProblem>,
}

impl Opening {
    /// Creates an opening with a reason and an ask, and nothing else.
    pub fn new(reason: Reason, ask: Ask) -> Self {
        Self {
            reason,
            summary: None,
            tried: vec![],
            customer_told: None,
            ask,
            conversation: None,
            context: vec![],
            on_expiry_note: None,
            resume: None,
            metadata: None,
            accepts: vec![],
            warnings: vec![],
        }
    }

    /// Returns the part of an opening that operators' streams carry. Pages read the opening from the escalation's own
    /// page, and lists read it from their rows.
    pub fn outline(&self) -> Self {
        Self::new(Reason { evidence: None, ..self.reason.clone() }, Ask::bare(self.ask.kind))
    }

    /// Returns the agent's own id of the conversation.
    pub fn conversation_id(&self) -> Option<&str> {
        self.conversation.as_ref()?.id.as_ref().map(Text::as_str)
    }

    /// Returns the id of the tool call with which the agent opened the escalation.
    pub fn tool_call_id(&self) -> Option<&str> {
        self.resume.as_ref()?.tool_call_id.as_deref()
    }

    /// Returns the customer, when anything is known of them.
    pub fn customer(&self) -> Option<&Customer> {
        self.conversation.as_ref()?.customer.as_ref()
    }

    /// Returns whether there is a customer to talk to. A background agent that asks a question may have none.
    pub fn has_customer(&self) -> bool {
        self.ask.kind == AskKind::Takeover
            || self.conversation.as_ref().is_some_and(|it| {
                it.id.is_some() || it.customer.is_some() || it.total_messages > 0 || it.received_messages > 0
            })
    }

    /// Returns the number of messages that came and the total, when not all of them came.
    pub fn short(&self) -> Option<(i64, i64)> {
        let it = self.conversation.as_ref()?;
        (it.received_messages < it.total_messages).then_some((it.received_messages, it.total_messages))
    }

    /// Returns the key by which this agent's customer is recognised: the customer's own id, otherwise that of the
    /// conversation. The two forms cannot collide.
    pub fn customer_key(&self) -> Option<String> {
        let customer = self.customer().and_then(|it| it.id.as_ref()).map(|id| format!("customer/{id}"));
        customer.or_else(|| self.conversation_id().map(|id| format!("conversation/{id}")))
    }

    /// Returns the title of this escalation for rows and headers: the customer, otherwise the subject.
    pub fn title(&self) -> String {
        let customer = self.customer();
        let known = customer.and_then(|it| {
            let name = it.name.as_ref().map(Text::as_str);
            name.or(it.email.as_ref().map(Text::as_str)).or(it.id.as_ref().map(Text::as_str))
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
