//! The server functions by which operators act. An expected refusal is a value (`Ok(Err(…))`), because losing a race is
//! not a fault, and a browser logs each failed request as an error.

use leptos::prelude::*;

use crate::{
    app::{codec::LeanJson, problem::CallError},
    domain::{
        claim::{Claim, Fence},
        ids::EscalationId,
        refusal::Refusal,
    },
};

/// Claims an escalation.
#[server(name = DoClaim, output = LeanJson)]
pub async fn claim(id: EscalationId) -> Result<Result<Claim, Refusal>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    let verb = crate::server::core::command::OperatorVerb::Claim;
    let done = caller.run(id, verb).await?;
    Ok(done.and_then(|done| done.current.escalation.claim.clone().ok_or(Refusal::NotClaimed)))
}

/// Releases an escalation to its queue.
#[server(output = LeanJson)]
pub async fn release(id: EscalationId, fence: Fence) -> Result<Result<(), Refusal>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    let verb = crate::server::core::command::OperatorVerb::Release { fence };
    Ok(caller.run(id, verb).await?.map(drop))
}

/// Takes over the conversation of a question or a decision, to speak to the customer instead of answering.
#[server(output = LeanJson)]
pub async fn take_over(id: EscalationId, fence: Option<Fence>) -> Result<Result<(), Refusal>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    let verb = crate::server::core::command::OperatorVerb::TakeOver { fence };
    Ok(caller.run(id, verb).await?.map(drop))
}

/// Transfers an escalation to a colleague or a queue, named by id. Without a fence, a supervisor transfers the claim of
/// any holder. A note is required unless the caller is the target.
#[server(output = LeanJson)]
pub async fn transfer(
    id: EscalationId,
    fence: Option<Fence>,
    to: String,
    note: String,
) -> Result<Result<(), Refusal>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    let to = match caller.target(&to).await? {
        Some(to) => to,
        None => return Ok(Err(Refusal::field("/to", "Nobody of that name can take it."))),
    };
    let is_mine =
        matches!(&to, crate::domain::event::TransferTarget::Operator(who) if who.id == caller.operator.who.id);
    let note = match crate::domain::text::NoteText::parse(note) {
        Ok(note) => Some(note),
        Err(crate::domain::text::TextProblem::Empty) if is_mine => None,
        Err(problem) => return Ok(Err(Refusal::field("/note", format!("A note {problem}.")))),
    };
    let verb = crate::server::core::command::OperatorVerb::Transfer { fence, to, note };
    Ok(caller.run(id, verb).await?.map(drop))
}

/// Sends a message to the customer. A repeated `client_message_id` is the same message, so a retry is safe.
#[server(output = LeanJson)]
pub async fn reply(
    id: EscalationId,
    fence: Fence,
    client_message_id: String,
    text: String,
) -> Result<Result<(), Refusal>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    use crate::{
        domain::{
            escalation::by_agent::NewMessage,
            ids::MessageId,
            text::{ClientMessageId, ReplyText},
        },
        server::{clock::mint, core::command::OperatorVerb},
    };
    let client_message_id = match ClientMessageId::parse(client_message_id) {
        Ok(client_message_id) => client_message_id,
        Err(problem) => return Ok(Err(Refusal::field("/client_message_id", problem.to_string()))),
    };
    let named = client_message_id.clone();
    let text = match ReplyText::parse(text) {
        Ok(text) => text.widen(),
        Err(problem) => return Ok(Err(Refusal::field("/text", problem.to_string()))),
    };
    let message = NewMessage::of_operator(MessageId::new(mint()), client_message_id, text, &caller.operator.who);
    let verb = OperatorVerb::Reply { fence, message };
    let done = caller.run(id, verb).await?;
    if done.is_ok() {
        caller.delete_sent_draft(id, &named).await?;
    }
    Ok(done.map(drop))
}

/// Records that the customer of an expired escalation was contacted; the note may be blank.
#[server(output = LeanJson)]
pub async fn follow_up(id: EscalationId, note: String) -> Result<Result<(), Refusal>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    use crate::domain::text::{NoteText, TextProblem};
    let note = match NoteText::parse(note) {
        Ok(note) => Some(note),
        Err(TextProblem::Empty) => None,
        Err(problem) => return Ok(Err(Refusal::field("/note", problem.to_string()))),
    };
    let verb = crate::server::core::command::OperatorVerb::FollowUp { note };
    Ok(caller.run(id, verb).await?.map(drop))
}

/// Sets the urgency, or the comma-separated tags; a value that is `None` stays unchanged.
#[server(output = LeanJson)]
pub async fn mark(
    id: EscalationId,
    urgency: Option<String>,
    tags: Option<String>,
) -> Result<Result<(), Refusal>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    use crate::domain::{queue::Urgency, text::tags as read};
    let urgency = match urgency {
        Some(word) => match Urgency::named(&word) {
            Some(urgency) => Some(urgency),
            None => return Ok(Err(Refusal::field("/urgency", "There is no such urgency."))),
        },
        None => None,
    };
    let tags = match tags.as_deref().map(read).transpose() {
        Ok(tags) => tags,
        Err(problem) => return Ok(Err(Refusal::field("/tags", format!("A tag {problem}.")))),
    };
    let verb = crate::server::core::command::OperatorVerb::Mark { urgency, tags };
    Ok(caller.run(id, verb).await?.map(drop))
}

/// Adds a note, which only operators see.
#[server(output = LeanJson)]
pub async fn note(id: EscalationId, text: String) -> Result<Result<(), Refusal>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    let text = match crate::domain::text::NoteText::parse(text) {
        Ok(text) => text,
        Err(problem) => return Ok(Err(Refusal::field("/text", problem.to_string()))),
    };
    let verb = crate::server::core::command::OperatorVerb::Note { text };
    Ok(caller.run(id, verb).await?.map(drop))
}

/// Resolves an escalation and returns control to the agent. `resolution` is a
/// [`Resolution`](crate::domain::outcome::Resolution) of decision requests as JSON, since arguments travel as flat
/// fields.
#[server(output = LeanJson)]
pub async fn resolve(
    id: EscalationId,
    fence: Option<Fence>,
    resolution: String,
) -> Result<Result<(), Refusal>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    use crate::server::{core::command::OperatorVerb, resolution};
    // A page of an earlier version sends arguments, which are not accepted: the page may show others than are stored.
    let sent = serde_json::from_str(&resolution)
        .map_err(|error| CallError::Bad(format!("This is no resolution: {error}. Reload the page.")))?;
    let current = caller.desk.current(caller.workspace, id).await?.ok_or(CallError::NotFound)?;
    let opening = std::sync::Arc::clone(&current.escalation.opening);
    let check = move |schemas: &_| resolution::check(schemas, &opening.ask, sent);
    let resolution = match caller.desk.schemas().run(check).await? {
        Ok(resolution) => resolution,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let verb = OperatorVerb::Resolve { fence, resolution };
    Ok(caller.run(id, verb).await?.map(drop))
}
