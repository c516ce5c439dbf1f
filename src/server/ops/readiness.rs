//! The state behind `/readyz`: whether the writer can commit, the sweeper looks for deadlines, and the background tasks
//! keep running. Durations are measured with the process's monotonic clock, which cannot be set back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::domain::ids::EscalationId;

/// How long after a commit no write probe is needed.
const COMMITTED_WITHIN: Duration = Duration::from_secs(2);
/// How long ago the sweeper's last progress may be. The sweeper starts a pass twice a second.
const SWEPT_WITHIN: Duration = Duration::from_secs(30);
/// A background task that dies this often within `DEATHS_WITHIN` keeps dying.
const MOST_DEATHS: usize = 3;
const DEATHS_WITHIN: Duration = Duration::from_secs(60);

/// The readiness of a process, as its parts report it.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The time of the last commit; `None` when a later write failed.
    committed_at: Option<Instant>,
    swept_at: Option<Instant>,
    /// The escalations whose deadlines the sweeper could not process in its last pass.
    failed_deadlines: BTreeSet<EscalationId>,
    /// The times of the latest deaths of each background task.
    deaths: BTreeMap<&'static str, Vec<Instant>>,
    restarts: u64,
}

impl Readiness {
    /// Records that the writer committed.
    pub fn write_succeeded(&self) {
        self.state().committed_at = Some(Instant::now());
    }

    /// Records that the writer could not commit because of the database.
    pub fn write_failed(&self) {
        self.state().committed_at = None;
    }

    /// Returns whether the writer committed a moment ago, and did not fail since.
    pub fn has_just_committed(&self) -> bool {
        self.state().committed_at.is_some_and(|at| at.elapsed() < COMMITTED_WITHIN)
    }

    /// Records a complete pass of the sweeper, and the deadlines that it could not process. Returns those that were
    /// not among them in the pass before.
    pub fn swept(&self, failed: BTreeSet<EscalationId>) -> Vec<EscalationId> {
        let mut state = self.state();
        state.swept_at = Some(Instant::now());
        let new = failed.difference(&state.failed_deadlines).copied().collect();
        state.failed_deadlines = failed;
        new
    }

    /// Records that the sweeper makes progress in a pass that takes long.
    pub fn still_sweeping(&self) {
        self.state().swept_at = Some(Instant::now());
    }

    /// Returns whether the sweeper's last progress is recent.
    pub fn is_sweeping(&self) -> bool {
        self.state().swept_at.is_some_and(|at| at.elapsed() < SWEPT_WITHIN)
    }

    /// Returns how many deadlines the sweeper cannot process.
    pub fn failed_deadlines(&self) -> usize {
        self.state().failed_deadlines.len()
    }

    /// Records that a background task died. Returns how often it died recently.
    pub fn task_died(&self, task: &'static str) -> usize {
        let mut state = self.state();
        state.restarts += 1;
        let deaths = state.deaths.entry(task).or_default();
        deaths.retain(|at| at.elapsed() < DEATHS_WITHIN);
        deaths.push(Instant::now());
        deaths.len()
    }

    /// Returns how often background tasks were restarted since the process started.
    pub fn restarts(&self) -> u64 {
        self.state().restarts
    }

    /// Returns a background task that keeps dying, if there is one.
    pub fn dying_task(&self) -> Option<&'static str> {
        let state = self.state();
        let recent = |deaths: &Vec<Instant>| deaths.iter().filter(|at| at.elapsed() < DEATHS_WITHIN).count();
        state.deaths.iter().find(|(_, deaths)| recent(deaths) >= MOST_DEATHS).map(|(task, _)| *task)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_failed_write_outweighs_the_commit_before_it() {
        let readiness = Readiness::default();
        assert!(!readiness.has_just_committed());
        readiness.write_succeeded();
        assert!(readiness.has_just_committed());
        readiness.write_failed();
        assert!(!readiness.has_just_committed());
        readiness.write_succeeded();
        assert!(readiness.has_just_committed());
    }

    #[test]
    fn a_deadline_that_fails_is_new_once() {
        let readiness = Readiness::default();
        assert!(!readiness.is_sweeping());
        let [one, two] = [1, 2].map(|n| EscalationId::new(Uuid::from_u128(n)));
        assert_eq!(readiness.swept(BTreeSet::from([one])), [one]);
        assert_eq!(readiness.swept(BTreeSet::from([one, two])), [two]);
        assert_eq!(readiness.failed_deadlines(), 2);
        assert!(readiness.swept(BTreeSet::new()).is_empty());
        assert_eq!(readiness.swept(BTreeSet::from([one])), [one]);
        assert!(readiness.is_sweeping());
    }

    #[test]
    fn a_task_keeps_dying_when_it_died_three_times_within_a_minute() {
        let readiness = Readiness::default();
        for death in 1..=3 {
            assert_eq!(readiness.dying_task(), None);
            assert_eq!(readiness.task_died("the watcher"), death);
        }
        assert_eq!((readiness.dying_task(), readiness.restarts()), (Some("the watcher"), 3));
    }
}
