//! Fixtures for the tests of the domain: people, a clock that tests set, and escalations in memory, applied the way
//! `Desk` applies them in the database.

mod cast;
pub mod turns;

use std::{convert::Infallible, sync::Arc};

use uuid::Uuid;

use super::{
    actor::Actor,
    agent::AgentRef,
    ask::{Ask, AskKind},
    checked::Checked,
    claim::Fence,
    conversation::{Control, Conversation},
    deadline::RequestedDeadlines,
    escalation::{
        Escalation,
        by_agent::{NewEscalation, NewMessage},
    },
    event::{EventKind, TransferTarget},
    ids::{EscalationId, EventId, MessageId},
    inbox::Frame,
    ledger::NewEvent,
    message::{Author, Message, MessageRole, Receipt},
    opening::Opening,
    operator::Operator,
    outcome::{ClosingContext, Outcome, Resolution},
    queue::Urgency,
    refusal::Refusal,
    rich::{Block, Inline},
    seq::Seq,
    text::Tag,
    time::{Span, Timestamp},
    update::OpeningUpdate,
};
pub use cast::*;

/// The names of the events that a command appended, or its refusal.
pub type AppendedKinds = Result<Vec<&'static str>, Refusal>;

/// The whole state, as the database would hold it.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedWorld {
    pub escalations: Vec<Escalation>,
    pub conversations: Vec<Conversation>,
    pub messages: Vec<(EscalationId, Message)>,
    pub frames: Vec<Frame>,
}

impl SimulatedWorld {
    /// Returns the escalations of the same customer that ended before an event, the latest first.
    pub fn earlier(&self, agent: &AgentRef, opening: &Opening, before: Seq) -> Vec<&Escalation> {
        let key = opening.customer_key();
        let same = |it: &&Escalation| key.is_some() && it.agent.id == agent.id && it.opening.customer_key() == key;
        let mut earlier: Vec<_> = self.escalations.iter().filter(same).collect();
        earlier.retain(|it| it.closed_seq.is_some_and(|seq| seq < before));
        earlier.sort_by_key(|it| std::cmp::Reverse(it.closed_seq));
        earlier
    }
}

/// A simulated world and its clock.
#[derive(Debug, Clone)]
pub struct Simulation {
    pub world: SimulatedWorld,
    pub now: Timestamp,
    /// The urgency of escalations that are opened from now on.
    pub urgency: Urgency,
    minted: u128,
}

/// 10:00 UTC on 22 November 2026.
pub const MORNING: Timestamp = Timestamp(1_795_341_600_000);

impl Simulation {
    pub fn new() -> Self {
        let world = SimulatedWorld { escalations: vec![], conversations: vec![], messages: vec![], frames: vec![] };
        Self { world, now: MORNING, urgency: Urgency::Normal, minted: 0 }
    }

    /// Sets the clock to `minutes` after ten.
    pub fn at(&mut self, minutes: i64) -> &mut Self {
        self.now = MORNING + Span::minutes(minutes);
        self
    }

    pub fn later(&mut self, span: Span) -> &mut Self {
        self.now = self.now + span;
        self
    }

    fn mint(&mut self) -> Uuid {
        self.minted += 1;
        Uuid::from_u128(self.minted)
    }

    pub fn of(&self, id: EscalationId) -> &Escalation {
        self.world.escalations.iter().find(|it| it.id == id).unwrap()
    }

    pub fn conversation(&self, id: EscalationId) -> &Conversation {
        let key = &self.of(id).conversation;
        self.world.conversations.iter().find(|it| it.key == *key).unwrap()
    }

    pub fn control(&self, id: EscalationId) -> Control {
        self.conversation(id).control()
    }

    pub fn outcome(&self, id: EscalationId) -> &Outcome {
        self.of(id).outcome.as_ref().unwrap()
    }

    /// Returns what customer, agent and operator said since the open.
    pub fn said(&self, id: EscalationId) -> Vec<Message> {
        let own = self.world.messages.iter().filter(|(of, it)| *of == id && it.seq.is_some() && it.role.is_speech());
        own.map(|(_, message)| message.clone()).collect()
    }

    /// Opens an escalation of Dana's chat, or asks again for the takeover that is open.
    pub fn open(&mut self, kind: AskKind) -> EscalationId {
        self.open_as(opening(kind, Some("chat")), RequestedDeadlines::default())
    }

