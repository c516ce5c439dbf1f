//! What a list page shows, kept fresh by `apply`: the same compiled code on the server and in the browser.
//!
//! An inbox holds every row of its list up to `bound`, or all of them when there is no bound. That is what lets an
//! event insert a row without asking the server. The bound is a sort key, most often that of the last row; a list that
//! is narrowed may have been looked through further than its last row.

mod listing;
mod row;
mod view;

use serde::{Deserialize, Serialize};

pub use self::{
    listing::{AGES, FilterChoice, FilterChoices, FilterField, Filters, Listing, Query, SortKey, SortOrder},
    row::Row,
    view::{Counts, Shelf, View},
};
use super::{
    event::{Event, Seq},
    ids::{OperatorId, QueueId},
    rich::Block,
    thread::TruncatedPart,
};

/// What an escalation was before an event, as far as counts care.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateBefore {
    pub shelf: Shelf,
    pub claimed_by: Option<OperatorId>,
    /// Where it was, when the event moved it to another queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
}

/// An event as operators' screens hear it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub event: Event,
    /// None when the event opened it.
    pub was: Option<StateBefore>,
    pub row: Row,
    /// The message of a `message.created`, as rich text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<Block>>,
    /// What of that message is not here as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<TruncatedPart>,
}

/// A list, complete up to `bound`, as of `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inbox {
    pub query: Query,
    pub seq: Seq,
    pub rows: Vec<Row>,
    pub bound: Option<SortKey>,
    pub counts: Counts,
    /// The queues that one does not serve: what waits there is not on one's *Queue*.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<QueueId>,
}

impl Inbox {
    /// Whether one serves a queue.
    pub fn serves(&self, queue: QueueId) -> bool {
        !self.elsewhere.contains(&queue)
    }

    /// Whether a row belongs on this list.
    pub fn shows(&self, row: &Row) -> bool {
        self.query.shows(row, &self.elsewhere)
    }

    /// Follows an event; one that it has seen changes nothing. Whether a row has left the list with it.
    pub fn apply(&mut self, frame: &Frame) -> bool {
        if frame.event.seq <= self.seq {
            return false;
        }
        self.seq = frame.event.seq;
        let (row, me) = (&frame.row, self.query.me);
        if let Some(was) = &frame.was {
            let served = self.serves(was.queue.unwrap_or(row.queue));
            self.counts.add(was.shelf, was.claimed_by == Some(me), served, -1);
        }
        self.counts.add(row.shelf(), row.is_held_by(me), self.serves(row.queue), 1);
        let before = self.rows.len();
        self.rows.retain(|known| known.id != row.id);
        let was_here = self.rows.len() < before;
        let key = self.query.key(row);
        let is_here = self.shows(row) && self.bound.is_none_or(|bound| key <= bound);
        if is_here {
            let at = self.rows.partition_point(|known| self.query.key(known) < key);
            self.rows.insert(at, row.clone());
        }
        was_here && !is_here
    }

    /// Adds the next page, whose rows come after the present bound. A page older than what this list has followed may
    /// hold rows as they no longer are: it is not taken (`false`), and must be fetched again.
    pub fn extend(&mut self, page: ListPage) -> bool {
        if page.seq < self.seq {
            return false;
        }
        for row in page.rows {
            if self.rows.iter().all(|known| known.id != row.id) {
                self.rows.push(row);
            }
        }
        self.rows.sort_by_key(|row| self.query.key(row));
        self.bound = page.bound;
        true
    }
}

/// Rows after a bound, and the bound they reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListPage {
    /// The moment it is of.
    pub seq: Seq,
    pub rows: Vec<Row>,
    pub bound: Option<SortKey>,
}
