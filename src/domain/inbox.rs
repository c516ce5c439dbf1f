//! What a list page shows, kept fresh by `apply`: the same compiled code on the server and in the browser.
//!
//! An inbox holds every row of its view up to `bound`, the sort key of its last row, or all of them when there is no
//! bound. That is what lets an event insert a row without asking the server.

use serde::{Deserialize, Serialize};

use super::{
    ask::AskKind,
    escalation::{Escalation, LastSaid, Status},
    event::{Event, Seq},
    ids::{EscalationId, OperatorId},
    operator::OperatorRef,
    queue::Urgency,
    rich::Block,
    time::Timestamp,
};

/// The lists of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// What waits.
    #[default]
    Queue,
    /// What I hold.
    Mine,
    /// What expired.
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

    /// The states it shows.
    pub fn statuses(self) -> &'static [Status] {
        match self {
            Self::Queue => &[Status::Waiting],
            Self::Mine => &[Status::Claimed],
            Self::Missed => &[Status::Expired],
            Self::All => &[Status::Waiting, Status::Claimed],
            Self::Closed => &[Status::Resolved, Status::Expired, Status::Cancelled],
        }
    }

    /// Open ones show the longest waiting first, closed ones the newest.
    pub fn newest_first(self) -> bool {
        matches!(self, Self::Missed | Self::Closed)
    }
}

/// A list and who looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    pub view: View,
    pub me: OperatorId,
}

/// Where a row stands in its list: ascending.
pub type SortKey = (i64, EscalationId);

impl Query {
    /// Whether a row belongs on this list.
    pub fn matches(&self, row: &Row) -> bool {
        self.view.statuses().contains(&row.status)
            && (self.view != View::Mine || row.claimed_by.as_ref().is_some_and(|by| by.id == self.me))
    }

    /// Where the row stands in it.
    pub fn key(&self, row: &Row) -> SortKey {
        match self.view.newest_first() {
            true => (-row.closed_at.unwrap_or(row.opened_at).0, row.id),
            false => (row.opened_at.0, row.id),
        }
    }
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub id: EscalationId,
    pub seq: Seq,
    pub status: Status,
    pub ask: AskKind,
    pub urgency: Urgency,
    /// The customer, else the subject.
    pub title: String,
    /// The reason in words.
    pub reason: String,
    pub agent: String,
    pub claimed_by: Option<OperatorRef>,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    pub last_said: Option<LastSaid>,
}

impl From<&Escalation> for Row {
    fn from(it: &Escalation) -> Self {
        Self {
            id: it.id,
            seq: it.seq,
            status: it.status,
            ask: it.opening.ask.kind,
            urgency: it.urgency,
            title: it.opening.title(),
            reason: it.opening.reason.in_words(),
            agent: it.agent.name.to_string(),
            claimed_by: it.claim.as_ref().map(|claim| claim.operator.clone()),
            opened_at: it.opened_at,
            closed_at: it.closed_at,
            due_at: it.due_at(),
            last_said: it.last_said.clone(),
        }
    }
}

/// What an escalation was before an event, as far as counts care.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Was {
    pub status: Status,
    pub claimed_by: Option<OperatorId>,
}

/// An event as operators' screens hear it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub event: Event,
    /// None when the event opened it.
    pub was: Option<Was>,
    pub row: Row,
    /// The message of a `message.created`, as rich text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<Block>>,
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
    /// Counts `by` escalations of one kind.
    pub fn add(&mut self, status: Status, claimed_by: Option<OperatorId>, me: OperatorId, by: i64) {
        match status {
            Status::Waiting => self.waiting += by,
            Status::Claimed if claimed_by == Some(me) => self.mine += by,
            Status::Expired => self.missed += by,
            Status::Claimed | Status::Resolved | Status::Cancelled => {}
        }
        if status.is_open() {
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

/// A list, complete up to `bound`, as of `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inbox {
    pub query: Query,
    pub seq: Seq,
    pub rows: Vec<Row>,
    pub bound: Option<SortKey>,
    pub counts: Counts,
}

impl Inbox {
    /// Follows an event; one that it has seen changes nothing.
    pub fn apply(&mut self, frame: &Frame) {
        if frame.event.seq <= self.seq {
            return;
        }
        self.seq = frame.event.seq;
        let me = self.query.me;
        if let Some(was) = &frame.was {
            self.counts.add(was.status, was.claimed_by, me, -1);
        }
        let row = &frame.row;
        self.counts.add(row.status, row.claimed_by.as_ref().map(|by| by.id), me, 1);
        self.rows.retain(|known| known.id != row.id);
        let key = self.query.key(row);
        if self.query.matches(row) && self.bound.is_none_or(|bound| key <= bound) {
            let at = self.rows.partition_point(|known| self.query.key(known) < key);
            self.rows.insert(at, row.clone());
        }
    }

    /// Adds the next page, whose rows come after the present bound. A page older than what this list has followed may
    /// hold rows as they no longer are: it is not taken (`false`), and must be fetched again.
    pub fn extend(&mut self, page: Page) -> bool {
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
pub struct Page {
    /// The moment it is of.
    pub seq: Seq,
    pub rows: Vec<Row>,
    pub bound: Option<SortKey>,
}
