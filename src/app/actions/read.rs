//! The server functions by which the console reads.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    app::{codec::LeanJson, problem::CallError},
    domain::{
        draft::Draft,
        ids::EscalationId,
        inbox::{FilterChoices, Inbox, ListPage, Listing},
        message_part::MessagePart,
        operator::{KeyPreferences, Operator},
        presence::{Presence, TransferChoices},
        seq::Seq,
        thread::{RenderedMessage, Thread},
        time::Timestamp,
    },
};

/// The data that a console page starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    pub me: Operator,
    pub keys: KeyPreferences,
    /// True when the operator has set themselves away.
    pub away: bool,
    /// The server's time.
    pub now: Timestamp,
    /// The id of the log that `seq` counts in, and the version of the workspace's queue settings. A restored database
    /// gets a new id, and a change of the queues, their members or names a new version. Either makes the page start
    /// over.
    pub epoch: String,
    pub inbox: Inbox,
    /// The values that lists can be filtered by.
    pub choices: FilterChoices,
    /// The selected escalation.
    pub thread: Option<Thread>,
    /// The presence around the selected escalation.
    pub presence: Presence,
    /// All drafts of the operator.
    pub drafts: Vec<Draft>,
    /// How far the operator has read the escalations that they read last.
    pub reads: Vec<(EscalationId, Seq)>,
    /// True when an escalation was selected that does not exist.
    pub missing: bool,
}

/// Returns the data of a console page: the list, and the selected escalation when there is one.
#[server(name = ReadBootstrap, output = LeanJson)]
pub async fn bootstrap(listing: Listing, selected: Option<String>) -> Result<Bootstrap, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.bootstrap(listing, selected.as_deref()).await?)
}

/// Returns the signed-in operator. A page whose stream fails to open calls this to learn whether it is signed out.
#[server(output = LeanJson)]
pub async fn who_am_i() -> Result<Operator, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.operator)
}

/// Returns the first page of a list.
#[server(name = ReadInbox, output = LeanJson)]
pub async fn inbox(listing: Listing) -> Result<Inbox, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.desk.inbox(caller.workspace, caller.query(listing)).await?)
}

/// Returns the rows of a list after a sort key; `as_of` is the time of the list.
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

/// Returns an escalation's thread and the presence around it; none when there is no such escalation.
#[server(name = ReadThread, output = LeanJson)]
pub async fn thread(id: EscalationId) -> Result<Option<(Thread, Presence)>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.opened(id).await?)
}

/// Returns the operators and queues to which an escalation can be transferred.
#[server(name = ReadTargets, output = LeanJson)]
pub async fn targets() -> Result<TransferChoices, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Operator).await?;
    Ok(crate::server::store::operators::targets(caller.desk.store(), caller.workspace, caller.desk.clock().now())
        .await?)
}

/// Returns the messages before a position, oldest first.
#[server(output = LeanJson)]
pub async fn earlier(id: EscalationId, before: i64) -> Result<Vec<RenderedMessage>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.desk.earlier_messages(caller.workspace, id, before).await?)
}

/// Returns the full text of a message part that the page has truncated.
#[server(output = LeanJson)]
pub async fn whole(
    id: EscalationId,
    position: i64,
    part: MessagePart,
    index: usize,
) -> Result<Option<String>, CallError> {
    let caller = crate::server::console::guard::guard(crate::domain::operator::Role::Viewer).await?;
    Ok(caller.desk.full_text(caller.workspace, id, position, (part, index)).await?)
}
