//! The request bodies that agents send. They are a published contract, so each object is one struct that refuses
//! unknown fields.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use utoipa::ToSchema;

use super::{
    json::RequestBody,
    lenient::{self, ModelNumber, ModelText, ModelTexts},
    strict_object::StrictObject,
};
use crate::{
    domain::{
        ask::{AskKind, Verdict},
        ids::MessageId,
        message::ReceiptState,
        queue::Urgency,
        reason::ReasonCode,
    },
    server::contract::{AnyJson, AnyObject, publish_words},
};

/// How many entries of `tried` are kept.
pub const MOST_TRIED: usize = 20;

/// The request of an agent for a human. Only the reason is required.
#[derive(Deserialize, ToSchema)]
#[schema(as = OpenEscalation)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    #[schema(required, value_type = ReasonRequest)]
    pub reason: Option<StrictObject<ReasonRequest>>,
    /// The wish of the customer, in a few sentences.
    pub summary: Option<ModelText>,
    /// The steps that the agent has tried.
    #[schema(value_type = Option<Vec<String>>)]
    pub tried: Option<ModelTexts<MOST_TRIED>>,
    /// The words that the agent has told the customer about the hand-over.
    pub customer_told: Option<ModelText>,
    /// By default that of the queue. Another word is taken as `normal` or `urgent`, with a warning.
    #[schema(value_type = Option<Urgency>)]
    pub urgency: Option<ModelText>,
    #[schema(value_type = Option<AskRequest>)]
    pub ask: Option<StrictObject<AskRequest>>,
    #[schema(value_type = Option<ConversationRequest>)]
    pub conversation: Option<StrictObject<ConversationRequest>>,
    #[schema(value_type = Option<Vec<ContextRequest>>)]
    pub context: Option<Vec<StrictObject<ContextRequest>>>,
    #[schema(value_type = Option<RoutingRequest>)]
    pub routing: Option<StrictObject<RoutingRequest>>,
    #[schema(value_type = Option<DeadlinesRequest>)]
    pub deadlines: Option<StrictObject<DeadlinesRequest>>,
    #[schema(value_type = Option<OnExpiryRequest>)]
    pub on_expiry: Option<StrictObject<OnExpiryRequest>>,
    #[schema(value_type = Option<ResumeRequest>)]
    pub resume: Option<StrictObject<ResumeRequest>>,
    /// Returned unchanged, up to 16 KiB. In a test, Robot follows its member `rehearse`: `disposition` and `after_seconds`, or the
    /// whole outcome by `answer`, `data`, `actions`, `next` and `note`, and `messages`, which Robot says before. If Robot cannot
    /// follow it, `outcome.note_to_agent` says why.
    #[schema(value_type = Option<AnyObject>)]
    pub metadata: Option<Map<String, Value>>,
    /// The kinds of later requests that the agent takes, at most 20. No kind is defined yet, so any word is kept.
    #[schema(max_items = 20)]
    pub accepts: Option<Vec<String>>,
}

impl RequestBody for OpenRequest {
    const LIMIT: usize = 8 * 1024 * 1024;
}

/// New values for an open escalation. A value that is not given stays; a list and an ask replace the ones before.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateEscalation)]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    /// The wish of the customer, in a few sentences.
    pub summary: Option<ModelText>,
    /// The steps that the agent has tried.
    #[schema(value_type = Option<Vec<String>>)]
    pub tried: Option<ModelTexts<MOST_TRIED>>,
    #[schema(value_type = Option<Vec<ContextRequest>>)]
    pub context: Option<Vec<StrictObject<ContextRequest>>>,
    /// Facts that are not given stay.
    #[schema(value_type = Option<CustomerRequest>)]
    pub customer: Option<StrictObject<CustomerRequest>>,
    /// An urgency that an operator has set stays, with a warning.
    #[schema(value_type = Option<Urgency>)]
    pub urgency: Option<ModelText>,
    /// The whole ask, of the same kind. It gets the next version; what an operator has decided about an action stays while
    /// the action with its id is the same.
    #[schema(value_type = Option<AskRequest>)]
    pub ask: Option<StrictObject<AskRequest>>,
}

