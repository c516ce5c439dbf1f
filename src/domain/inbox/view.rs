//! The lists of the rail, which escalations each of them shows, and their counts.

use serde::{Deserialize, Serialize};

use super::order::SortOrder;
use crate::domain::{escalation::Shelf, words::words};

/// A list of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Waiting escalations in the queues that the operator serves.
    #[default]
    Queue,
    /// Escalations that the operator holds, or held last when nobody has picked up the outcome.
    Mine,
    /// Expired escalations that nobody has followed up.
    Missed,
    /// Open escalations.
    All,
    /// Closed escalations.
    Closed,
    /// Escalations of test agents, open or closed.
    Tests,
}

words!(View {
    Queue = "queue", "Queue";
    Mine = "mine", "Mine";
    Missed = "missed", "Missed";
    All = "all", "All open";
    Closed = "closed", "Closed";
    Tests = "tests", "Tests";
});

impl View {
    /// Returns the address.
    pub fn path(self) -> &'static str {
        match self {
            Self::Queue => "/queue",
            Self::Mine => "/mine",
            Self::Missed => "/missed",
            Self::All => "/all",
            Self::Closed => "/closed",
            Self::Tests => "/tests",
        }
    }

    /// Returns the shelves that the view shows. *Mine* shows only escalations that the operator holds or held last.
    pub fn shelves(self) -> &'static [Shelf] {
        match self {
            Self::Queue => &[Shelf::Waiting],
            Self::Mine => &[Shelf::Claimed, Shelf::NotPickedUp],
            Self::Missed => &[Shelf::Missed],
            Self::All => &[Shelf::Waiting, Shelf::Claimed],
            Self::Closed => &[Shelf::Resolved, Shelf::NotPickedUp, Shelf::Missed, Shelf::FollowedUp, Shelf::Cancelled],
            Self::Tests => &[Shelf::Test],
        }
    }

    /// Returns the orders of the view, the default first. Closed escalations have no wait and no deadline to sort by, and
    /// neither has a list of tests, most of which are closed.
    pub fn sorts(self) -> &'static [SortOrder] {
        match self {
            Self::Queue | Self::Mine | Self::All => {
                &[SortOrder::Waiting, SortOrder::Deadline, SortOrder::Urgency, SortOrder::Newest]
            }
            Self::Missed | Self::Closed | Self::Tests => &[SortOrder::Newest, SortOrder::Urgency],
        }
    }
}

/// The number of escalations on each list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub waiting: i64,
    pub mine: i64,
    pub missed: i64,
    pub open: i64,
}

impl Counts {
    /// Counts `by` escalations of one shelf: `mine` when they are on the operator's desk, `served` when the operator
    /// serves their queue.
    pub fn add(&mut self, shelf: Shelf, mine: bool, served: bool, by: i64) {
        match shelf {
            Shelf::Waiting if served => self.waiting += by,
            Shelf::Claimed | Shelf::NotPickedUp if mine => self.mine += by,
            Shelf::Missed => self.missed += by,
            _ => {}
        }
        if matches!(shelf, Shelf::Waiting | Shelf::Claimed) {
            self.open += by;
        }
    }

    /// Returns the number next to a view's name. Closed escalations and tests are not counted.
    pub fn of(&self, view: View) -> Option<i64> {
        match view {
            View::Queue => Some(self.waiting),
            View::Mine => Some(self.mine),
            View::Missed => Some(self.missed),
            View::All => Some(self.open),
            View::Closed | View::Tests => None,
        }
    }
}
