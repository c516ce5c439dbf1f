//! Opens a trial escalation with the same `Desk` command as an agent, so that an admin sees that the desk works.

use std::sync::Arc;

use axum::{Extension, extract::State, response::Response};

use super::agents::{agent, drawn};
use crate::{
    domain::{
        agent::AgentRef,
        ask::{Ask, AskKind},
        escalation::by_agent::NewEscalation,
        ids::{EscalationId, MessageId},
        message::{Message, MessageRole},
        opening::{ConversationFacts, Customer, Opening},
        reason::{Reason, ReasonCode},
        text::{Text, TextProblem},
    },
    server::{
        clock::mint,
        core::command::Command,
        error::Error,
        site::{
            forms::{FormFields, FormRefusal},
            respond::see_other,
            session::SignedIn,
            web_state::WebState,
        },
        store::queues,
    },
};

/// The transcript of a trial escalation.
const SAID: [(MessageRole, &str); 2] = [
    (MessageRole::Customer, "This is a trial. Nobody waits for an answer."),
    (MessageRole::Agent, "Let me hand this to a colleague, to see that it gets there."),
];

/// `POST /settings/agents/trial`
pub async fn open(State(web): State<WebState>, Extension(me): Extension<SignedIn>, fields: FormFields) -> Response {
    let opened = match agent(&web, &me, &fields).await {
        Ok(agent) => send(&web, &me, agent).await,
        Err(denied) => Err(denied),
    };
    match opened {
        Ok(id) => see_other(&format!("/e/{id}")),
        Err(denied) => denied.answer(async |status, why| drawn(&web, &me, status, None, Some(why)).await).await,
    }
}

async fn send(web: &WebState, me: &SignedIn, agent: AgentRef) -> Result<EscalationId, FormRefusal> {
    let queue = queues::named(web.desk.store(), me.workspace, queues::DEFAULT).await?;
    let (queue, defaults) =
        queue.ok_or_else(|| Error::Inconsistent { table: "queue", column: "name", id: "default".to_owned() })?;
    let id = EscalationId::new(mint());
    let mut opening = opening(me.operator.who.public_name.as_str())
        .map_err(|problem| Error::Internal(format!("a trial's own text {problem}")))?;
    opening.on_expiry_note = defaults.expiry_note;
    let message = |(position, (role, text)): (usize, (MessageRole, &str))| Message {
        text: Some(text.to_owned()),
        ..Message::empty(MessageId::new(mint()), position as i64, role)
    };
    let open = NewEscalation {
        id,
        agent,
        queue,
        urgency: defaults.urgency.unwrap_or_default(),
        within: defaults.within,
        opening: Arc::new(opening),
        transcript: SAID.into_iter().enumerate().map(message).collect(),
    };
    web.desk.run(Command::open(me.workspace, open)).await?;
    Ok(id)
}

fn opening(by: &str) -> Result<Opening, TextProblem> {
    let customer = Customer { name: Some(Text::parse("Trial customer")?), ..Customer::default() };
    let messages = SAID.len() as i64;
    let reason = Reason {
        code: ReasonCode::Other,
        label: Some("trial".to_owned()),
        text: Text::parse(format!("A trial, sent from the settings by {by}."))?,
        evidence: None,
        confidence: None,
    };
    Ok(Opening {
        conversation: Some(ConversationFacts {
            id: None,
            total_messages: messages,
            received_messages: messages,
            customer: Some(customer),
        }),
        ..Opening::new(reason, Ask::bare(AskKind::Takeover))
    })
}
