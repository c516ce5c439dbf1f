//! The orders of lists.

use super::row::Row;
use crate::domain::words::words;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    /// The longest wait for a human comes first; rows where nobody waits come last.
    #[default]
    Waiting,
    /// The row that expires next comes first.
    Deadline,
    /// The most urgent rows come first, and of those the earliest.
    Urgency,
    /// The row that was opened last, or closed last, comes first.
    Newest,
}

words!(SortOrder {
    Waiting = "waiting", "Longest waiting";
    Deadline = "deadline", "Next deadline";
    Urgency = "urgency", "Urgency";
    Newest = "newest", "Newest";
});

impl SortOrder {
    /// Returns the ascending sort key of a row, which the database stores as a column. Rows with equal keys are sorted
    /// by id, that is, in the order in which they were opened.
    pub fn key(self, row: &Row) -> i64 {
        let never = i64::MAX;
        match self {
            Self::Waiting => row.waits_since.map_or(never, |since| since.0),
            Self::Deadline => row.due_at.map_or(never, |due| due.0),
            Self::Urgency => -(row.urgency as i64),
            Self::Newest => -row.closed_at.unwrap_or(row.opened_at).0,
        }
    }
}
