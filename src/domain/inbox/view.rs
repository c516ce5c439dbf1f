//! The lists of the rail, what stands on each, and how many that are.

use serde::{Deserialize, Serialize};

use super::listing::SortOrder;
use crate::domain::escalation::Status;

/// The lists of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// What waits, in the queues that I serve.
    #[default]
    Queue,
    /// What I hold.
    Mine,
    /// What expired and nobody has followed up.
    Missed,
    /// What is not closed.
    All,
    /// What is.
    Closed,
}

impl View {
    /// Every view, in the order of the rail.
    pub const ALL: [Self; 5] = [Self::Queue, Self::Mine, Self::Missed, Self::All, Self::Closed];

    /// Its address.
    pub fn path(self) -> &'static str {
        match self {
            Self::Queue => "/queue",
            Self::Mine => "/mine",
            Self::Missed => "/missed",
            Self::All => "/all",
            Self::Closed => "/closed",
        }
    }

    /// The view of an address without its slashes, as in `mine`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| &view.path()[1..] == name)
    }

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queue => "Queue",
            Self::Mine => "Mine",
            Self::Missed => "Missed",
            Self::All => "All open",
            Self::Closed => "Closed",
        }
    }

    /// The shelves it shows; of the claimed ones *Mine* shows only my own.
    pub fn shelves(self) -> &'static [Shelf] {
        match self {
            Self::Queue => &[Shelf::Waiting],
            Self::Mine => &[Shelf::Claimed, Shelf::NotPickedUp],
            Self::Missed => &[Shelf::Missed],
            Self::All => &[Shelf::Waiting, Shelf::Claimed],
            Self::Closed => &[Shelf::Resolved, Shelf::NotPickedUp, Shelf::Missed, Shelf::FollowedUp, Shelf::Cancelled],
        }
    }

    /// The orders it can be in; the first is what it is in unless one chooses. What is closed waits for nothing.
    pub fn sorts(self) -> &'static [SortOrder] {
        match self {
            Self::Queue | Self::Mine | Self::All => {
                &[SortOrder::Waiting, SortOrder::Deadline, SortOrder::Urgency, SortOrder::Newest]
            }
            Self::Missed | Self::Closed => &[SortOrder::Newest, SortOrder::Urgency],
        }
    }
}

/// What lists tell apart: the states, among what was resolved what no agent picked up, and among what expired what
/// somebody has followed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    Waiting,
    Claimed,
    Resolved,
    NotPickedUp,
    Missed,
    FollowedUp,
    Cancelled,
}

impl Shelf {
    /// Every shelf.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Claimed,
        Self::Resolved,
        Self::NotPickedUp,
        Self::Missed,
        Self::FollowedUp,
        Self::Cancelled,
    ];

    /// The shelf of an escalation in this state.
    pub fn of(status: Status, not_picked_up: bool, followed_up: bool) -> Self {
        match status {
            Status::Waiting => Self::Waiting,
            Status::Claimed => Self::Claimed,
            Status::Resolved if not_picked_up && !followed_up => Self::NotPickedUp,
            Status::Resolved => Self::Resolved,
            Status::Expired if followed_up => Self::FollowedUp,
            Status::Expired => Self::Missed,
            Status::Cancelled => Self::Cancelled,
        }
    }

    /// The shelf as SQL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Resolved => "resolved",
            Self::NotPickedUp => "not_picked_up",
            Self::Missed => "missed",
            Self::FollowedUp => "followed_up",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How many are on each list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub waiting: i64,
    pub mine: i64,
    pub missed: i64,
    pub open: i64,
}

impl Counts {
    /// Counts `by` escalations of one kind: whether I hold them, and whether I serve their queue.
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

    /// The number beside a view's name; closed ones are not counted.
    pub fn of(&self, view: View) -> Option<i64> {
        match view {
            View::Queue => Some(self.waiting),
            View::Mine => Some(self.mine),
            View::Missed => Some(self.missed),
            View::All => Some(self.open),
            View::Closed => None,
        }
    }
}
