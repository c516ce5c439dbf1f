//! A batch of commands in one transaction: the state is loaded with a few statements, the commands are decided one after the
//! other in memory, and the changes are saved with one statement per table.

mod load;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use sqlx::AnyConnection;

use self::load::{answer_name, customer_name, message_name};

use crate::{
    domain::{
        conversation::{Conversation, ConversationKey},
        escalation::Escalation,
        event::{Actor, EventKind, Seq, TransferTarget},
        ids::{AgentId, EscalationId, EventId, QueueId, WorkspaceId},
        ledger::NewEvent,
        message::Message,
        outcome::{ClosingContext, Outcome},
        queue::{QueueMembers, QueueRef},
        refusal::Refusal,
        time::Timestamp,
    },
    server::{
        clock::mint,
        contract::{self, Links},
        core::{
            desk::{Command, CommandResult, Verb},
            log::RecordedEvent,
        },
        error::{CurrentState, Error},
        store::{
            Dialect, agents,
            escalations::{self, CustomerName, StoredEscalation},
            events::{self, AnswerKey, StoredAnswer},
            messages::{self, MessageName, ReplyName},
            passages::Passage,
            search::{self, SearchIndex},
            workspaces,
        },
    },
};

/// The most open escalations a workspace may have.
const MOST_OPEN: i64 = 100_000;

type Key<T> = (WorkspaceId, T);

struct Head {
    seq: Seq,
    open: i64,
    /// True when the search index had every event when the batch began.
    is_indexed: bool,
}

/// The state that the commands of a batch read and change.
pub struct Batch<'a> {
    now: Timestamp,
    links: &'a Links,
    heads: BTreeMap<WorkspaceId, Head>,
    escalations: HashMap<Key<EscalationId>, StoredEscalation>,
    conversations: HashMap<Key<ConversationKey>, Conversation>,
    answers: HashMap<AnswerKey, StoredAnswer>,
    said_before: HashMap<MessageName, Message>,
    /// The operators' messages that receipts are for.
    replies: HashMap<ReplyName, Message>,
    since_open: HashMap<Key<EscalationId>, Vec<Message>>,
    were_here: HashSet<CustomerName>,
    /// The members of the queues that operators take escalations from. Every operator serves a queue that is not here.
    members: HashMap<Key<QueueId>, QueueMembers>,
    /// The queues that escalations are transferred to, with their present names. A queue that is not here was removed.
    targets: HashMap<Key<QueueId>, QueueRef>,
    /// The agents that have acknowledged an outcome before, and those that do so in this batch.
    acknowledging: HashSet<Key<AgentId>>,
    first_acknowledged: BTreeSet<Key<AgentId>>,
    changed: BTreeSet<Key<EscalationId>>,
    new_answers: Vec<AnswerKey>,
    new_messages: Vec<(WorkspaceId, EscalationId, Message)>,
    new_events: Vec<(WorkspaceId, Arc<RecordedEvent>)>,
    new_passages: Vec<Passage>,
}

