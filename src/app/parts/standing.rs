//! The control status of an escalation as seen by one operator. The text of the header and the available actions follow
//! from it.

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

/// The holder of an escalation, from the operator's point of view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Waiting,
    /// The escalation waits in this queue, from which the operator may not claim.
    Elsewhere(Name),
    /// The operator holds it under this fence.
    Mine(Fence),
    /// A colleague holds it.
    Other(OperatorRef),
    Closed,
}

/// The status of an escalation with respect to one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlStatus {
    pub hold: Holder,
    pub ask: AskKind,
    /// True if there is a customer to talk to.
    pub has_customer: bool,
    /// True if the holder of the escalation speaks to the customer.
    pub speaks: bool,
    status: Status,
    control: Control,
}

impl ControlStatus {
    /// Returns the status of an escalation whose conversation is under `control`; `serves` says whether the operator
    /// may claim from its queue.
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

    /// Returns the fence of the operator's claim.
    pub fn fence(&self) -> Option<Fence> {
        match self.hold {
            Holder::Mine(fence) => Some(fence),
            _ => None,
        }
    }

    /// Returns whether the operator may reply to the customer.
    pub fn may_reply(&self) -> bool {
        self.speaks && self.fence().is_some()
    }

    /// Returns whether the operator may resolve; a question or a decision may be resolved without a claim.
    pub fn may_resolve(&self) -> bool {
        match self.hold {
            Holder::Mine(_) => true,
            Holder::Waiting => self.ask != AskKind::Takeover,
            Holder::Elsewhere(_) | Holder::Other(_) | Holder::Closed => false,
        }
    }

    /// Returns whether the operator may turn a question or a decision into a conversation with the customer.
    pub fn may_take_over(&self) -> bool {
        !self.speaks && self.has_customer && matches!(self.hold, Holder::Mine(_) | Holder::Waiting)
    }

    /// Returns the `data-control` value for the stylesheet.
    pub fn mark(&self) -> &'static str {
        match (&self.hold, self.speaks) {
            (Holder::Waiting | Holder::Elsewhere(_), _) => "waiting",
            (Holder::Mine(_), true) => "mine",
            (Holder::Other(_), true) => "other",
            _ if self.control == Control::Human => "other",
            _ => "agent",
        }
    }

    /// Describes in words who is in control. `waited` is the time since the escalation was opened.
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
