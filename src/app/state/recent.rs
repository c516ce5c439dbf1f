//! The last events that the page has heard, kept to bring snapshots up to date that were asked for before and arrive after
//! them.

use std::collections::VecDeque;

use crate::domain::{event::Seq, inbox::Frame};

/// How many events are kept.
const KEPT: usize = 500;

/// The last events.
#[derive(Default)]
pub struct RecentEvents {
    frames: VecDeque<Frame>,
    /// The newest that was heard and is not kept any more.
    forgotten: Seq,
}

impl RecentEvents {
    /// Keeps an event.
    pub fn push(&mut self, frame: Frame) {
        self.frames.push_back(frame);
        if self.frames.len() > KEPT
            && let Some(oldest) = self.frames.pop_front()
        {
            self.forgotten = self.forgotten.max(oldest.event.seq);
        }
    }

    /// Says whether this keeps every event that the page heard after a snapshot. One that is older must be read again: what happened in
    /// between would be missing, unnoticed.
    pub fn continues(&self, snapshot: Seq) -> bool {
        snapshot >= self.forgotten
    }

    /// The events, in order.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    /// Forgets the events of another log.
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
        stage.open(AskKind::Question).unwrap();
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
