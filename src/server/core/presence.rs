//! Hints: what is true for a moment, told to whoever is connected and forgotten. What a fresh page must know of them, when
//! operators were seen and agents heard, is kept as rows, written together once a second at most.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::broadcast,
    time::{MissedTickBehavior, interval},
};

use crate::{
    domain::{
        escalation::Escalation,
        event::Seq,
        ids::{AgentId, EscalationId, OperatorId, WorkspaceId},
        presence::{AHEAD, AgentContact, Hint, Presence},
        time::{Span, Timestamp},
    },
    server::{clock::mint, core::desk::Desk, store::presence},
};

/// How many hints a slow stream may be behind before it misses some.
const MOST_BEHIND: usize = 1_024;
/// How often the row of a person or agent who is there is written at most. Streams report them more often than that.
const EVERY: Span = Span::seconds(25);
/// How often what is new is written.
const TOGETHER: Duration = Duration::from_secs(1);
/// One who was not there for so long need not be remembered here.
const FORGET_AFTER: Span = Span::minutes(10);

/// A hint, and whose workspace it is of.
pub type WorkspaceHint = (WorkspaceId, Hint);

/// Who is there, as the rows name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    Operator(OperatorId),
    /// Listens to all of its escalations.
    Agent(AgentId),
    /// An agent listens to this one.
    Escalation(EscalationId),
}

struct Known {
    /// As it was told.
    hint: Hint,
    heard: AgentContact,
    /// The row does not say so yet.
    is_new: bool,
}

/// The hints of this process, and what of them is to be written.
#[derive(Clone)]
pub struct Hints {
    /// For the streams of this process.
    here: broadcast::Sender<Arc<WorkspaceHint>>,
    /// For the other processes.
    away: broadcast::Sender<Arc<WorkspaceHint>>,
    /// By which a process knows its own.
    process: Arc<str>,
    known: Arc<Mutex<HashMap<(WorkspaceId, Who), Known>>>,
}

impl Default for Hints {
    fn default() -> Self {
        let (here, away) = (broadcast::Sender::new(MOST_BEHIND), broadcast::Sender::new(MOST_BEHIND));
        Self { here, away, process: mint().to_string().into(), known: Arc::default() }
    }
}

impl Hints {
    /// Tells everyone, here and in other processes.
    pub fn tell(&self, workspace: WorkspaceId, hint: Hint) {
        let told = Arc::new((workspace, hint));
        // Nobody may be listening.
        let _ = self.away.send(Arc::clone(&told));
        let _ = self.here.send(told);
    }

    /// Tells everyone here what another process told.
    pub fn pass_on(&self, told: WorkspaceHint) {
        let _ = self.here.send(Arc::new(told));
    }

    /// The name of this process among those that share a database.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// What is told from now on, in this process and in others.
    pub fn listen(&self) -> broadcast::Receiver<Arc<WorkspaceHint>> {
        self.here.subscribe()
    }

    /// What this process tells from now on.
    pub fn listen_away(&self) -> broadcast::Receiver<Arc<WorkspaceHint>> {
        self.away.subscribe()
    }

    /// An operator has a connected page, or does something.
    pub fn seen(&self, workspace: WorkspaceId, operator: OperatorId, at: Timestamp) {
        let heard = AgentContact { at, reached: Seq(0) };
        self.note(workspace, Who::Operator(operator), heard, |AgentContact { at, .. }| Hint::Seen { operator, at });
    }

    /// An agent listens, to one escalation or to all of its own, and was given what happened up to `reached`.
    pub fn heard(&self, workspace: WorkspaceId, agent: AgentId, escalation: Option<EscalationId>, heard: AgentContact) {
        let who = escalation.map_or(Who::Agent(agent), Who::Escalation);
        self.note(workspace, who, heard, |heard| Hint::Heard { agent, escalation, heard });
    }

