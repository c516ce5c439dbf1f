//! The request bodies that agents send. They are a published contract, so each object is one struct that refuses
//! unknown fields.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    json::RequestBody,
    lenient::{self, ModelNumber, ModelText, ModelTexts},
    strict_object::StrictObject,
};
use crate::domain::{
    ask::{AskKind, Verdict},
    message::ReceiptState,
};

/// How many entries of `tried` are kept.
pub const MOST_TRIED: usize = 20;

/// `POST /escalations`. Only the reason is required.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    pub reason: Option<StrictObject<ReasonRequest>>,
    pub summary: Option<ModelText>,
    pub tried: Option<ModelTexts<MOST_TRIED>>,
    pub customer_told: Option<ModelText>,
    pub urgency: Option<ModelText>,
    pub ask: Option<StrictObject<AskRequest>>,
    pub conversation: Option<StrictObject<ConversationRequest>>,
    pub context: Option<Vec<StrictObject<ContextRequest>>>,
    pub routing: Option<StrictObject<RoutingRequest>>,
    pub deadlines: Option<StrictObject<DeadlinesRequest>>,
    pub on_expiry: Option<StrictObject<OnExpiryRequest>>,
    pub resume: Option<StrictObject<ResumeRequest>>,
    pub metadata: Option<Map<String, Value>>,
    /// The kinds of later requests that the agent takes. No kind is defined yet, so any word is kept.
    pub accepts: Option<Vec<String>>,
}

impl RequestBody for OpenRequest {
    const LIMIT: usize = 8 * 1024 * 1024;
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonRequest {
    pub code: Option<ModelText>,
    pub text: Option<ModelText>,
    pub evidence: Option<Map<String, Value>>,
    pub confidence: Option<ModelNumber>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskRequest {
    #[serde(default, deserialize_with = "lenient::word")]
    pub kind: Option<AskKind>,
    pub prompt: Option<ModelText>,
    pub suggested_reply: Option<ModelText>,
    pub options: Option<Vec<String>>,
    pub response_schema: Option<Value>,
    pub actions: Option<Vec<StrictObject<ActionRequest>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    pub id: Option<String>,
    pub name: Option<String>,
    /// Raw JSON text, so that numbers stay as they were written.
    pub arguments: Option<Box<RawValue>>,
    pub arguments_schema: Option<Value>,
    pub allowed: Option<Vec<Verdict>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationRequest {
    pub id: Option<String>,
    #[serde(default, deserialize_with = "lenient::word")]
    pub format: Option<TranscriptFormat>,
    /// Unparsed, because odd messages must not refuse an escalation.
    pub messages: Option<Vec<Box<RawValue>>>,
    pub total_messages: Option<i64>,
    pub customer: Option<StrictObject<CustomerRequest>>,
}

/// The format of a conversation's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum TranscriptFormat {
    #[serde(rename = "native")]
    Native,
    #[serde(rename = "openai.chat")]
    OpenaiChat,
    #[serde(rename = "openai.responses")]
    OpenaiResponses,
    #[serde(rename = "anthropic.messages")]
    AnthropicMessages,
    #[serde(rename = "langchain")]
    Langchain,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerRequest {
    pub id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub locale: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextRequest {
    pub label: Option<String>,
    pub value: Option<String>,
    pub url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutingRequest {
    pub queue: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadlinesRequest {
    pub claim_within_seconds: Option<i64>,
    pub resolve_within_seconds: Option<i64>,
    pub expire_after_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnExpiryRequest {
    pub note_to_agent: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    pub tool_call_id: Option<String>,
    pub run_id: Option<String>,
    /// Raw JSON text, so that its length in the body is known.
    pub state: Option<Box<RawValue>>,
}

/// `POST /escalations/{id}/messages`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SayRequest {
    pub client_message_id: Option<String>,
    pub role: Option<SayRole>,
    pub text: Option<ModelText>,
    /// The text as in OpenAI's messages.
    pub content: Option<ModelText>,
    pub at: Option<String>,
    pub attachments: Option<Vec<Value>>,
}

impl RequestBody for SayRequest {
    const LIMIT: usize = 1024 * 1024;
}

/// The roles in which an agent may add a message, also by their names in OpenAI's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SayRole {
    #[serde(alias = "user")]
    Customer,
    #[serde(alias = "assistant")]
    Agent,
    System,
}

/// `POST /escalations/{id}/receipts`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRequest {
    pub message_id: Option<String>,
    pub state: Option<ReceiptState>,
    pub detail: Option<String>,
}

impl RequestBody for ReceiptRequest {
    const LIMIT: usize = 256 * 1024;
}

/// `POST /escalations/{id}/cancel`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    pub reason: Option<ModelText>,
}

impl RequestBody for CancelRequest {
    const LIMIT: usize = 256 * 1024;
}

/// `POST /escalations/{id}/acknowledge`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {}

impl RequestBody for AcknowledgeRequest {
    const LIMIT: usize = 256 * 1024;
    const MAY_BE_MISSING: bool = true;
}

/// `POST /escalations/{id}/typing`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypingRequest {}

impl RequestBody for TypingRequest {
    const LIMIT: usize = 256 * 1024;
    const MAY_BE_MISSING: bool = true;
}
