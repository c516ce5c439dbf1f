//! A batch of commands in one transaction: the state is loaded with a few statements, the commands are decided one after the
//! other in memory, and the changes are saved with one statement per table.

mod load;
mod save;
mod state;
mod verbs;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

pub use self::state::Batch;
use self::state::{Key, answer_name, customer_name, message_name};
use crate::{
    domain::{
        actor::Actor,
        escalation::{Escalation, by_agent::NewEscalation},
        event::EventKind,
        ids::{EscalationId, EventId, WorkspaceId},
        ledger::NewEvent,
        message::Message,
        outcome::Outcome,
        refusal::Refusal,
        seq::Seq,
    },
    server::{
        clock::mint,
        contract,
        core::{
            command::{Command, CommandResult},
            log::RecordedEvent,
        },
        error::Error,
        store::{escalations, events::StoredAnswer, passages::Passage},
    },
};

/// The most open escalations a workspace may have.
const MOST_OPEN: i64 = 100_000;

impl Batch<'_> {
    /// Decides one command and applies its events. A refusal changes nothing.
    pub fn run(&mut self, command: &Command) -> Result<CommandResult, Error> {
        let key = self.key_of(command);
        if !self.heads.contains_key(&command.workspace) {
            return Err(Refusal::NotFound.into());
        }
        if let Some(once) = &command.once
            && let Some(answer) = self.answers.get(&answer_name(command.workspace, once))
        {
            if answer.body_sha256 != once.body_sha256 {
                return Err(self.reused((command.workspace, answer.escalation)));
            }
            let done = self.unchanged((command.workspace, answer.escalation))?;
            return Ok(CommandResult { replay: Some((answer.status, answer.bytes.clone())), ..done });
        }
        let asked_again = command.opens().is_some() && key != command.key();
        if command.opens().is_some() && !asked_again {
            // Tests are not counted, so that they cannot keep real escalations out.
            let is_test = command.agent().is_some_and(|agent| agent.test);
            if !is_test && self.heads[&command.workspace].open >= MOST_OPEN {
                return Err(Refusal::TooManyOpen.into());
            }
        } else {
            let known = self.escalations.get(&key).map(|(escalation, _)| escalation);
            let foreign = |it: &Escalation| command.agent().is_some_and(|agent| agent.id != it.agent.id);
            if known.is_none_or(foreign) {
                return Err(Refusal::NotFound.into());
            }
        }
        if let Some(before) = message_name(command).and_then(|name| self.said_before.get(&name).cloned()) {
            return self.said_again(command, before);
        }
        // A panic in a rule fails this command alone.
        let decided = catch_unwind(AssertUnwindSafe(|| self.decide(command, key)));
        let decided = decided.map_err(|_| Error::Internal("a rule panicked".to_owned()))?;
        let (actor, kinds) =
            decided.map_err(|refusal| Error::Refused { refusal, current: self.current(key).map(Box::new) })?;
        let mut done = CommandResult { asked_again, ..self.apply(command, key, actor, kinds)? };
        if let Some(once) = &command.once {
            let (status, bytes) = (once.answer)(&done);
            let name = answer_name(command.workspace, once);
            let answer = StoredAnswer {
                escalation: key.1,
                body_sha256: once.body_sha256.to_vec(),
                status,
                bytes: bytes.clone(),
            };
            self.answers.insert(name.clone(), answer);
            self.new_answers.push(name);
            done.answer = Some((status, bytes));
        }
        Ok(done)
    }

    /// Returns the key of the escalation that a command acts on. An agent that opens a second takeover of a conversation
    /// has asked for the open one again.
    fn key_of(&self, command: &Command) -> Key<EscalationId> {
        let conversation = |open: &NewEscalation| self.conversations.get(&(command.workspace, open.conversation()));
        let open = command.opens().and_then(|open| open.already_open(conversation(open)?));
        open.map_or(command.key(), |open| (command.workspace, open))
    }

    /// Answers a retry with the stored message and the present state. Another text under the same id is refused.
    fn said_again(&self, command: &Command, before: Message) -> Result<CommandResult, Error> {
        let again = command.message().map(|message| (message.role, message.text.as_str()));
        if again != Some((before.role, before.text.as_deref().unwrap_or_default())) {
            return Err(self.reused(command.key()));
        }
        let done = self.unchanged(command.key())?;
        Ok(CommandResult { message: Some(before), repeated: true, ..done })
    }

    /// Refuses a key that was used before with another request, and shows the escalation that it was used for.
    fn reused(&self, key: Key<EscalationId>) -> Error {
        Error::Refused { refusal: Refusal::IdempotencyKeyReused, current: self.current(key).map(Box::new) }
    }

    /// Numbers the events, applies them, and renders them for each audience.
    fn apply(
        &mut self,
        command: &Command,
        key: Key<EscalationId>,
        actor: Actor,
        kinds: Vec<EventKind>,
    ) -> Result<CommandResult, Error> {
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
            head.open += i64::from(frame.was.is_none() && !escalation.agent.test);
            if let Some(ended) = frame.event.kind.outcome() {
                outcome = Some(self.rendered(key.0, &escalation, ended).into());
                self.were_here.extend(customer_name(key.0, escalation.agent.id, &escalation.opening));
                self.heads.get_mut(&key.0).ok_or_else(missing)?.open -= i64::from(!escalation.agent.test);
            }
            let agent_body = contract::event_json(&frame.event, &escalation, outcome.as_deref(), self.links);
            let body = escalations::json(&frame)?.into();
            let (agent, was_expected) = ((key.0, escalation.agent.id), escalation.acknowledges);
            self.escalations.insert(key, (escalation, outcome));
            self.new_passages.extend(Passage::of_event(key.0, &frame.event));
            match &frame.event.kind {
                EventKind::MessageCreated { message } => {
                    said = Some(message.clone());
                    self.said(command, key, message.clone());
                }
                // When the escalation expects an acknowledgement, the agent is known to acknowledge already.
                EventKind::Acknowledged { .. } if !was_expected => {
                    self.acknowledging.insert(agent);
                    self.first_acknowledged.insert(agent);
                }
                EventKind::MessageReceipt { message_id, receipt } => {
                    let reply = self.replies.get_mut(&(key.0, key.1, *message_id));
                    reply.ok_or_else(missing)?.receipt = Some(receipt.clone());
                }
                _ => {}
            }
            let record = RecordedEvent::new(agent.1, frame.event, body, agent_body.map(Arc::from));
            recorded.push(Arc::new(record));
        }
        if let Some(open) = command.opens().filter(|open| open.id == key.1) {
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
    fn rendered(&self, workspace: WorkspaceId, it: &Escalation, outcome: &Outcome) -> String {
        let said = self.since_open.get(&(workspace, it.id)).map_or(&[][..], Vec::as_slice);
        let repeated: Vec<Message> = said.iter().filter(|it| outcome.messages.contains(&it.id)).cloned().collect();
        contract::outcome_json(outcome, it, &repeated)
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
}
