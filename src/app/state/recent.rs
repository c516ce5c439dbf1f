//! The last events that the page has received. A snapshot that was requested before them and arrives after them is
//! brought up to date from these.

use std::collections::VecDeque;

use crate::domain::{inbox::Frame, seq::Seq};

/// The maximum number of events kept.
const KEPT: usize = 500;

/// The last events.
#[derive(Default)]
pub struct RecentEvents {
    frames: VecDeque<Frame>,
    /// The highest seq of the events that are no longer kept.
    forgotten: Seq,
}

impl RecentEvents {
    /// Adds an event.
    pub fn push(&mut self, frame: Frame) {
        self.frames.push_back(frame);
        if self.frames.len() > KEPT
            && let Some(oldest) = self.frames.pop_front()
        {
            self.forgotten = self.forgotten.max(oldest.event.seq);
        }
    }

    /// Returns whether all events that the page received after a snapshot are still kept. An older snapshot must be
    /// read again, because the events in between would be missing, unnoticed.
    pub fn continues(&self, snapshot: Seq) -> bool {
        snapshot >= self.forgotten
    }

    /// Returns the events, in order.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    /// Drops the events of another log.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ask::AskKind, stage::Simulation};

    #[test]
    fn a_snapshot_from_before_what_is_kept_must_be_read_again() {
        let mut stage = Simulation::new();
        stage.open(AskKind::Question);
        let frame = |seq: i64| {
            let mut frame = stage.world.frames[0].clone();
            frame.event.seq = Seq(seq);
            frame
        };
        let mut recent = RecentEvents::default();
        for seq in 101..=600 {
            recent.push(frame(seq));
        }
        assert!(recent.continues(Seq(100)) && recent.continues(Seq(0)), "nothing was forgotten yet");
        recent.push(frame(601));
        assert!(recent.continues(Seq(101)) && !recent.continues(Seq(100)));
        assert_eq!(recent.frames().count(), KEPT);
        recent.clear();
        assert!(recent.continues(Seq(0)));
    }
}
