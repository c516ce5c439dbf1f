//! Loads everything that a batch of commands needs, with one statement per table.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::AnyConnection;

use super::{
    state::{Batch, Head, answer_name},
    verbs::Needs,
};
use crate::{
    domain::{conversation::Conversation, queue::QueueMembers, time::Timestamp},
    server::{
        contract::Links,
        core::command::Command,
        error::Error,
        store::{
            agents, escalations, events, messages, queues,
            workspaces::{self, LockedHead},
        },
    },
};

impl<'a> Batch<'a> {
    /// Locks the heads of the workspaces and loads what the commands need. The heads are locked in the order of their ids, so
    /// that two processes cannot deadlock.
    pub async fn load(
        tx: &mut AnyConnection,
        commands: &[Command],
        now: Timestamp,
        links: &'a Links,
    ) -> Result<Self, Error> {
        let needs = Needs::of(commands);
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
        let targets: BTreeSet<_> = commands.iter().map(Command::key).chain(answered).collect();
        let targets: Vec<_> = targets.into_iter().collect();
        let mut stored: HashMap<_, _> =
            escalations::load(tx, &targets).await?.into_iter().map(|(ws, it)| ((ws, it.0.id), it)).collect();
        let keys: HashSet<_> =
            stored.iter().map(|((ws, _), (it, _))| (*ws, it.conversation.clone())).chain(needs.conversations).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let mut conversations: HashMap<_, _> =
            keys.iter().map(|(ws, key)| ((*ws, key.clone()), Conversation::new(key.clone()))).collect();
        for (ws, conversation) in escalations::load_conversations(tx, &keys).await? {
            conversations.insert((ws, conversation.key.clone()), conversation);
        }
        // An agent that opens a second takeover acts on the one that is open.
        let open = conversations.iter().filter_map(|((ws, _), conversation)| Some((*ws, conversation.takeover?)));
        let open: Vec<_> = open.filter(|key| !stored.contains_key(key)).collect();
        stored.extend(escalations::load(tx, &open).await?.into_iter().map(|(ws, it)| ((ws, it.0.id), it)));
        // The queues that escalations wait in, and those that another command of the batch moves them to.
        let targets: Vec<_> = needs.targets.into_iter().collect();
        let taken_from = needs.taken.iter().filter_map(|key| Some((key.0, stored.get(key)?.0.queue.id)));
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
            said_before: messages::stored_messages(tx, &needs.sent).await?,
            replies: messages::replies(tx, &needs.replies).await?,
            since_open: messages::messages_since_open(tx, &needs.ending).await?,
            were_here: escalations::known_customers(tx, &needs.customers).await?,
            members,
            targets,
            acknowledging: agents::acknowledging(tx, &needs.openers).await?,
            first_acknowledged: BTreeSet::new(),
            changed: BTreeSet::new(),
            new_answers: vec![],
            new_messages: vec![],
            new_events: vec![],
            new_passages: vec![],
        })
    }
}
