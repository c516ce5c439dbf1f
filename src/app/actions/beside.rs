//! The server functions that write outside the event log: drafts, the escalation an operator is viewing, keyboard
//! settings, and availability.

use leptos::prelude::*;

use crate::{
    app::{codec::LeanJson, problem::CallError},
    domain::{draft::DraftMode, ids::EscalationId, seq::Seq, text::ClientMessageId},
};

/// Saves a draft; empty text deletes it.
#[server(output = LeanJson)]
pub async fn keep_draft(
    id: EscalationId,
    mode: DraftMode,
    client_message_id: ClientMessageId,
    text: String,
) -> Result<(), CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    let draft = crate::domain::draft::Draft { escalation: id, mode, client_message_id, text };
    Ok(caller.save_draft(draft).await?)
}

/// Sets whether the operator is away, and with `release` also releases all of their claims.
#[server(output = LeanJson)]
pub async fn set_availability(away: bool, release: bool) -> Result<(), CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    Ok(caller.set_away(away, release).await?)
}

/// Tells colleagues, and the agent when the operator is typing, that the operator is viewing an escalation and has read
/// up to `read`. The hint may be lost. `active_at` is when the operator last touched the page: an idle page accepts no
/// transfer.
#[server(output = LeanJson)]
pub async fn viewing(
    id: EscalationId,
    typing: bool,
    read: Seq,
    active_at: Option<crate::domain::time::Timestamp>,
) -> Result<(), CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.report_viewing(id, typing, read, active_at).await?)
}

/// Saves keyboard settings; a setting that is `None` stays unchanged.
#[server(output = LeanJson)]
pub async fn prefer(enter_sends: Option<bool>, shortcuts_off: Option<bool>) -> Result<(), CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    let change = move |keys: &mut crate::domain::operator::KeyPreferences| {
        keys.enter_sends = enter_sends.or(keys.enter_sends);
        keys.shortcuts_off = shortcuts_off.unwrap_or(keys.shortcuts_off);
    };
    Ok(caller.save_key_preferences(change).await?)
}
