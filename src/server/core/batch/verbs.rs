//! The verbs: for each, what it needs loaded beside its escalation, and what it decides.

use std::collections::HashSet;

use super::state::{Batch, Key, customer_name, message_name};
use crate::{
    domain::{
        actor::Actor,
        conversation::ConversationKey,
        escalation::Escalation,
        event::{EventKind, TransferTarget},
        ids::{AgentId, EscalationId, QueueId, WorkspaceId},
        operator::Operator,
        outcome::ClosingContext,
        refusal::Refusal,
    },
    server::{
        core::command::{ActorVerb, AgentVerb, Command, OperatorVerb, SystemVerb},
        store::{
            escalations::CustomerName,
            messages::{MessageName, ReplyName},
        },
    },
};

/// The keys of what commands need loaded beside their escalations and the conversations of these.
#[derive(Default)]
pub(super) struct Needs {
    /// The conversations of the escalations that are opened.
    pub conversations: HashSet<Key<ConversationKey>>,
    /// The agents that open.
    pub openers: Vec<Key<AgentId>>,
    pub customers: Vec<CustomerName>,
    /// The messages that are added, which may be stored already.
    pub sent: Vec<MessageName>,
    /// The operators' messages that receipts are for.
    pub replies: Vec<ReplyName>,
    /// The escalations that may end, whose messages go into the outcome.
    pub ending: Vec<Key<EscalationId>>,
    /// The escalations that an operator may take from their queue, which only its members may do.
    pub taken: Vec<Key<EscalationId>>,
    /// The queues that escalations are transferred to.
    pub targets: HashSet<Key<QueueId>>,
}

impl Needs {
    /// Returns the needs of all these commands.
    pub fn of(commands: &[Command]) -> Self {
        let mut needs = Self::default();
        for command in commands {
            match &command.verb {
                ActorVerb::Agent(agent, verb) => needs.add_of_agent(command, agent.id, verb),
                ActorVerb::Operator(_, verb) => needs.add_of_operator(command, verb),
                ActorVerb::System(SystemVerb::FallDue) => needs.ending.push(command.key()),
                ActorVerb::System(SystemVerb::Deliver | SystemVerb::Lapse { .. }) => {}
            }
        }
        needs
    }

    fn add_of_agent(&mut self, command: &Command, agent: AgentId, verb: &AgentVerb) {
        match verb {
            AgentVerb::Open(open) => {
                self.conversations.insert((command.workspace, open.conversation()));
                self.openers.push((command.workspace, agent));
                self.customers.extend(customer_name(command.workspace, agent, &open.opening));
            }
            AgentVerb::Say { .. } => self.sent.extend(message_name(command)),
            AgentVerb::Receipt { message, .. } => self.replies.push((command.workspace, command.escalation, *message)),
            AgentVerb::Cancel { .. } => self.ending.push(command.key()),
            AgentVerb::Update(_) | AgentVerb::Acknowledge => {}
        }
    }

    fn add_of_operator(&mut self, command: &Command, verb: &OperatorVerb) {
        match verb {
            OperatorVerb::Claim | OperatorVerb::TakeOver { .. } => self.taken.push(command.key()),
            OperatorVerb::Resolve { .. } => {
                self.taken.push(command.key());
                self.ending.push(command.key());
            }
            OperatorVerb::Transfer { to: TransferTarget::Queue(queue), .. } => {
                self.targets.insert((command.workspace, queue.id));
            }
            OperatorVerb::Reply { .. } => self.sent.extend(message_name(command)),
            OperatorVerb::Transfer { to: TransferTarget::Operator(_), .. }
            | OperatorVerb::Release { .. }
            | OperatorVerb::Accept
            | OperatorVerb::Note { .. }
            | OperatorVerb::Mark { .. }
            | OperatorVerb::FollowUp { .. } => {}
        }
    }
}

