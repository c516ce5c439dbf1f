//! The effect of each event on the state of its escalation.

use std::sync::Arc;

use super::{Escalation, LastSaid, Status};
use crate::domain::{
    actor::Actor,
    claim::{Claim, Stint},
    event::{Event, EventKind, TransferTarget},
    message::MessageRole,
    outcome::Outcome,
    time::Timestamp,
};

impl Escalation {
    /// Returns the escalation that an `escalation.opened` event began, or none for any other event.
    pub fn begun_by(event: &Event) -> Option<Self> {
        let EventKind::Opened { escalation } = &event.kind else { return None };
        let mut escalation = (**escalation).clone();
        escalation.opened_seq = event.seq;
        escalation.seq = event.seq;
        escalation.said_seq = event.seq;
        escalation.latest_at = event.at;
        Some(escalation)
    }

    /// Applies an event. Cannot fail. An event that was applied before, or of another escalation, changes nothing.
    pub fn apply(&mut self, event: &Event) {
        if event.escalation_id != self.id || event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        self.latest_at = self.latest_at.max(event.at);
        self.note_acceptance(&event.actor);
        match &event.kind {
            EventKind::Opened { .. }
            | EventKind::Accepted { .. }
            | EventKind::MessageReceipt { .. }
            | EventKind::Noted { .. } => {}
            EventKind::Claimed { claim } => self.held(claim.clone()),
            EventKind::TakenOver { at } => {
                self.taken_over = true;
                self.begin_stint(*at);
            }
            EventKind::Released { at, claim_by, .. } => self.wait_again(*at, *claim_by),
            EventKind::Transferred { to, at, claim, fence, claim_by, .. } => {
                match claim {
                    Some(claim) => {
                        let speaks = self.speaks_to_customer();
                        self.end_stint(*at);
                        self.claim = Some(claim.clone());
                        self.status = Status::Claimed;
                        if speaks {
                            self.begin_stint(*at);
                        }
                    }
                    None => self.wait_again(*at, *claim_by),
                }
                if let TransferTarget::Queue(queue) = to {
                    self.queue = queue.clone();
                }
                self.fence = *fence;
            }
            EventKind::MessageCreated { message } => {
                self.messages = message.position + 1;
                self.said += i64::from(message.role.is_speech());
                self.last_said = LastSaid::of(std::slice::from_ref(message)).or(self.last_said.take());
                if matches!(message.role, MessageRole::Customer | MessageRole::Agent) {
                    self.said_seq = event.seq;
                }
                match message.role {
                    MessageRole::Operator => (self.replied_at, self.owed_since) = (Some(event.at), None),
                    MessageRole::Customer | MessageRole::Agent if self.replied_at.is_some() => {
                        self.owed_since.get_or_insert(event.at);
                    }
                    _ => {}
                }
            }
            EventKind::Resolved { outcome } => self.close(Status::Resolved, outcome),
            EventKind::Expired { outcome } => self.close(Status::Expired, outcome),
            EventKind::Cancelled { outcome, .. } => self.close(Status::Cancelled, outcome),
            EventKind::Marked { urgency, tags } => {
                self.urgency = urgency.unwrap_or(self.urgency);
                self.urgency_is_set |= urgency.is_some();
                if let Some(tags) = tags {
                    self.tags = tags.clone();
                }
            }
            EventKind::AskedAgain { urgency, .. } => {
                self.urgency = urgency.unwrap_or(self.urgency);
                self.asked_again += 1;
            }
            EventKind::Updated { update, .. } => {
                update.apply(Arc::make_mut(&mut self.opening));
                self.urgency = update.urgency.unwrap_or(self.urgency);
                self.updates += 1;
            }
            EventKind::NotPickedUp { .. } => self.not_picked_up = true,
            EventKind::Delivered { at } => {
                self.delivered_at = Some(*at);
                self.not_picked_up &= !self.is_picked_up();
            }
            EventKind::Acknowledged { at } => {
                self.acknowledged_at = Some(*at);
                self.not_picked_up &= !self.is_picked_up();
            }
            EventKind::FollowedUp { follow_up } => self.followed_up = Some(follow_up.clone()),
        }
    }

    /// Accepts a transfer, because every action of its target accepts it.
    fn note_acceptance(&mut self, actor: &Actor) {
        if let (Some(claim), Actor::Operator(by)) = (&mut self.claim, actor)
            && claim.operator.id == by.id
        {
            claim.offer = None;
        }
    }

    fn held(&mut self, claim: Claim) {
        self.status = Status::Claimed;
        self.fence = claim.fence;
        let at = claim.at;
        self.claim = Some(claim);
        if self.speaks_to_customer() {
            self.begin_stint(at);
        }
    }

    fn wait_again(&mut self, at: Timestamp, claim_by: Option<Timestamp>) {
        self.end_stint(at);
        self.status = Status::Waiting;
        self.claim = None;
        self.taken_over = false;
        self.deadlines.claim_by = claim_by;
    }

    fn close(&mut self, status: Status, outcome: &Outcome) {
        self.end_stint(outcome.at);
        self.status = status;
        self.closed_at = Some(outcome.at);
        self.closed_seq = Some(self.seq);
        self.outcome = Some(outcome.clone());
    }

    fn begin_stint(&mut self, from: Timestamp) {
        if let Some(claim) = &self.claim {
            self.stints.push(Stint { operator: claim.operator.clone(), from, to: None });
        }
    }

    fn end_stint(&mut self, to: Timestamp) {
        if let Some(stint) = self.stints.last_mut().filter(|stint| stint.to.is_none()) {
            stint.to = Some(to);
        }
    }
}