impl RequestBody for UpdateRequest {
    const LIMIT: usize = 1024 * 1024;
}

#[derive(Default, Deserialize, ToSchema)]
#[schema(as = NewReason)]
#[serde(deny_unknown_fields)]
pub struct ReasonRequest {
    /// Another word is taken as `other`, and kept as the label.
    #[schema(value_type = Option<ReasonCode>)]
    pub code: Option<ModelText>,
    /// A sentence.
    pub text: Option<ModelText>,
    /// Facts behind the reason, up to 16 KiB.
    #[schema(value_type = Option<AnyObject>)]
    pub evidence: Option<Map<String, Value>>,
    /// From 0 to 1.
    pub confidence: Option<ModelNumber>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewAsk)]
#[serde(deny_unknown_fields)]
pub struct AskRequest {
    #[serde(default, deserialize_with = "lenient::word")]
    /// By default `takeover` if `conversation` is given, else `question`.
    #[schema(value_type = Option<AskKind>)]
    pub kind: Option<AskKind>,
    /// The question, in words.
    pub prompt: Option<ModelText>,
    /// A reply to the customer that the operator may use.
    pub suggested_reply: Option<ModelText>,
    /// Two to nine answers, of which the operator chooses one. Only a question without a `response_schema` has options.
    #[schema(min_items = 2, max_items = 9)]
    pub options: Option<Vec<String>>,
    /// A JSON Schema (draft 2020-12) by which the operator fills in `outcome.data`.
    #[schema(value_type = Option<AnyJson>)]
    pub response_schema: Option<Value>,
    /// The proposals, 1 to 20. A decision must have them; no other ask may.
    #[schema(value_type = Option<Vec<ActionRequest>>)]
    pub actions: Option<Vec<StrictObject<ActionRequest>>>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewAction)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    #[schema(required, value_type = String, min_length = 1, max_length = 100)]
    pub id: Option<String>,
    #[schema(required, value_type = String, min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// An object, or the JSON text of one. An approval returns it byte for byte.
    // Raw JSON text, so that numbers stay as they were written.
    #[schema(value_type = Option<AnyJson>)]
    pub arguments: Option<Box<RawValue>>,
    /// The JSON Schema of the arguments, which becomes the form in which an operator edits them.
    #[schema(value_type = Option<AnyJson>)]
    pub arguments_schema: Option<Value>,
    /// The verdicts that the operator may give, by default `approve`, `edit` and `reject`.
    pub allowed: Option<Vec<Verdict>>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewConversation)]
#[serde(deny_unknown_fields)]
pub struct ConversationRequest {
    /// The agent's own id of the conversation. A conversation has at most one open takeover.
    #[schema(max_length = 255)]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "lenient::word")]
    /// The format of `messages`, by default `native`.
    #[schema(value_type = Option<TranscriptFormat>)]
    pub format: Option<TranscriptFormat>,
    /// The conversation so far, oldest first. A `native` message has a `role` (`customer`, `agent`, `operator`, `tool` or
    /// `system`) and at least one of `text`, `tool_calls` and `tool_result`; `at`, `author` and `client_message_id` are optional.
    /// An `openai.chat` message has OpenAI's fields. The server keeps the last 10,000 messages. A message that it cannot read
    /// becomes a placeholder, with a warning.
    #[schema(value_type = Option<Vec<AnyJson>>)]
    pub messages: Option<Vec<Box<RawValue>>>,
    /// How many messages the conversation has, if not all of them are sent.
    pub total_messages: Option<i64>,
    #[schema(value_type = Option<CustomerRequest>)]
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

/// The facts about the customer. A text that is too long is cut, with a warning: the `id` to 255 characters, the `name` to 200,
/// the `email` to 320, the `locale` to 35.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewCustomer)]
#[serde(deny_unknown_fields)]
pub struct CustomerRequest {
    pub id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub locale: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewContextItem)]
#[serde(deny_unknown_fields)]
pub struct ContextRequest {
    #[schema(required, value_type = String, min_length = 1, max_length = 200)]
    pub label: Option<String>,
    #[schema(max_length = 4000)]
    pub value: Option<String>,
    /// Begins with https:// or http://.
    #[schema(max_length = 2000)]
    pub url: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Routing)]
