//! The state of a batch, and the keys under which it holds what the commands need.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::{
    domain::{
        conversation::{Conversation, ConversationKey},
        ids::{AgentId, EscalationId, QueueId, WorkspaceId},
        message::Message,
        opening::Opening,
        queue::{QueueMembers, QueueRef},
        refusal::Refusal,
        seq::Seq,
        time::Timestamp,
    },
    server::{
        contract::Links,
        core::{
            command::{ActorVerb, Command, CommandResult, IdempotentRequest},
            log::RecordedEvent,
        },
        error::{CurrentState, Error},
        store::{
            escalations::{CustomerName, StoredEscalation},
            events::{AnswerKey, StoredAnswer},
            messages::{MessageName, ReplyName},
            passages::Passage,
        },
    },
};

pub(super) type Key<T> = (WorkspaceId, T);

pub(super) struct Head {
    pub seq: Seq,
    pub open: i64,
    /// True when the search index had every event when the batch began.
    pub is_indexed: bool,
}

/// The state that the commands of a batch read and change.
pub struct Batch<'a> {
    pub(super) now: Timestamp,
    pub(super) links: &'a Links,
    pub(super) heads: BTreeMap<WorkspaceId, Head>,
    pub(super) escalations: HashMap<Key<EscalationId>, StoredEscalation>,
    pub(super) conversations: HashMap<Key<ConversationKey>, Conversation>,
    pub(super) answers: HashMap<AnswerKey, StoredAnswer>,
    pub(super) said_before: HashMap<MessageName, Message>,
    /// The operators' messages that receipts are for.
    pub(super) replies: HashMap<ReplyName, Message>,
    pub(super) since_open: HashMap<Key<EscalationId>, Vec<Message>>,
    pub(super) were_here: HashSet<CustomerName>,
    /// The members of the queues that operators take escalations from. Every operator serves a queue that is not here.
    pub(super) members: HashMap<Key<QueueId>, QueueMembers>,
    /// The queues that escalations are transferred to, with their present names. A queue that is not here was removed.
    pub(super) targets: HashMap<Key<QueueId>, QueueRef>,
    /// The agents that have acknowledged an outcome before, and those that do so in this batch.
    pub(super) acknowledging: HashSet<Key<AgentId>>,
    pub(super) first_acknowledged: BTreeSet<Key<AgentId>>,
    pub(super) changed: BTreeSet<Key<EscalationId>>,
    pub(super) new_answers: Vec<AnswerKey>,
    pub(super) new_messages: Vec<(WorkspaceId, EscalationId, Message)>,
    pub(super) new_events: Vec<(WorkspaceId, Arc<RecordedEvent>)>,
    pub(super) new_passages: Vec<Passage>,
}

/// Returns the key of the stored answer to a request with an idempotency key.
pub(super) fn answer_name(workspace: WorkspaceId, once: &IdempotentRequest) -> AnswerKey {
    (workspace, once.agent, once.path.clone(), once.key.clone())
}

/// Returns the name of the customer of an opening.
pub(super) fn customer_name(workspace: WorkspaceId, agent: AgentId, opening: &Opening) -> Option<CustomerName> {
    Some((workspace, agent, opening.customer_key()?))
}

/// Returns the name of the message that a command adds, by its author.
pub(super) fn message_name(command: &Command) -> Option<MessageName> {
    let author = match &command.verb {
        ActorVerb::Agent(..) | ActorVerb::System(_) => "agent".to_owned(),
        ActorVerb::Operator(by, _) => by.who.id.to_string(),
    };
    Some((command.workspace, command.escalation, author, command.message()?.client_message_id.to_string()))
}

impl Batch<'_> {
    pub(super) fn current(&self, key: Key<EscalationId>) -> Option<CurrentState> {
        let (escalation, outcome) = self.escalations.get(&key)?;
        let conversation = self.conversations.get(&(key.0, escalation.conversation.clone()))?;
        Some(CurrentState {
            escalation: Arc::new(escalation.clone()),
            held_by: conversation.held_by,
            outcome: outcome.clone(),
        })
    }

    pub(super) fn unchanged(&self, key: Key<EscalationId>) -> Result<CommandResult, Error> {
        let current = self.current(key).ok_or(Refusal::NotFound)?;
        Ok(CommandResult {
            current,
            events: vec![],
            message: None,
            repeated: false,
            asked_again: false,
            replay: None,
            answer: None,
        })
    }
}
