//! Renders events for agents, with the escalation as of that event.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ActorBody, At, EscalationBody, Links, MessageBody, OperatorBody, cursor, schemas::publish_words, written};
use crate::domain::{
    conversation::Control,
    escalation::Escalation,
    event::{Event, EventKind, EventType, TransferTarget},
    ids::{EscalationId, EventId, MessageId},
    message::ReceiptState,
    operator::OperatorRef,
    seq::Seq,
    text::Text,
    update::UpdatedPart,
};

/// An event as it is stored. [`sent_event`] adds the cursor.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredEvent)]
struct EventBody<'a> {
    id: EventId,
    /// Orders the events of a workspace. It has gaps where others have events.
    seq: Seq,
    at: At,
    #[serde(rename = "type")]
    #[schema(value_type = AgentEventType)]
    kind: &'static str,
    escalation_id: EscalationId,
    conversation_id: Option<&'a str>,
    tool_call_id: Option<&'a str>,
    /// True for an event of a test, which Robot answers. Left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    test: Option<bool>,
    /// The side that speaks to the customer after the event.
    control: Control,
    actor: ActorBody<'a>,
    data: DataBody<'a>,
}

/// Something that happened to an escalation.
#[derive(ToSchema)]
#[schema(as = Event)]
#[expect(dead_code, reason = "only the schema is used: `sent_event` adds the cursor to a stored text")]
pub struct SentEvent<'a> {
    /// The position of the event: send it as `after` to go on from here.
    cursor: String,
    #[serde(flatten)]
    event: EventBody<'a>,
}

/// The kinds of target of a transfer.
struct TransferTargetKind;

/// The types of event that agents receive.
struct AgentEventType;

publish_words! {
    TransferTargetKind as "TransferTargetKind" = ["operator", "queue"];
    AgentEventType as "EventType" = EventType::ALL.iter().filter(|it| it.is_for_agents()).map(|it| it.as_str());
}

/// The content of an event. `message.created` has `message`. `message.receipt` has `message_id`, `state` and `detail`. Every
/// other event has `escalation`, as it was after the event; a transfer also has `to`, and an update also has `changed`.
#[derive(Serialize, ToSchema)]
#[schema(as = EventData)]
#[serde(untagged)]
enum DataBody<'a> {
    Message {
        message: MessageBody<'a>,
    },
    Receipt {
        message_id: MessageId,
        state: ReceiptState,
        detail: Option<&'a Text<500>>,
    },
    Transfer {
        escalation: Box<EscalationBody<'a>>,
        to: TargetBody<'a>,
    },
    /// `changed` names the parts of the escalation that the update changed.
    Update {
        escalation: Box<EscalationBody<'a>>,
        changed: Vec<UpdatedPart>,
    },
    Escalation {
        escalation: Box<EscalationBody<'a>>,
    },
}

/// The operator or the queue that an escalation was transferred to.
#[derive(Serialize, ToSchema)]
#[schema(as = TransferTarget)]
struct TargetBody<'a> {
    #[schema(value_type = TransferTargetKind)]
    kind: &'static str,
    id: String,
    name: &'a str,
}

impl<'a> From<&'a TransferTarget> for TargetBody<'a> {
    fn from(target: &'a TransferTarget) -> Self {
        match target {
            TransferTarget::Operator(operator) => {
                Self { kind: "operator", id: operator.id.to_string(), name: operator.public_name.as_str() }
            }
            TransferTarget::Queue(queue) => Self { kind: "queue", id: queue.id.to_string(), name: queue.name.as_str() },
        }
    }
}

/// Renders an event for its agent, or returns `None` if events of this kind are not sent to agents. `after` is the
/// escalation with the event applied, `outcome` the rendered outcome once there is one.
pub fn event_json(event: &Event, after: &Escalation, outcome: Option<&str>, links: &Links) -> Option<String> {
    if !event.kind.event_type().is_for_agents() {
        return None;
    }
    // Only the closing event carries the outcome, so that an agent acts on it once.
    let closes = event.kind.event_type().closes();
    let outcome = outcome.filter(|_| closes);
    let escalation = || Box::new(EscalationBody::in_event(after, event.held_by, outcome, links));
    let data = match &event.kind {
        EventKind::MessageCreated { message } => DataBody::Message { message: MessageBody::from(message) },
        EventKind::MessageReceipt { message_id, receipt } => {
            DataBody::Receipt { message_id: *message_id, state: receipt.state, detail: receipt.detail.as_ref() }
        }
        EventKind::Transferred { to, .. } => DataBody::Transfer { escalation: escalation(), to: TargetBody::from(to) },
        EventKind::Updated { update, .. } => DataBody::Update { escalation: escalation(), changed: update.parts() },
        _ => DataBody::Escalation { escalation: escalation() },
    };
    Some(written(&EventBody {
        id: event.id,
        seq: event.seq,
        at: At(event.at),
        kind: event.kind.event_type().as_str(),
        escalation_id: event.escalation_id,
        conversation_id: after.opening.conversation_id(),
        tool_call_id: after.opening.tool_call_id(),
        test: after.agent.test.then_some(true),
        control: event.control(),
        actor: ActorBody::from(&event.actor),
        data,
    }))
}

/// Returns a stored event as it is sent, with its cursor. The epoch is not stored, because a restored log gets another.
pub fn sent_event(stored: &str, epoch: &str, seq: Seq) -> String {
    let members = stored.strip_prefix('{').unwrap_or_default();
    format!("{{\"cursor\":\"{}\",{members}", cursor(epoch, seq))
}

/// Returns whether an event was stored without the ids of its conversation and tool call, as events once were.
pub fn lacks_ids(stored: &str) -> bool {
    // An event that lacks them begins with its seq, and any other with its id.
    stored.starts_with("{\"seq\":")
}

/// Adds these ids to a stored event that lacks them.
pub fn with_ids(stored: &str, conversation_id: Option<&str>, tool_call_id: Option<&str>) -> String {
    #[derive(Serialize)]
    struct IdsBody<'a> {
        conversation_id: Option<&'a str>,
        tool_call_id: Option<&'a str>,
    }
    let ids = written(&IdsBody { conversation_id, tool_call_id });
    let (ids, members) = (ids.strip_suffix('}').unwrap_or_default(), stored.strip_prefix('{').unwrap_or_default());
    format!("{ids},{members}")
}

/// The data of the hint `typing` on streams: an operator is typing to the customer.
#[derive(Serialize, ToSchema)]
#[schema(as = Typing)]
pub struct TypingBody<'a> {
    escalation_id: EscalationId,
    operator: OperatorBody<'a>,
}

/// Renders the hint that an operator is typing to an escalation's customer.
pub fn typing_json(escalation_id: EscalationId, operator: &OperatorRef) -> String {
    written(&TypingBody { escalation_id, operator: OperatorBody::from(operator) })
}