    /// Who is there now, as far as this process knows: what a stream begins with, since its page was drawn before it.
    pub fn since(&self, workspace: WorkspaceId, moment: Timestamp) -> Vec<Hint> {
        let all = self.all();
        let there = all.iter().filter(|((of, _), known)| *of == workspace && known.heard.at >= moment);
        there.map(|(_, known)| known.hint.clone()).take(MOST_BEHIND).collect()
    }

    /// Adds what this process has heard and not written down yet.
    pub fn add_to(&self, presence: &mut Presence, workspace: WorkspaceId, it: &Escalation) {
        let all = self.all();
        let holder = it.holder().map(|claim| Who::Operator(claim.operator.id));
        for who in [Who::Agent(it.agent.id), Who::Escalation(it.id)].into_iter().chain(holder) {
            if let Some(known) = all.get(&(workspace, who)) {
                presence.apply(&known.hint, it);
            }
        }
    }

    /// Tells what is worth telling: of someone new, or further, or not told of for a while.
    fn note(&self, workspace: WorkspaceId, who: Who, heard: AgentContact, hint: impl FnOnce(AgentContact) -> Hint) {
        let mut all = self.all();
        let before = all.get(&(workspace, who)).map(|known| known.heard);
        let is_known =
            |it: AgentContact| it.at <= heard.at + AHEAD && heard.at - it.at < EVERY && heard.reached <= it.reached;
        if before.is_some_and(is_known) {
            return;
        }
        let reached = before.map_or(heard.reached, |it| it.reached.max(heard.reached));
        let heard = AgentContact { reached, ..heard };
        let hint = hint(heard);
        all.insert((workspace, who), Known { hint: hint.clone(), heard, is_new: true });
        drop(all);
        self.tell(workspace, hint);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<(WorkspaceId, Who), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is new. What could not be written is new again.
    pub async fn write(&self, desk: &Desk) {
        let (mut operators, mut agents) = (vec![], vec![]);
        let forget = desk.clock().now() + Span(-FORGET_AFTER.0);
        self.all().retain(|(workspace, who), known| {
            if std::mem::take(&mut known.is_new) {
                match who {
                    Who::Operator(operator) => operators.push((*workspace, *operator, known.heard.at)),
                    Who::Agent(agent) => agents.push((*workspace, agent.to_string(), known.heard)),
                    Who::Escalation(escalation) => agents.push((*workspace, escalation.to_string(), known.heard)),
                }
                return true;
            }
            known.heard.at > forget
        });
        if operators.is_empty() && agents.is_empty() {
            return;
        }
        if let Err(error) = presence::save(desk.store(), operators, agents).await {
            tracing::warn!(%error, "who is there was not written down; the next look does it");
            self.all().values_mut().for_each(|known| known.is_new = true);
        }
    }
}

/// Writes down who is there until the server stops, and then once more.
pub async fn keep(desk: Desk) {
    let mut tick = interval(TOGETHER);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while desk.shutdown().run_until_cancelled(tick.tick()).await.is_some() {
        desk.hints().write(&desk).await;
    }
    desk.hints().write(&desk).await;
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn the_same_is_told_once_in_a_while_and_more_at_once() {
        let hints = Hints::default();
        let mut told = hints.listen();
        let (workspace, agent) = (WorkspaceId::new(Uuid::from_u128(1)), AgentId::new(Uuid::from_u128(2)));
        let heard = |at: i64, reached: i64| AgentContact { at: Timestamp(at), reached: Seq(reached) };
        for (heard, is_told) in [
            (heard(0, 1), true),
            (heard(1_000, 1), false),
            (heard(2_000, 2), true),
            (heard(3_000, 1), false),
            (heard(40_000, 1), true),
        ] {
            hints.heard(workspace, agent, None, heard);
            assert_eq!(told.try_recv().is_ok(), is_told, "{heard:?}");
        }
        let other = EscalationId::new(Uuid::from_u128(3));
        hints.heard(workspace, agent, Some(other), heard(40_000, 1));
        assert!(told.try_recv().is_ok());
    }
}