#[serde(deny_unknown_fields)]
pub struct RoutingRequest {
    /// The name of a queue. An unknown one means the default queue, with a warning.
    pub queue: Option<String>,
}

/// Deadlines. The queue sets those that are not given. Without either, a takeover expires if nobody claims it within 15
/// minutes, and a question or a decision expires after 24 hours. An expired escalation has the disposition `unanswered` and no
/// action to run, and the agent is in control.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewDeadlines)]
#[serde(deny_unknown_fields)]
pub struct DeadlinesRequest {
    /// After how many seconds the escalation expires if nobody has claimed it.
    #[schema(minimum = 1, maximum = 2592000)]
    pub claim_within_seconds: Option<i64>,
    /// After how many seconds colleagues are warned.
    #[schema(minimum = 1, maximum = 2592000)]
    pub resolve_within_seconds: Option<i64>,
    /// After how many seconds the escalation expires, claimed or not.
    #[schema(minimum = 1, maximum = 2592000)]
    pub expire_after_seconds: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = OnExpiry)]
#[serde(deny_unknown_fields)]
pub struct OnExpiryRequest {
    /// The note of the outcome if nobody came.
    #[schema(max_length = 10000)]
    pub note_to_agent: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewResume)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    pub tool_call_id: Option<String>,
    pub run_id: Option<String>,
    /// Up to 1 MiB of text.
    // Raw JSON text, so that its length in the body is known.
    #[schema(value_type = Option<String>)]
    pub state: Option<Box<RawValue>>,
}

/// A message that is added to the conversation.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewMessage)]
#[serde(deny_unknown_fields)]
pub struct SayRequest {
    /// The caller's own name for the message, 1 to 128 characters. The same name again is the same message.
    #[schema(required, value_type = String, min_length = 1, max_length = 128)]
    pub client_message_id: Option<String>,
    #[schema(required, value_type = SayRole)]
    pub role: Option<SayRole>,
    /// The words. A text over 256 KiB is cut, with a warning. Required, unless `content` is given.
    pub text: Option<ModelText>,
    /// The words as in OpenAI's messages: a text, or a list of parts.
    #[schema(value_type = Option<AnyJson>)]
    pub content: Option<ModelText>,
    /// When it was said, if not now.
    #[schema(format = DateTime)]
    pub at: Option<String>,
    /// Reserved: must be empty.
    #[schema(value_type = Option<Vec<AnyJson>>)]
    pub attachments: Option<Vec<Value>>,
}

// The published formats are those that are taken. A request in another one is told which they are.
publish_words! {
    TranscriptFormat as "TranscriptFormat" = ["native", "openai.chat"];
    SayRole as "AddedRole" = ["customer", "agent", "system", "user", "assistant"];
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

/// The receipt for an operator's message.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewReceipt)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRequest {
    /// The id of an operator's message.
    #[schema(required, value_type = MessageId)]
    pub message_id: Option<String>,
    #[schema(required, value_type = ReceiptState)]
    pub state: Option<ReceiptState>,
    /// Why it failed.
    pub detail: Option<String>,
}

impl RequestBody for ReceiptRequest {
    const LIMIT: usize = 256 * 1024;
}

/// Why an escalation is withdrawn.
#[derive(Deserialize, ToSchema)]
#[schema(as = Cancellation)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Why no human is needed any more.
    pub reason: Option<ModelText>,
}

impl RequestBody for CancelRequest {
    const LIMIT: usize = 256 * 1024;
}

/// An object without members.
#[derive(Deserialize, ToSchema)]
#[schema(as = Acknowledgement)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {}

impl RequestBody for AcknowledgeRequest {
    const LIMIT: usize = 256 * 1024;
    const MAY_BE_MISSING: bool = true;
}

/// An object without members.
#[derive(Deserialize, ToSchema)]
#[schema(as = CustomerTyping)]
#[serde(deny_unknown_fields)]
pub struct TypingRequest {}

impl RequestBody for TypingRequest {
    const LIMIT: usize = 256 * 1024;
    const MAY_BE_MISSING: bool = true;
}