impl Batch<'_> {
    /// Decides one command and applies its events. A refusal changes nothing.
    pub fn run(&mut self, command: &Command) -> Result<CommandResult, Error> {
        let key = (command.workspace, command.verb.escalation());
        if !self.heads.contains_key(&command.workspace) {
            return Err(Refusal::NotFound.into());
        }
        if let Some(once) = &command.once
            && let Some(answer) = self.answers.get(&answer_name(command.workspace, once))
        {
            if answer.body_sha256 != once.body_sha256 {
                return Err(Refusal::IdempotencyKeyReused.into());
            }
            let done = self.unchanged((command.workspace, answer.escalation))?;
            return Ok(CommandResult { replay: Some((answer.status, answer.bytes.clone())), ..done });
        }
        if let Verb::Open(_) = command.verb {
            if self.heads[&command.workspace].open >= MOST_OPEN {
                return Err(Refusal::TooManyOpen.into());
            }
        } else {
            let known = self.escalations.get(&key).map(|(escalation, _)| escalation);
            let foreign = |it: &Escalation| command.verb.agent().is_some_and(|agent| agent.id != it.agent.id);
            if known.is_none_or(foreign) {
                return Err(Refusal::NotFound.into());
            }
        }
        if let Some(before) = message_name(command).and_then(|name| self.said_before.get(&name).cloned()) {
            return self.said_again(command, before);
        }
        // A panic in a rule fails this command alone.
        let decided = catch_unwind(AssertUnwindSafe(|| self.decide(command)));
        let decided = decided.map_err(|_| Error::Internal("a rule panicked".to_owned()))?;
        let (actor, kinds) = decided.map_err(|refusal| {
            // The refusal of a second takeover shows the one that is open.
            let shown = match refusal {
                Refusal::AlreadyOpen { open } => (command.workspace, open),
                _ => key,
            };
            Error::Refused { refusal, current: self.current(shown).map(Box::new) }
        })?;
        let mut done = self.apply(command, actor, kinds)?;
        if let Some(once) = &command.once {
            let bytes = (once.answer)(&done);
            let name = answer_name(command.workspace, once);
            let answer = StoredAnswer {
                escalation: key.1,
                body_sha256: once.body_sha256.to_vec(),
                status: once.status,
                bytes: bytes.clone(),
            };
            self.answers.insert(name.clone(), answer);
            self.new_answers.push(name);
            done.answer = Some(bytes);
        }
        Ok(done)
    }

    fn current(&self, key: Key<EscalationId>) -> Option<CurrentState> {
        let (escalation, outcome) = self.escalations.get(&key)?;
        let conversation = self.conversations.get(&(key.0, escalation.conversation.clone()))?;
        Some(CurrentState {
            escalation: Arc::new(escalation.clone()),
            held_by: conversation.held_by,
            outcome: outcome.clone(),
        })
    }

    fn unchanged(&self, key: Key<EscalationId>) -> Result<CommandResult, Error> {
        let current = self.current(key).ok_or(Refusal::NotFound)?;
        Ok(CommandResult { current, events: vec![], message: None, repeated: false, replay: None, answer: None })
    }

    /// Answers a retry with the stored message and the present state. Another text under the same id is refused.
    fn said_again(&self, command: &Command, before: Message) -> Result<CommandResult, Error> {
        let text = match &command.verb {
            Verb::Say { message, .. } | Verb::Reply { message, .. } => (message.role, message.text.as_str()),
            _ => return Err(Error::Internal("only a say or a reply is said again".to_owned())),
        };
        if (before.role, before.text.as_deref().unwrap_or_default()) != text {
            return Err(Refusal::IdempotencyKeyReused.into());
        }
        let done = self.unchanged((command.workspace, command.verb.escalation()))?;
        Ok(CommandResult { message: Some(before), repeated: true, ..done })
    }

    fn decide(&self, command: &Command) -> Result<(Actor, Vec<EventKind>), Refusal> {
        let key = (command.workspace, command.verb.escalation());
        let now = self.now;
        if let Verb::Open(open) = &command.verb {
            let conversation = self.conversations.get(&(key.0, open.conversation())).ok_or(Refusal::NotFound)?;
            let customer = customer_name(key.0, (&open.agent, &open.opening));
            let earlier = customer.is_some_and(|customer| self.were_here.contains(&customer));
            let acknowledges = self.acknowledging.contains(&(key.0, open.agent.id));
            return Ok((Actor::Agent(open.agent.clone()), open.decide(conversation, earlier, acknowledges, now)?));
        }
        let (it, _) = self.escalations.get(&key).ok_or(Refusal::NotFound)?;
        let conversation = self.conversations.get(&(key.0, it.conversation.clone())).ok_or(Refusal::NotFound)?;
        if let Some(by) = command.verb.takes().filter(|_| it.is_waiting())
            && let Some(members) = self.members.get(&(key.0, it.queue.id))
        {
            members.admit(by, &it.queue)?;
        }
        let said = self.since_open.get(&key).map_or(&[][..], Vec::as_slice);
        let meanwhile = ClosingContext { conversation, said };
        let kinds = match &command.verb {
            Verb::Open(_) => return Err(Refusal::NotFound),
            Verb::Say { message, .. } => it.say(message.clone(), conversation, now)?,
            Verb::Receipt { message, receipt, .. } => {
                it.receipt(self.replies.get(&(key.0, key.1, *message)), receipt.clone())?
            }
            Verb::Cancel { agent, reason, .. } => {
                it.cancel(reason.clone(), &Actor::Agent(agent.clone()), &meanwhile, now)?
            }
            Verb::Acknowledge { .. } => it.acknowledge(now)?,
            Verb::Deliver { .. } => it.deliver(now)?,
            Verb::Claim { by, .. } => it.claim(by, conversation, now)?,
            Verb::Release { by, fence, .. } => it.release(by, *fence, now)?,
            Verb::Accept { by, .. } => it.accept(by, now),
            Verb::Transfer { by, fence, to, note, .. } => {
                it.transfer(by, *fence, self.target(key.0, to)?, note.clone(), now)?
            }
            Verb::TakeOver { by, fence, .. } => it.take_over(by, *fence, conversation, now)?,
            Verb::Reply { by, fence, message, .. } => it.reply(by, *fence, message.clone(), conversation, now)?,
            Verb::Note { by, text, .. } => it.note(by, text.clone())?,
            Verb::Resolve { by, fence, resolution, .. } => it.resolve(by, *fence, resolution, &meanwhile, now)?,
            Verb::FollowUp { by, note, .. } => it.follow_up(by, note.clone(), now)?,
            Verb::Mark { by, urgency, tags, .. } => it.mark(by, *urgency, tags.clone())?,
            Verb::FallDue { .. } => it.fall_due(&meanwhile, now)?,
            Verb::Lapse { holder, seen_at, .. } => it.lapse(*holder, *seen_at, now)?,
        };
        let actor = match &command.verb {
            Verb::Claim { by, .. }
            | Verb::Release { by, .. }
            | Verb::Accept { by, .. }
            | Verb::Transfer { by, .. }
            | Verb::TakeOver { by, .. }
            | Verb::Reply { by, .. }
            | Verb::Note { by, .. }
            | Verb::Resolve { by, .. }
            | Verb::FollowUp { by, .. }
            | Verb::Mark { by, .. } => Actor::Operator(by.who.clone()),
            Verb::FallDue { .. } | Verb::Lapse { .. } | Verb::Deliver { .. } => Actor::System,
            _ => Actor::Agent(it.agent.clone()),
        };
        Ok((actor, kinds))
    }

    /// Returns the target of a transfer, a queue with its present name.
    fn target(&self, workspace: WorkspaceId, to: &TransferTarget) -> Result<TransferTarget, Refusal> {
        let TransferTarget::Queue(queue) = to else { return Ok(to.clone()) };
        let queue = self.targets.get(&(workspace, queue.id)).cloned();
        queue.map(TransferTarget::Queue).ok_or_else(|| Refusal::field("/to", "This queue takes nothing any more."))
    }

    /// Numbers the events, applies them, and renders them for each audience.
    fn apply(&mut self, command: &Command, actor: Actor, kinds: Vec<EventKind>) -> Result<CommandResult, Error> {
        let key = (command.workspace, command.verb.escalation());
        let mut recorded = vec![];
        let mut said = None;
        for kind in kinds {
            let missing = || Error::Internal("a command changed what was not loaded".to_owned());
            let head = self.heads.get_mut(&key.0).ok_or_else(missing)?;
            let event = NewEvent { id: EventId::new(mint()), escalation_id: key.1, actor: actor.clone(), kind };
            let before = self.escalations.get(&key).map(|(escalation, _)| escalation);
            let conversation = (key.0, event.conversation(before).ok_or_else(missing)?.clone());
            let conversation = self.conversations.get_mut(&conversation).ok_or_else(missing)?;
            let (mut changed, outcome) = self.escalations.remove(&key).unzip();
            let mut outcome: Option<Arc<str>> = outcome.flatten();
            let seq = Seq(head.seq.0 + 1);
            let frame = event.record(seq, self.now, &mut changed, conversation).ok_or_else(missing)?;
            let escalation = changed.ok_or_else(missing)?;
            head.seq = seq;
            head.open += i64::from(frame.was.is_none());
            if let Some(ended) = frame.event.kind.outcome() {
                outcome = Some(self.rendered(key, ended).into());
                self.were_here.extend(customer_name(key.0, (&escalation.agent, &escalation.opening)));
                self.heads.get_mut(&key.0).ok_or_else(missing)?.open -= 1;
            }
            let agent_body = contract::event_json(&frame.event, &escalation, outcome.as_deref(), self.links);
            recorded.push(Arc::new(RecordedEvent::new(
                seq,
                key.1,
                escalation.agent.id,
                frame.event.kind.event_type(),
                escalations::json(&frame)?.into(),
                agent_body.map(Arc::from),
            )));
            let (agent, was_expected) = ((key.0, escalation.agent.id), escalation.acknowledges);
            self.escalations.insert(key, (escalation, outcome));
            self.new_passages.extend(Passage::of_event(key.0, &frame.event));
            match frame.event.kind {
                EventKind::MessageCreated { message } => {
                    said = Some(message.clone());
                    self.said(command, key, message);
                }
                // When the escalation expects an acknowledgement, the agent is known to acknowledge already.
                EventKind::Acknowledged { .. } if !was_expected => {
                    self.acknowledging.insert(agent);
                    self.first_acknowledged.insert(agent);
                }
                EventKind::MessageReceipt { message_id, receipt } => {
                    let reply = self.replies.get_mut(&(key.0, key.1, message_id));
                    reply.ok_or_else(missing)?.receipt = Some(receipt);
                }
                _ => {}
            }
        }
        if let Verb::Open(open) = &command.verb {
            let messages = open.transcript.iter().map(|message| (key.0, key.1, message.clone()));
            self.new_messages.extend(messages);
            if let Some(opened) = recorded.first() {
                self.new_passages.extend(Passage::of_transcript(key.0, key.1, opened.seq, &open.transcript));
            }
        }
        if !recorded.is_empty() {
            self.changed.insert(key);
        }
        self.new_events.extend(recorded.iter().map(|event| (key.0, Arc::clone(event))));
        Ok(CommandResult { events: recorded, message: said, ..self.unchanged(key)? })
    }

    /// Renders the outcome for agents.
    fn rendered(&self, key: Key<EscalationId>, outcome: &Outcome) -> String {
        let said = self.since_open.get(&key).map_or(&[][..], Vec::as_slice);
        let repeated: Vec<Message> = said.iter().filter(|it| outcome.messages.contains(&it.id)).cloned().collect();
        contract::outcome_json(outcome, &repeated)
    }

    /// Adds a message, so that later commands of the batch see it.
    fn said(&mut self, command: &Command, key: Key<EscalationId>, message: Message) {
        if let Some(name) = message_name(command) {
            self.said_before.insert(name, message.clone());
        }
        if message.role.is_speech() {
            self.since_open.entry(key).or_default().push(message.clone());
        }
        self.new_messages.push((key.0, key.1, message));
    }

    /// Saves the changes with one statement per table, and returns the new events by workspace.
    pub async fn save(
        self,
        tx: &mut AnyConnection,
        dialect: Dialect,
    ) -> Result<BTreeMap<WorkspaceId, Vec<Arc<RecordedEvent>>>, Error> {
        let changed: Vec<_> = self.changed.iter().filter_map(|key| Some((key.0, self.escalations.get(key)?))).collect();
        if changed.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: HashSet<_> = changed.iter().map(|(ws, (it, _))| (*ws, it.conversation.clone())).collect();
        let conversations: Vec<_> = keys.iter().filter_map(|key| Some((key.0, self.conversations.get(key)?))).collect();
        let new_messages: Vec<_> = self.new_messages.iter().map(|(ws, id, message)| (*ws, *id, message)).collect();
        let answers: Vec<_> =
            self.new_answers.iter().filter_map(|name| Some((name, self.answers.get(name)?))).collect();
        escalations::save(tx, &changed).await?;
        escalations::save_conversations(tx, &conversations).await?;
        messages::insert(tx, &new_messages).await?;
        messages::save_receipts(tx, &self.replies).await?;
        events::insert(tx, &self.new_events).await?;
        for is_indexed in [true, false] {
            let is_here =
                |it: &&Passage| self.heads.get(&it.workspace).is_some_and(|head| head.is_indexed == is_indexed);
            let passages: Vec<&Passage> = self.new_passages.iter().filter(is_here).collect();
            search::index(tx, dialect, SearchIndex::in_use(dialect, is_indexed), &passages).await?;
        }
        events::insert_answers(tx, &answers, self.now).await?;
        for (workspace, agent) in &self.first_acknowledged {
            agents::acknowledged(tx, *workspace, *agent, self.now).await?;
        }
        for (workspace, head) in &self.heads {
            workspaces::move_head(tx, *workspace, head.seq, head.open).await?;
        }
        let mut events: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (workspace, event) in self.new_events {
            events.entry(workspace).or_default().push(event);
        }
        Ok(events)
    }
}
