//! Presence: short-lived state in addition to the event log. A hint may be lost, and is never stored as such and never
//! replayed. The times at which an operator was last seen and an agent last listened are stored as rows, so that a
//! fresh page knows them.

use serde::{Deserialize, Serialize};

use super::{
    escalation::Escalation,
    ids::{AgentId, EscalationId, OperatorId},
    operator::OperatorRef,
    queue::QueueRef,
    seq::Seq,
    time::{Span, Timestamp},
};

/// The interval at which the server sends something on a page's stream, even when nothing happens. Pages take silence
/// for a dead network.
pub const PING_EVERY: Span = Span::seconds(5);
/// The time after which an agent that does not listen is shown as not listening.
pub const DEAF_AFTER: Span = Span::seconds(60);
/// The time after which an operator without a connected page is shown as gone.
pub const GONE_AFTER: Span = Span::minutes(2);
/// The time after which the claims of an operator who is gone lapse.
pub const LAPSES_AFTER: Span = Span::minutes(15);
/// The time for which an operator counts as available after they were seen. Their row is written every 25 seconds.
pub const AVAILABLE_FOR: Span = Span::seconds(45);
/// The interval at which a page reports which escalation its operator views.
pub const VIEWING_EVERY: Span = Span::seconds(20);
/// The time for which a report counts: see [`VIEWING_EVERY`].
pub const VIEWING_FOR: Span = Span::seconds(45);
/// The interval at which a page reports that its operator types.
pub const TYPING_EVERY: Span = Span::seconds(3);
/// The time for which a report of typing counts: see [`TYPING_EVERY`].
pub const TYPING_FOR: Span = Span::seconds(6);

/// The tolerance for times ahead of the clock. A time further ahead was recorded before the clock was set back, and is
/// ignored.
pub const AHEAD: Span = Span::minutes(1);

/// Returns the later of two times of presence, unless the known one is of a clock that was set back since.
pub fn later(known: Timestamp, new: Timestamp) -> Timestamp {
    if known > new + AHEAD { new } else { known.max(new) }
}

/// Returns whether a time of presence still counts now.
fn counts(at: Timestamp, within: Span, now: Timestamp) -> bool {
    at <= now + AHEAD && now - at < within
}

/// An ephemeral hint about presence or typing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// An agent listens, to one escalation or to all of its own.
    Heard { agent: AgentId, escalation: Option<EscalationId>, heard: AgentContact },
    /// An operator has a connected page, or does something.
    Seen { operator: OperatorId, at: Timestamp },
    /// An operator views an escalation, or types to its customer.
    Viewing { agent: AgentId, escalation: EscalationId, viewer: Viewer },
    /// The customer types.
    CustomerTyping { escalation: EscalationId, at: Timestamp },
}

/// The time at which an agent last listened, and the number of the last event that it received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AgentContact {
    pub at: Timestamp,
    pub reached: Seq,
}

/// An operator who views an escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    pub operator: OperatorRef,
    pub at: Timestamp,
    /// True if the operator types to the customer.
    pub typing: bool,
}

/// A colleague to whom an escalation may be transferred, with facts for and against the choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colleague {
    pub operator: OperatorRef,
    /// None when the colleague was never seen.
    pub seen_at: Option<Timestamp>,
    /// True if the colleague has set themselves away.
    pub away: bool,
    /// The number of escalations that the colleague holds.
    pub holds: i64,
}

/// The possible targets of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TransferChoices {
    /// The time at which the choices were read.
    pub at: Timestamp,
    pub colleagues: Vec<Colleague>,
    pub queues: Vec<QueueRef>,
}

/// The presence around one escalation, kept up to date by hints.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Presence {
    /// None when the agent never listened.
    pub heard: Option<AgentContact>,
    /// The times at which operators were last seen, as far as this page needs them.
    pub seen: Vec<(OperatorId, Timestamp)>,
    /// The operators who view the escalation.
    pub viewers: Vec<Viewer>,
    pub customer_typing: Option<Timestamp>,
}

impl Presence {
    /// Applies a hint. Returns false, and changes nothing, when the hint is about another escalation.
    pub fn apply(&mut self, hint: &Hint, of: &Escalation) -> bool {
        match hint {
            Hint::Heard { agent, escalation, heard }
                if *agent == of.agent.id && escalation.is_none_or(|id| id == of.id) =>
            {
                let known = self.heard.unwrap_or(*heard);
                self.heard =
                    Some(AgentContact { at: later(known.at, heard.at), reached: known.reached.max(heard.reached) });
            }
            Hint::Seen { operator, at } => match self.seen.iter_mut().find(|(id, _)| id == operator) {
                Some((_, seen)) => *seen = later(*seen, *at),
                None => self.seen.push((*operator, *at)),
            },
            Hint::Viewing { escalation, viewer, .. } if *escalation == of.id => {
                self.viewers.retain(|known| known.operator.id != viewer.operator.id);
                self.viewers.push(viewer.clone());
            }
            Hint::CustomerTyping { escalation, at } if *escalation == of.id => self.customer_typing = Some(*at),
            _ => return false,
        }
        true
    }

