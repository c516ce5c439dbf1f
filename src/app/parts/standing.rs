//! Who holds an escalation, seen from one operator: what the header says and what the page offers follow from it.

use crate::domain::{
    ask::AskKind,
    claim::Fence,
    conversation::Control,
    escalation::{Escalation, Status},
    ids::OperatorId,
    operator::OperatorRef,
    text::Name,
    time::Span,
};

/// Who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Waiting,
    /// It waits in this queue, from which I may not take it.
    Elsewhere(Name),
    /// I do, under this fence.
    Mine(Fence),
    /// A colleague.
    Other(OperatorRef),
    Closed,
}

/// How an escalation stands towards one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlStatus {
    pub hold: Holder,
    pub ask: AskKind,
    /// There is a customer to talk to.
    pub has_customer: bool,
    /// Whoever holds it speaks to the customer.
    pub speaks: bool,
    status: Status,
    control: Control,
}

impl ControlStatus {
    /// Of an escalation whose conversation is under `control`; `serves` says whether I may take from its queue.
    pub fn of(escalation: &Escalation, control: Control, me: OperatorId, serves: bool) -> Self {
        let hold = match (escalation.status.is_open(), escalation.holder()) {
            (false, _) => Holder::Closed,
            (true, None) if serves => Holder::Waiting,
            (true, None) => Holder::Elsewhere(escalation.queue.name.clone()),
            (true, Some(claim)) if claim.operator.id == me => Holder::Mine(claim.fence),
            (true, Some(claim)) => Holder::Other(claim.operator.clone()),
        };
        Self {
            hold,
            ask: escalation.opening.ask.kind,
            has_customer: escalation.has_customer(),
            speaks: escalation.speaks_to_customer(),
            status: escalation.status,
            control,
        }
    }

    /// The fence of my claim.
    pub fn fence(&self) -> Option<Fence> {
        match self.hold {
            Holder::Mine(fence) => Some(fence),
            _ => None,
        }
    }

    /// Whether I may speak to the customer here.
    pub fn may_reply(&self) -> bool {
        self.speaks && self.fence().is_some()
    }

    /// A question or a decision may be ended without claiming it first.
    pub fn may_resolve(&self) -> bool {
        match self.hold {
            Holder::Mine(_) => true,
            Holder::Waiting => self.ask != AskKind::Takeover,
            Holder::Elsewhere(_) | Holder::Other(_) | Holder::Closed => false,
        }
    }

    /// A question or a decision may be turned into a talk with the customer.
    pub fn may_take_over(&self) -> bool {
        !self.speaks && self.has_customer && matches!(self.hold, Holder::Mine(_) | Holder::Waiting)
    }

    /// Who is in control, as the styles know it.
    pub fn mark(&self) -> &'static str {
        match (&self.hold, self.speaks) {
            (Holder::Waiting | Holder::Elsewhere(_), _) => "waiting",
            (Holder::Mine(_), true) => "mine",
            (Holder::Other(_), true) => "other",
            _ if self.control == Control::Human => "other",
            _ => "agent",
        }
    }

    /// Who is in control, in words. `waited` is how long it has been open.
    pub fn words(&self, waited: Span) -> String {
        match (&self.hold, self.speaks) {
            (Holder::Waiting | Holder::Elsewhere(_), _) => format!("Waiting {} for a human", waited.in_short()),
            (Holder::Mine(_), true) => "You are in control".to_owned(),
            (Holder::Other(who), true) => format!("{} is in control", who.name),
            (Holder::Closed, _) if self.control == Control::Agent => self.status.label().to_owned(),
            _ if self.control == Control::Human => "A colleague is in control".to_owned(),
            _ => "Agent in control".to_owned(),
        }
    }
}