    pub fn open_as(&mut self, opening: Opening, within: RequestedDeadlines) -> EscalationId {
        let id = EscalationId::new(self.mint());
        let mut line = |position, role, said: &str| Message {
            text: Some(said.to_owned()),
            ..Message::empty(MessageId::new(self.mint()), position, role)
        };
        let transcript = vec![
            line(0, MessageRole::Customer, "I was charged twice."),
            line(1, MessageRole::Agent, "I shall have a look."),
        ];
        let open = NewEscalation {
            id,
            agent: billing_bot(),
            queue: queue("default"),
            urgency: self.urgency,
            within,
            opening: Arc::new(opening),
            transcript: transcript.clone(),
        };
        let key = open.conversation();
        let known = self.world.conversations.iter().find(|it| it.key == key).cloned();
        let earlier = !self.world.earlier(&open.agent, &open.opening, Seq(i64::MAX)).is_empty();
        let acknowledges = self.world.escalations.iter().any(|it| it.acknowledged_at.is_some());
        let conversation = known.clone().unwrap_or(Conversation::new(key.clone()));
        let target = open.already_open(&conversation);
        let kinds = match target {
            Some(target) => self.of(target).ask_again(&open),
            None => open.decide(earlier, acknowledges, self.now),
        };
        if known.is_none() {
            self.world.conversations.push(Conversation::new(key));
        }
        if target.is_none() {
            self.world.messages.extend(transcript.into_iter().map(|message| (id, message)));
        }
        let id = target.unwrap_or(id);
        kinds.into_iter().for_each(|kind| self.append(id, Actor::Agent(billing_bot()), kind));
        id
    }

    /// Runs one command: the verb decides on the current state, and the events that it returns are applied.
    pub fn act(
        &mut self,
        id: EscalationId,
        actor: Actor,
        verb: impl FnOnce(&Escalation, &Conversation, &[Message]) -> Result<Vec<EventKind>, Refusal>,
    ) -> AppendedKinds {
        let kinds = verb(self.of(id), self.conversation(id), &self.said(id))?;
        let names = kinds.iter().map(|kind| kind.event_type().as_str()).collect();
        kinds.into_iter().for_each(|kind| self.append(id, actor.clone(), kind));
        Ok(names)
    }

    fn append(&mut self, id: EscalationId, actor: Actor, kind: EventKind) {
        let seq = Seq(self.world.frames.len() as i64 + 1);
        let event_id = EventId::new(self.mint());
        let now = self.now;
        let SimulatedWorld { escalations, conversations, messages, frames } = &mut self.world;
        let new = NewEvent { id: event_id, escalation_id: id, actor, kind };
        let at = escalations.iter().position(|it| it.id == id);
        let key = new.conversation(at.map(|at| &escalations[at])).expect("an opened escalation").clone();
        let conversation = conversations.iter_mut().find(|it| it.key == key).unwrap();
        let mut changed = at.map(|at| escalations[at].clone());
        let mut frame = new.record(seq, now, &mut changed, conversation).unwrap();
        match at {
            Some(at) => escalations[at] = changed.unwrap(),
            None => escalations.extend(changed),
        }
        frame.blocks = match &frame.event.kind {
            EventKind::MessageCreated { message } => {
                messages.push((id, message.clone()));
                Some(blocks_of(message))
            }
            EventKind::MessageReceipt { message_id, receipt } => {
                let (_, message) = messages.iter_mut().find(|(_, message)| message.id == *message_id).unwrap();
                message.receipt = Some(receipt.clone());
                None
            }
            _ => None,
        };
        frames.push(frame);
    }

    /// Creates a message that is not sent yet.
    pub fn message(&mut self, role: MessageRole, said: &str, by: Option<&Operator>) -> NewMessage {
        let id = MessageId::new(self.mint());
        let author = by.map(|by| Author::from(&by.who));
        NewMessage { id, client_message_id: text(&id.to_string()), role, text: text(said), at: None, author }
    }

    /// Returns the fence of the claim, when the operator holds it.
    pub fn hold(&self, by: &Operator, id: EscalationId) -> Option<Fence> {
        self.of(id).holder().filter(|claim| claim.operator.id == by.who.id).map(|claim| claim.fence)
    }

    pub fn claim(&mut self, by: &Operator, id: EscalationId) -> AppendedKinds {
        let now = self.now;
        self.act(id, Actor::Operator(by.who.clone()), |it, conversation, _| it.claim(by, conversation, now))
    }

    pub fn release(&mut self, by: &Operator, id: EscalationId) -> AppendedKinds {
        let now = self.now;
        self.act(id, Actor::Operator(by.who.clone()), |it, _, _| it.release(by, it.fence, now))
    }

    pub fn accept(&mut self, by: &Operator, id: EscalationId) -> AppendedKinds {
        let now = self.now;
        self.act(id, Actor::Operator(by.who.clone()), |it, _, _| Ok(it.accept(by, now)))
    }