    /// Returns since when an operator has been gone, or none while they are present or when it is unknown.
    pub fn gone_since(&self, operator: OperatorId, now: Timestamp) -> Option<Timestamp> {
        let (_, at) = self.seen.iter().find(|(id, _)| *id == operator)?;
        (*at <= now + AHEAD && now - *at >= GONE_AFTER).then_some(*at)
    }

    /// Returns whether an operator is typing to the customer.
    pub fn is_typing(&self, operator: OperatorId, now: Timestamp) -> bool {
        self.viewers.iter().any(|it| it.operator.id == operator && it.typing && counts(it.at, TYPING_FOR, now))
    }

    /// Returns whether the agent listens.
    pub fn is_listening(&self, now: Timestamp) -> bool {
        self.heard.is_some_and(|heard| counts(heard.at, DEAF_AFTER, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ask::AskKind, stage::Simulation, text::Name};

    #[test]
    fn only_hints_about_it_count_and_none_goes_back_in_time() {
        let mut stage = Simulation::new();
        let id = stage.open(AskKind::Takeover);
        let it = stage.of(id);
        let mut presence = Presence::default();
        let heard = |at: i64, reached: i64| AgentContact { at: Timestamp(at), reached: Seq(reached) };
        let hint = |escalation, heard| Hint::Heard { agent: it.agent.id, escalation, heard };
        assert!(presence.apply(&hint(None, heard(9, 2)), it));
        assert!(presence.apply(&hint(Some(it.id), heard(5, 3)), it));
        assert_eq!(presence.heard, Some(heard(9, 3)));
        let other = EscalationId::new(uuid::Uuid::from_u128(99));
        assert!(!presence.apply(&hint(Some(other), heard(50, 50)), it));
        assert!(!presence.apply(&Hint::CustomerTyping { escalation: other, at: Timestamp(1) }, it));
        assert!(presence.is_listening(Timestamp(9)) && !presence.is_listening(Timestamp(9) + DEAF_AFTER));
    }

    #[test]
    fn an_operator_types_until_six_seconds_after_the_last_hint() {
        let mut stage = Simulation::new();
        let id = stage.open(AskKind::Takeover);
        let it = stage.of(id);
        let name = || Name::parse("Ana").unwrap();
        let operator = OperatorRef { id: OperatorId::new(uuid::Uuid::from_u128(7)), name: name(), public_name: name() };
        let who = operator.id;
        let mut presence = Presence::default();
        let hint = |at: i64, typing| Hint::Viewing {
            agent: it.agent.id,
            escalation: it.id,
            viewer: Viewer { operator: operator.clone(), at: Timestamp(at), typing },
        };
        presence.apply(&hint(0, false), it);
        assert!(!presence.is_typing(who, Timestamp(1)), "who only looks does not type");
        presence.apply(&hint(10, true), it);
        assert!(presence.is_typing(who, Timestamp(11)) && !presence.is_typing(who, Timestamp(10) + TYPING_FOR));
        assert!(!presence.is_typing(OperatorId::new(uuid::Uuid::from_u128(8)), Timestamp(11)));
    }

    #[test]
    fn what_was_seen_before_the_clock_was_set_back_says_nothing() {
        let mut stage = Simulation::new();
        let id = stage.open(AskKind::Takeover);
        let (mut presence, who) = (Presence::default(), OperatorId::new(uuid::Uuid::from_u128(7)));
        let hour = Span::hours(1);
        let before = Timestamp(0) + hour;
        let heard = AgentContact { at: before, reached: Seq(1) };
        presence.apply(&Hint::Heard { agent: stage.of(id).agent.id, escalation: None, heard }, stage.of(id));
        presence.apply(&Hint::Seen { operator: who, at: before }, stage.of(id));
        assert!(presence.is_listening(before) && !presence.is_listening(Timestamp(0)));
        // A time of the present clock counts, although it is earlier.
        presence.apply(&Hint::Seen { operator: who, at: Timestamp(5) }, stage.of(id));
        assert_eq!(presence.gone_since(who, Timestamp(5) + GONE_AFTER), Some(Timestamp(5)));
    }

    #[test]
    fn who_is_not_seen_for_two_minutes_is_gone() {
        let mut stage = Simulation::new();
        let id = stage.open(AskKind::Takeover);
        let (mut presence, who) = (Presence::default(), OperatorId::new(uuid::Uuid::from_u128(7)));
        assert_eq!(presence.gone_since(who, Timestamp(1_000_000)), None);
        presence.apply(&Hint::Seen { operator: who, at: Timestamp(0) }, stage.of(id));
        assert_eq!(presence.gone_since(who, Timestamp(119_999)), None);
        assert_eq!(presence.gone_since(who, Timestamp(120_000)), Some(Timestamp(0)));
    }
}
