//! List pages, kept up to date by `apply`: the same compiled code runs on the server and in the browser.
//!
//! An inbox holds every row of its list up to `bound`, or all of them when there is no bound. An event can therefore
//! insert a row without a request to the server. The bound is a sort key, most often that of the last row. The bound of
//! a filtered list may lie beyond its last row, because the search went further.

mod listing;
mod order;
mod row;
mod view;

use serde::{Deserialize, Serialize};

pub use self::{
    listing::{AGES, FilterChoice, FilterChoices, FilterField, Filters, Listing, Query, SortKey},
    order::SortOrder,
    row::Row,
    view::{Counts, View},
};
use super::{
    escalation::Shelf,
    event::Event,
    ids::{OperatorId, QueueId},
    message_part::TruncatedPart,
    rich::Block,
    seq::Seq,
};

/// The state of an escalation before an event, as far as counts need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateBefore {
    pub shelf: Shelf,
    pub claimed_by: Option<OperatorId>,
    /// The queue before the event, when the event moved the escalation to another queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
}

/// An event as operators' pages receive it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub event: Event,
    /// None when the event opened the escalation.
    pub was: Option<StateBefore>,
    pub row: Row,
    /// The message of a `message.created`, as rich text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<Block>>,
    /// The parts of that message that are truncated.
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
    /// The queues that the operator does not serve. Escalations that wait there are not on the operator's *Queue*.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<QueueId>,
}

impl Inbox {
    /// Returns whether the operator serves a queue.
    pub fn serves(&self, queue: QueueId) -> bool {
        !self.elsewhere.contains(&queue)
    }

    /// Returns whether a row belongs on this list.
    pub fn shows(&self, row: &Row) -> bool {
        self.query.shows(row, &self.elsewhere)
    }

    /// Applies an event, and returns whether a row has left the list. An event that was applied before changes nothing.
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

    /// Adds the next page, whose rows come after the present bound. A page older than the events that this list has
    /// applied may hold stale rows. Such a page is not added (`false`), and must be fetched again.
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

/// The rows after a bound, and the bound they reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListPage {
    /// The number of the last event that the page includes.
    pub seq: Seq,
    pub rows: Vec<Row>,
    pub bound: Option<SortKey>,
}