    pub fn transfer(&mut self, by: &Operator, id: EscalationId, to: TransferTarget) -> AppendedKinds {
        let (fence, now) = (self.hold(by, id), self.now);
        self.act(id, Actor::Operator(by.who.clone()), |it, _, _| it.transfer(by, fence, to, None, now))
    }

    pub fn take_over(&mut self, by: &Operator, id: EscalationId) -> AppendedKinds {
        let (fence, now) = (self.hold(by, id), self.now);
        self.act(id, Actor::Operator(by.who.clone()), |it, on, _| it.take_over(by, fence, on, now))
    }

    pub fn reply(&mut self, by: &Operator, id: EscalationId, said: &str) -> AppendedKinds {
        let (new, now) = (self.message(MessageRole::Operator, said, Some(by)), self.now);
        self.act(id, Actor::Operator(by.who.clone()), |it, on, _| it.reply(by, it.fence, new, on, now))
    }

    pub fn note(&mut self, by: &Operator, id: EscalationId) -> AppendedKinds {
        self.act(id, Actor::Operator(by.who.clone()), |it, _, _| it.note(by, text("Dana is a regular.")))
    }

    pub fn resolve(&mut self, by: &Operator, id: EscalationId, resolution: Resolution) -> AppendedKinds {
        let (fence, now) = (self.hold(by, id), self.now);
        let checked = Checked::by(resolution, |_| Ok::<_, Infallible>(())).unwrap();
        self.act(id, Actor::Operator(by.who.clone()), |it, conversation, said| {
            it.resolve(by, fence, &checked, &ClosingContext { conversation, said }, now)
        })
    }

    pub fn say(&mut self, id: EscalationId, role: MessageRole, said: &str) -> AppendedKinds {
        let (new, now) = (self.message(role, said, None), self.now);
        self.act(id, Actor::Agent(billing_bot()), |it, on, _| it.say(new, on, now))
    }

    /// Records what became of the latest message.
    pub fn receipt(&mut self, id: EscalationId, receipt: Receipt) -> AppendedKinds {
        let latest = self.said(id).pop();
        self.act(id, Actor::Agent(billing_bot()), |it, _, _| it.receipt(latest.as_ref(), receipt))
    }

    /// Changes the summary and, if it is given, the prompt of the ask.
    pub fn update(&mut self, id: EscalationId, summary: &str, prompt: Option<&str>) -> AppendedKinds {
        let ask = prompt.map(|prompt| Ask { prompt: Some(text(prompt)), ..self.of(id).opening.ask.clone() });
        let update = OpeningUpdate { summary: Some(text(summary)), ask, ..OpeningUpdate::default() };
        self.act(id, Actor::Agent(billing_bot()), |it, _, _| it.update(update))
    }

    pub fn cancel(&mut self, id: EscalationId) -> AppendedKinds {
        let (by, now) = (Actor::Agent(billing_bot()), self.now);
        self.act(id, by.clone(), |it, conversation, said| {
            it.cancel(text("Dana found it herself."), &by, &ClosingContext { conversation, said }, now)
        })
    }

    pub fn acknowledge(&mut self, id: EscalationId) -> AppendedKinds {
        let now = self.now;
        self.act(id, Actor::Agent(billing_bot()), |it, _, _| it.acknowledge(now))
    }

    pub fn follow_up(&mut self, by: &Operator, id: EscalationId) -> AppendedKinds {
        let now = self.now;
        self.act(id, Actor::Operator(by.who.clone()), |it, _, _| it.follow_up(by, Some(text("Rang her.")), now))
    }

    pub fn mark(
        &mut self,
        by: &Operator,
        id: EscalationId,
        urgency: Option<Urgency>,
        tags: Option<Vec<Tag>>,
    ) -> AppendedKinds {
        self.act(id, Actor::Operator(by.who.clone()), |it, _, _| it.mark(by, urgency, tags))
    }

    pub fn deliver(&mut self, id: EscalationId) -> AppendedKinds {
        let now = self.now;
        self.act(id, Actor::System, |it, _, _| it.deliver(now))
    }

    pub fn fall_due(&mut self, id: EscalationId) -> AppendedKinds {
        let now = self.now;
        self.act(id, Actor::System, |it, conversation, said| it.fall_due(&ClosingContext { conversation, said }, now))
    }
}

/// Returns rich text that is sufficient for tests.
pub fn blocks_of(message: &Message) -> Vec<Block> {
    vec![Block::Paragraph(vec![Inline::Text(message.text.clone().unwrap_or_default())])]
}