impl Batch<'_> {
    /// Decides a command on the present state of its target, and returns the actor and the kinds of the events that it causes.
    pub(super) fn decide(&self, command: &Command, key: Key<EscalationId>) -> Result<(Actor, Vec<EventKind>), Refusal> {
        let now = self.now;
        if let Some(open) = command.opens().filter(|open| open.id == key.1) {
            let customer = customer_name(key.0, open.agent.id, &open.opening);
            let earlier = customer.is_some_and(|customer| self.were_here.contains(&customer));
            let acknowledges = self.acknowledging.contains(&(key.0, open.agent.id));
            return Ok((Actor::Agent(open.agent.clone()), open.decide(earlier, acknowledges, now)));
        }
        let (it, _) = self.escalations.get(&key).ok_or(Refusal::NotFound)?;
        let conversation = self.conversations.get(&(key.0, it.conversation.clone())).ok_or(Refusal::NotFound)?;
        let said = self.since_open.get(&key).map_or(&[][..], Vec::as_slice);
        let meanwhile = ClosingContext { conversation, said };
        Ok(match &command.verb {
            ActorVerb::Agent(agent, verb) => {
                let kinds = match verb {
                    AgentVerb::Open(again) => it.ask_again(again),
                    AgentVerb::Say { message } => it.say(message.clone(), conversation, now)?,
                    AgentVerb::Receipt { message, receipt } => {
                        it.receipt(self.replies.get(&(key.0, key.1, *message)), receipt.clone())?
                    }
                    AgentVerb::Update(update) => it.update((**update).clone())?,
                    AgentVerb::Cancel { reason } => {
                        it.cancel(reason.clone(), &Actor::Agent(agent.clone()), &meanwhile, now)?
                    }
                    AgentVerb::Acknowledge => it.acknowledge(now)?,
                };
                (Actor::Agent(it.agent.clone()), kinds)
            }
            ActorVerb::Operator(by, verb) => {
                it.must_be_answered_by(by)?;
                let kinds = match verb {
                    OperatorVerb::Claim => self.admitted(key.0, by, it)?.claim(by, conversation, now)?,
                    OperatorVerb::Release { fence } => it.release(by, *fence, now)?,
                    OperatorVerb::Accept => it.accept(by, now),
                    OperatorVerb::Transfer { fence, to, note } => {
                        it.transfer(by, *fence, self.target(key.0, to)?, note.clone(), now)?
                    }
                    OperatorVerb::TakeOver { fence } => {
                        self.admitted(key.0, by, it)?.take_over(by, *fence, conversation, now)?
                    }
                    OperatorVerb::Reply { fence, message } => {
                        it.reply(by, *fence, message.clone(), conversation, now)?
                    }
                    OperatorVerb::Note { text } => it.note(by, text.clone())?,
                    OperatorVerb::Resolve { fence, resolution } => {
                        self.admitted(key.0, by, it)?.resolve(by, *fence, resolution, &meanwhile, now)?
                    }
                    OperatorVerb::Mark { urgency, tags } => it.mark(by, *urgency, tags.clone())?,
                    OperatorVerb::FollowUp { note } => it.follow_up(by, note.clone(), now)?,
                };
                (Actor::Operator(by.who.clone()), kinds)
            }
            ActorVerb::System(verb) => {
                let kinds = match verb {
                    SystemVerb::Deliver => it.deliver(now)?,
                    SystemVerb::FallDue => it.fall_due(&meanwhile, now)?,
                    SystemVerb::Lapse { holder, seen_at } => it.lapse(*holder, *seen_at, now)?,
                };
                (Actor::System, kinds)
            }
        })
    }

    /// Refuses an operator who does not serve the queue that the escalation waits in.
    fn admitted<'a>(
        &self,
        workspace: WorkspaceId,
        by: &Operator,
        it: &'a Escalation,
    ) -> Result<&'a Escalation, Refusal> {
        if it.is_waiting()
            && let Some(members) = self.members.get(&(workspace, it.queue.id))
        {
            members.admit(by, &it.queue)?;
        }
        Ok(it)
    }

    /// Returns the target of a transfer, a queue with its present name.
    fn target(&self, workspace: WorkspaceId, to: &TransferTarget) -> Result<TransferTarget, Refusal> {
        let TransferTarget::Queue(queue) = to else { return Ok(to.clone()) };
        let queue = self.targets.get(&(workspace, queue.id)).cloned();
        queue.map(TransferTarget::Queue).ok_or_else(|| Refusal::field("/to", "This queue takes nothing any more."))
    }
}
