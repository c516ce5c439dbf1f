//! What the console tells beside the log: drafts, where its operator looks, and whether they are away.

use leptos::prelude::*;

use crate::{
    app::{lean::LeanJson, problem::Problem},
    domain::{draft::Mode, ids::EscalationId, text::ClientMessageId},
};

/// Keeps what is written so far; empty text forgets it.
#[server(output = LeanJson)]
pub async fn keep_draft(
    id: EscalationId,
    mode: Mode,
    client_message_id: ClientMessageId,
    text: String,
) -> Result<(), Problem> {
    let caller = crate::server::web::guard::guard(crate::domain::operator::Role::Operator).await?;
    let draft = crate::domain::draft::Draft { escalation: id, mode, client_message_id, text };
    Ok(caller.keeps(draft).await?)
}

/// Says that one is away, or here again, and gives back what one holds when that is wanted.
#[server(output = LeanJson)]
pub async fn set_availability(away: bool, release: bool) -> Result<(), Problem> {
    let caller = crate::server::web::guard::guard(crate::domain::operator::Role::Operator).await?;
    Ok(caller.set_away(away, release).await?)
}

/// Tells colleagues, and the agent when it is typing, that one looks at an escalation. A hint: it may be lost.
#[server(output = LeanJson)]
pub async fn viewing(id: EscalationId, typing: bool) -> Result<(), Problem> {
    let caller = crate::server::web::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.views(id, typing).await?)
}
