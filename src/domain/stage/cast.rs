//! The people and agents of the tests: the operators Ada and Ana, the supervisor Grace, the viewer Eve, the agent
//! billing-bot, and the customer Dana, who was charged twice.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::{
    agent::AgentRef,
    ask::{Action, Ask, AskKind, Verdict},
    disposition::Disposition,
    ids::{AgentId, OperatorId, QueueId},
    json_text::JsonText,
    opening::{ConversationFacts, Customer, Opening},
    operator::{Operator, OperatorRef, Role},
    outcome::{ActionDecision, ExecutedBy, Resolution},
    queue::QueueRef,
    reason::{Reason, ReasonCode},
    text::Text,
};

/// Parses text that is known to be valid.
pub fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::parse(text).unwrap()
}

fn person(id: u128, name: &str, public_name: &str, role: Role) -> Operator {
    let id = OperatorId::new(Uuid::from_u128(id));
    Operator { who: OperatorRef { id, name: text(name), public_name: text(public_name) }, role }
}

pub fn ada() -> Operator {
    person(1, "Ada Lovelace", "Ada", Role::Operator)
}

pub fn ana() -> Operator {
    person(2, "Ana Duarte", "Ana", Role::Operator)
}

/// Returns a supervisor.
pub fn grace() -> Operator {
    person(3, "Grace Hopper", "Grace", Role::Supervisor)
}

/// Returns a viewer, who may only read.
pub fn eve() -> Operator {
    person(4, "Eve Moneypenny", "Eve", Role::Viewer)
}

pub fn billing_bot() -> AgentRef {
    AgentRef { id: AgentId::new(Uuid::from_u128(1)), name: text("billing-bot"), test: false }
}

pub fn queue(name: &str) -> QueueRef {
    QueueRef { id: QueueId::new(Uuid::from_u128(name.len() as u128)), name: text(name) }
}

pub fn arguments(value: Value) -> JsonText {
    JsonText::parse(&value.to_string()).unwrap()
}

/// Returns an ask. A decision proposes to refund (with any verdict) and to write to Dana (approve or reject).
pub fn ask(kind: AskKind) -> Ask {
    let action = |id, name, of, allowed: &[Verdict]| Action {
        id: text(id),
        name: text(name),
        arguments: arguments(of),
        arguments_schema: None,
        allowed: allowed.to_vec(),
        faults: vec![],
        since: 0,
    };
    let actions = match kind {
        AskKind::Decision => vec![
            action(
                "a1",
                "refund",
                json!({"eur": 300}),
                &[Verdict::Approve, Verdict::Edit, Verdict::Reject, Verdict::Respond],
            ),
            action("a2", "write", json!({"to": "Dana"}), &[Verdict::Approve, Verdict::Reject]),
        ],
        AskKind::Takeover | AskKind::Question => vec![],
    };
    Ask { actions, ..Ask::bare(kind) }
}

/// Returns an opening: Dana was charged twice, in the chat of this name, or in none.
pub fn opening(kind: AskKind, chat: Option<&str>) -> Opening {
    let reason = Reason {
        code: ReasonCode::PolicyLimit,
        label: None,
        text: text("A refund above 200 EUR"),
        evidence: None,
        confidence: None,
    };
    Opening {
        conversation: Some(ConversationFacts {
            id: chat.map(text),
            total_messages: 2,
            received_messages: 2,
            customer: Some(Customer { name: Some(text("Dana")), ..Customer::default() }),
        }),
        ..Opening::new(reason, ask(kind))
    }
}

/// Returns an answer in words.
pub fn answered(answer: &str) -> Resolution {
    Resolution { answer: Some(text(answer)), ..Resolution::bare(Disposition::Answered) }
}

/// Returns decisions on the cards of [`ask`]: the verdict on the refund, its amount in EUR, and the verdict on the
/// letter.
pub fn decided(refund: Verdict, eur: i64, letter: Verdict) -> Resolution {
    let card = |id, decision, of| ActionDecision {
        id: text(id),
        decision,
        arguments: arguments(of),
        comment: (!decision.is_go_ahead()).then(|| text("No.")),
        executed_by: ExecutedBy::Agent,
        warnings: vec![],
    };
    let actions = vec![card("a1", refund, json!({"eur": eur})), card("a2", letter, json!({"to": "Dana"}))];
    Resolution { actions, ..Resolution::bare(Disposition::Rejected) }
}
