//! What the clock says: expire. It fails closed: a timeout never approves anything.

use super::{Escalation, Status};
use crate::domain::{
    event::{Actor, EventKind},
    outcome::{Disposition, Meanwhile, Outcome, Resolution},
    refusal::Refusal,
    time::Timestamp,
};

impl Escalation {
    /// Expires it when a hard deadline has passed; judged here again, since a claim may have come first.
    pub fn expire(&self, meanwhile: &Meanwhile<'_>, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        self.must_be_open()?;
        if self.due_at().is_none_or(|due| due > now) {
            return Err(Refusal::NotDue);
        }
        let note = self.opening.on_expiry_note.clone();
        let resolution = Resolution { note_to_agent: note, ..Resolution::bare(Disposition::Unanswered) };
        let outcome = Outcome::new(resolution, Actor::System, now, &self.ending(meanwhile));
        Ok(vec![EventKind::Expired { outcome }])
    }

    /// Whether it waits for an operator.
    pub fn is_waiting(&self) -> bool {
        self.status == Status::Waiting
    }
}
