//! The verbs of the clock: expire, return a transfer, not picked up, and lapse. They fail closed: a timeout never
//! approves anything.

use super::{Escalation, Status};
use crate::domain::{
    actor::Actor,
    disposition::Disposition,
    event::{EventKind, ReturnedTransfer},
    ids::OperatorId,
    outcome::{ClosingContext, Outcome, Resolution},
    presence::LAPSES_AFTER,
    refusal::Refusal,
    time::Timestamp,
};

impl Escalation {
    /// Returns what is due now: see [`Escalation::clock_at`].
    pub fn fall_due(&self, meanwhile: &ClosingContext<'_>, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        match self.status {
            Status::Waiting | Status::Claimed => match self.expire(meanwhile, now) {
                Err(Refusal::NotDue) => self.return_transfer(now),
                expired => expired,
            },
            _ if self.clock_at().is_some_and(|due| due <= now) => {
                Ok(vec![EventKind::NotPickedUp { at: self.moment(now) }])
            }
            _ => Err(Refusal::NotDue),
        }
    }

    /// Expires the escalation when a hard deadline has passed. The deadline is checked again here, because a claim may
    /// have come first.
    fn expire(&self, meanwhile: &ClosingContext<'_>, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        if self.due_at().is_none_or(|due| due > now) {
            return Err(Refusal::NotDue);
        }
        let note = self.opening.on_expiry_note.clone();
        let resolution = Resolution { note_to_agent: note, ..Resolution::bare(Disposition::Unanswered) };
        let outcome = Outcome::new(resolution, Actor::System, self.moment(now), &self.ending(meanwhile));
        Ok(vec![EventKind::Expired { outcome }])
    }

    /// Returns the escalation to its queue when the target of a transfer has not accepted it in time. The deadline is
    /// checked again here, because the target may have accepted it first.
    fn return_transfer(&self, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        let claim = self.holder().ok_or(Refusal::NotDue)?;
        let offer = claim.offer.as_ref().filter(|offer| offer.until <= now).ok_or(Refusal::NotDue)?;
        let returned = ReturnedTransfer { from: offer.by.clone(), to: claim.operator.clone() };
        let claim_by = self.deadlines.claim_by_from(now);
        Ok(vec![EventKind::Released { at: self.moment(now), claim_by, returned: Some(returned) }])
    }

    /// Returns the escalation to its queue when its holder, last seen at `seen_at`, has been gone for too long. The
    /// condition is checked again here, because the holder may have come back or another operator may hold it. A claim
    /// does not lapse before it is [`LAPSES_AFTER`] old, even when its holder was gone before.
    pub fn lapse(&self, holder: OperatorId, seen_at: Timestamp, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        let claim = self.holder().filter(|claim| claim.operator.id == holder).ok_or(Refusal::NotDue)?;
        if now - claim.at.max(seen_at) < LAPSES_AFTER {
            return Err(Refusal::NotDue);
        }
        Ok(vec![EventKind::Released {
            at: self.moment(now),
            claim_by: self.deadlines.claim_by_from(now),
            returned: None,
        }])
    }

    /// Returns whether the escalation waits for an operator.
    pub fn is_waiting(&self) -> bool {
        self.status == Status::Waiting
    }
}
