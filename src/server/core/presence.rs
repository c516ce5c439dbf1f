//! Ephemeral hints (viewing, typing, listening): sent to the connected streams and then forgotten. When operators were last
//! seen and agents last listened is stored as rows, written in one batch at most once a second.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::broadcast;

use crate::{
    domain::{
        escalation::Escalation,
        ids::{AgentId, EscalationId, OperatorId, WorkspaceId},
        presence::{AHEAD, AgentContact, Hint, Presence},
        seq::Seq,
        time::{Span, Timestamp},
    },
    server::{
        clock::mint,
        store::{Store, presence},
    },
};

/// Capacity of the hint channel. A stream that is further behind misses hints.
const MOST_BEHIND: usize = 1_024;
/// Minimum interval between two writes of the row of one operator or agent. Streams report more often than that.
const EVERY: Span = Span::seconds(25);
/// Time after which an operator or agent that was not seen is dropped from memory.
const FORGET_AFTER: Span = Span::minutes(10);

/// A hint with its workspace.
pub type WorkspaceHint = (WorkspaceId, Hint);

/// The operator or agent of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    Operator(OperatorId),
    /// An agent that listens to all of its escalations.
    Agent(AgentId),
    /// An agent that listens to one escalation.
    Escalation(EscalationId),
}

struct Known {
    /// The latest report.
    hint: Hint,
    heard: AgentContact,
    /// True while the report is not stored yet.
    is_new: bool,
}

/// The hints of this process, and the reports that have to be stored.
#[derive(Clone)]
pub struct Hints {
    /// The channel to the streams of this process.
    here: broadcast::Sender<Arc<WorkspaceHint>>,
    /// The channel to the other processes.
    away: broadcast::Sender<Arc<WorkspaceHint>>,
    /// The id by which a process recognises its own hints.
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
    /// Sends a hint to the streams of all processes.
    pub fn send(&self, workspace: WorkspaceId, hint: Hint) {
        let told = Arc::new((workspace, hint));
        // Sending fails when there is no stream.
        let _ = self.away.send(Arc::clone(&told));
        let _ = self.here.send(told);
    }

    /// Sends a hint of another process to the streams of this one.
    pub fn forward(&self, told: WorkspaceHint) {
        let _ = self.here.send(Arc::new(told));
    }

    /// The id of this process among those that share a database.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Subscribes to the hints of all processes.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<WorkspaceHint>> {
        self.here.subscribe()
    }

    /// Subscribes to the hints of this process, to forward them to others.
    pub fn subscribe_local(&self) -> broadcast::Receiver<Arc<WorkspaceHint>> {
        self.away.subscribe()
    }

    /// Reports that an operator has a connected page or acts.
    pub fn operator_seen(&self, workspace: WorkspaceId, operator: OperatorId, at: Timestamp) {
        let heard = AgentContact { at, reached: Seq(0) };
        self.note(workspace, Who::Operator(operator), heard, |AgentContact { at, .. }| Hint::Seen { operator, at });
    }

    /// Reports that an agent listens to one escalation or to all of its own, and has received the events up to `reached`.
    pub fn agent_listens(
        &self,
        workspace: WorkspaceId,
        agent: AgentId,
        escalation: Option<EscalationId>,
        heard: AgentContact,
    ) {
        let who = escalation.map_or(Who::Agent(agent), Who::Escalation);
        self.note(workspace, who, heard, |heard| Hint::Heard { agent, escalation, heard });
    }

    /// Returns the current hints that this process knows. A new stream starts with them, because its page was drawn earlier.
    pub fn current_hints(&self, workspace: WorkspaceId, moment: Timestamp) -> Vec<Hint> {
        let all = self.all();
        let there = all.iter().filter(|((of, _), known)| *of == workspace && known.heard.at >= moment);
        there.map(|(_, known)| known.hint.clone()).take(MOST_BEHIND).collect()
    }

    /// Adds the reports of this process that are not stored yet.
    pub fn add_unsaved_to(&self, presence: &mut Presence, workspace: WorkspaceId, it: &Escalation) {
        let all = self.all();
        let holder = it.holder().map(|claim| Who::Operator(claim.operator.id));
        for who in [Who::Agent(it.agent.id), Who::Escalation(it.id)].into_iter().chain(holder) {
            if let Some(known) = all.get(&(workspace, who)) {
                presence.apply(&known.hint, it);
            }
        }
    }

    /// Records a report and sends a hint, when the operator or agent is new, has got further, or was not announced for a while.
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
        self.send(workspace, hint);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<(WorkspaceId, Who), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the new reports. Those that could not be stored are tried again.
    pub async fn save(&self, store: &Store, now: Timestamp) {
        let (mut operators, mut agents) = (vec![], vec![]);
        let forget = now + Span(-FORGET_AFTER.0);
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
        if let Err(error) = presence::save(store, operators, agents).await {
            tracing::warn!(%error, "who is there was not written down; the next look does it");
            self.all().values_mut().for_each(|known| known.is_new = true);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn the_same_is_told_once_in_a_while_and_more_at_once() {
        let hints = Hints::default();
        let mut told = hints.subscribe();
        let (workspace, agent) = (WorkspaceId::new(Uuid::from_u128(1)), AgentId::new(Uuid::from_u128(2)));
        let heard = |at: i64, reached: i64| AgentContact { at: Timestamp(at), reached: Seq(reached) };
        for (heard, is_told) in [
            (heard(0, 1), true),
            (heard(1_000, 1), false),
            (heard(2_000, 2), true),
            (heard(3_000, 1), false),
            (heard(40_000, 1), true),
        ] {
            hints.agent_listens(workspace, agent, None, heard);
            assert_eq!(told.try_recv().is_ok(), is_told, "{heard:?}");
        }
        let other = EscalationId::new(Uuid::from_u128(3));
        hints.agent_listens(workspace, agent, Some(other), heard(40_000, 1));
        assert!(told.try_recv().is_ok());
    }
}
