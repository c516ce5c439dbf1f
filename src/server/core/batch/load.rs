//! Loads everything that a batch of commands needs, with one statement per table.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::AnyConnection;

use super::{Batch, Head};
use crate::{
    domain::{
        agent::AgentRef, conversation::Conversation, event::TransferTarget, ids::WorkspaceId, opening::Opening,
        queue::QueueMembers, time::Timestamp,
    },
    server::{
        contract::Links,
        core::desk::{Command, IdempotentRequest, Verb},
        error::Error,
        store::{
            agents,
            escalations::{self, CustomerName},
            events::{self, AnswerKey},
            messages::{self, MessageName},
            queues,
            workspaces::{self, LockedHead},
        },
    },
};

/// Returns the key of the stored answer to a request with an idempotency key.
pub(super) fn answer_name(workspace: WorkspaceId, once: &IdempotentRequest) -> AnswerKey {
    (workspace, once.agent, once.path.clone(), once.key.clone())
}

/// Returns the name of the customer of an opening.
pub(super) fn customer_name(workspace: WorkspaceId, (agent, opening): (&AgentRef, &Opening)) -> Option<CustomerName> {
    Some((workspace, agent.id, opening.customer_key()?))
}

/// Returns the name of the message that a command brings, by its author.
pub(super) fn message_name(command: &Command) -> Option<MessageName> {
    let (author, message) = match &command.verb {
        Verb::Say { message, .. } => ("agent".to_owned(), message),
        Verb::Reply { by, message, .. } => (by.who.id.to_string(), message),
        _ => return None,
    };
    Some((command.workspace, command.verb.escalation(), author, message.client_message_id.to_string()))
}

impl<'a> Batch<'a> {
    /// Locks the heads of the workspaces and loads what the commands need. The heads are locked in the order of their ids, so
    /// that two processes cannot deadlock.
    pub async fn load(
        tx: &mut AnyConnection,
        commands: &[Command],
        now: Timestamp,
        links: &'a Links,
    ) -> Result<Self, Error> {
        let mut heads = BTreeMap::new();
        for workspace in commands.iter().map(|command| command.workspace).collect::<BTreeSet<_>>() {
            if let Some(LockedHead { seq, open, indexed }) = workspaces::lock_head(tx, workspace).await? {
                heads.insert(workspace, Head { seq, open, is_indexed: indexed == seq });
            }
        }
        let names: Vec<_> =
            commands.iter().filter_map(|it| Some(answer_name(it.workspace, it.once.as_ref()?))).collect();
        let answers = events::answers(tx, &names).await?;
        let answered = answers.iter().map(|((workspace, ..), answer)| (*workspace, answer.escalation));
        let targets: BTreeSet<_> =
            commands.iter().map(|it| (it.workspace, it.verb.escalation())).chain(answered).collect();
        let targets: Vec<_> = targets.into_iter().collect();
        let mut stored: HashMap<_, _> =
            escalations::load(tx, &targets).await?.into_iter().map(|(ws, it)| ((ws, it.0.id), it)).collect();
        let opens = commands.iter().filter_map(|command| match &command.verb {
            Verb::Open(open) => Some((command.workspace, open.conversation())),
            _ => None,
        });
        let keys: HashSet<_> =
            stored.iter().map(|((ws, _), (it, _))| (*ws, it.conversation.clone())).chain(opens).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let mut conversations: HashMap<_, _> =
            keys.iter().map(|(ws, key)| ((*ws, key.clone()), Conversation::new(key.clone()))).collect();
        for (ws, conversation) in escalations::load_conversations(tx, &keys).await? {
            conversations.insert((ws, conversation.key.clone()), conversation);
        }
        // The refusal of an open shows the takeover that is open.
        let open = conversations.iter().filter_map(|((ws, _), conversation)| Some((*ws, conversation.takeover?)));
        let open: Vec<_> = open.filter(|key| !stored.contains_key(key)).collect();
        stored.extend(escalations::load(tx, &open).await?.into_iter().map(|(ws, it)| ((ws, it.0.id), it)));
        let customers: Vec<_> =
            commands.iter().filter_map(|it| customer_name(it.workspace, it.verb.opening()?)).collect();
        let openers: Vec<_> = commands.iter().filter_map(|it| Some((it.workspace, it.verb.opening()?.0.id))).collect();
        let sent: Vec<_> = commands.iter().filter_map(message_name).collect();
        let receipts = commands.iter().filter_map(|command| match &command.verb {
            Verb::Receipt { escalation, message, .. } => Some((command.workspace, *escalation, *message)),
            _ => None,
        });
        let ending = commands.iter().filter(|command| {
            matches!(command.verb, Verb::Cancel { .. } | Verb::Resolve { .. } | Verb::FallDue { .. })
        });
        let ending: Vec<_> = ending.map(|command| (command.workspace, command.verb.escalation())).collect();
        // The queues that escalations wait in, and those that another command of the batch moves them to.
        let targets = commands.iter().filter_map(|command| match &command.verb {
            Verb::Transfer { to: TransferTarget::Queue(queue), .. } => Some((command.workspace, queue.id)),
            _ => None,
        });
        let targets: Vec<_> = targets.collect::<HashSet<_>>().into_iter().collect();
        let taken_from = commands.iter().filter_map(|command| {
            command.verb.takes()?;
            let (it, _) = stored.get(&(command.workspace, command.verb.escalation()))?;
            Some((command.workspace, it.queue.id))
        });
        let queues: Vec<_> = taken_from.chain(targets.iter().copied()).collect::<HashSet<_>>().into_iter().collect();
        let mut members: HashMap<_, QueueMembers> = HashMap::new();
        for (queue, member) in queues::members(tx, &queues).await? {
            members.entry(queue).or_default().0.push(member);
        }
        let targets =
            queues::in_use(tx, &targets).await?.into_iter().map(|(ws, queue)| ((ws, queue.id), queue)).collect();
        Ok(Self {
            now,
            links,
            heads,
            escalations: stored,
            conversations,
            answers,
            said_before: messages::stored_messages(tx, &sent).await?,
            replies: messages::replies(tx, &receipts.collect::<Vec<_>>()).await?,
            since_open: messages::messages_since_open(tx, &ending).await?,
            were_here: escalations::known_customers(tx, &customers).await?,
            members,
            targets,
            acknowledging: agents::acknowledging(tx, &openers).await?,
            first_acknowledged: BTreeSet::new(),
            changed: BTreeSet::new(),
            new_answers: vec![],
            new_messages: vec![],
            new_events: vec![],
            new_passages: vec![],
        })
    }
}
