//! What the console reads.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    app::{codec::LeanJson, problem::CallError},
    domain::{
        draft::Draft,
        event::Seq,
        ids::EscalationId,
        inbox::{FilterChoices, Inbox, ListPage, Listing},
        operator::{KeyPreferences, Operator},
        presence::{Presence, TransferChoices},
        thread::{MessagePart, RenderedMessage, Thread},
        time::Timestamp,
    },
};

/// Everything a console page starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    pub me: Operator,
    pub keys: KeyPreferences,
    /// I am away by my own word.
    pub away: bool,
    /// The server's now.
    pub now: Timestamp,
    /// The log that `seq` counts in, and what the lists of a workspace are made by: a restored database begins another,
    /// and so do other members of a queue, or another name.
    pub epoch: String,
    pub inbox: Inbox,
    /// What lists can be narrowed to.
    pub choices: FilterChoices,
    /// The selected escalation.
    pub thread: Option<Thread>,
    /// Who is there around it.
    pub presence: Presence,
    /// What I have begun to write, anywhere.
    pub drafts: Vec<Draft>,
    /// How far I have read what I read last.
    pub reads: Vec<(EscalationId, Seq)>,
    /// One was selected that does not exist.
    pub missing: bool,
}

/// What a console page shows: the list, and the selected escalation when there is one.
#[server(name = ReadBootstrap, output = LeanJson)]
pub async fn bootstrap(listing: Listing, selected: Option<String>) -> Result<Bootstrap, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.bootstrap(listing, selected.as_deref()).await?)
}

/// Who is signed in: how a page whose stream will not open learns whether it is signed out.
#[server(output = LeanJson)]
pub async fn who_am_i() -> Result<Operator, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.operator)
}

/// A list from its beginning.
#[server(name = ReadInbox, output = LeanJson)]
pub async fn inbox(listing: Listing) -> Result<Inbox, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.desk.inbox(caller.workspace, caller.query(listing)).await?)
}

/// The rows of a list after a sort key; `as_of` is the list's.
#[server(output = LeanJson)]
pub async fn inbox_page(
    listing: Listing,
    as_of: Timestamp,
    after: i64,
    after_id: EscalationId,
) -> Result<ListPage, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    let query = crate::domain::inbox::Query { as_of, ..caller.query(listing) };
    Ok(caller.desk.inbox_page(caller.workspace, query, (after, after_id)).await?)
}

/// An escalation's page and who is there around it, none when there is no such escalation.
#[server(name = ReadThread, output = LeanJson)]
pub async fn thread(id: EscalationId) -> Result<Option<(Thread, Presence)>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.opened(id).await?)
}

/// To whom one may transfer.
#[server(name = ReadTargets, output = LeanJson)]
pub async fn targets() -> Result<TransferChoices, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    Ok(crate::server::store::operators::targets(caller.desk.store(), caller.workspace, caller.desk.clock().now())
        .await?)
}

/// The messages before a position, oldest first.
#[server(output = LeanJson)]
pub async fn earlier(id: EscalationId, before: i64) -> Result<Vec<RenderedMessage>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.desk.earlier(caller.workspace, id, before).await?)
}

/// The whole of a part of a message, of which the page has only the beginning.
#[server(output = LeanJson)]
pub async fn whole(
    id: EscalationId,
    position: i64,
    part: MessagePart,
    index: usize,
) -> Result<Option<String>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.desk.whole(caller.workspace, id, position, (part, index)).await?)
}
