//! Decides which rows a list shows, and in what order. The order is that of the inbox, except while the pointer is on
//! the list: then no row moves, a row that leaves stays in place, and new rows wait until the operator asks for them.
//! The functions are pure: the next rows follow from the last ones, the inbox and the time.

use std::ops::Range;

use super::activity::RowActivity;
use crate::domain::{
    escalation::Status,
    ids::EscalationId,
    inbox::{Frame, Inbox, Listing, Query, Row, SortKey},
    time::{Span, Timestamp},
};

/// How long a row that a colleague has claimed stays visible.
const LINGER: Span = Span::seconds(3);
/// The maximum number of departed rows kept.
const MOST_LEFT: usize = 100;
/// The number of rows rendered at once, how many of them lie before the first visible row, and the step by which the
/// rendered window moves. A row is some twenty elements, and a page shall have at most 1,500.
const DRAWN: usize = 50;
const BEFORE: usize = 15;
const STRIDE: usize = 5;

/// A row that has left the list, in its latest state.
#[derive(Debug, Clone, PartialEq)]
pub struct DepartedRow {
    row: Row,
    at: Timestamp,
}

/// Applies an event to the departed rows; returns whether any changed. `leaves` is true when the event removed a row.
pub fn leave(all: &mut Vec<DepartedRow>, frame: &Frame, leaves: bool) -> bool {
    let known = all.iter().position(|it| it.row.id == frame.row.id);
    let at = match (known, leaves) {
        (None, false) => return false,
        (Some(known), false) => all.remove(known).at,
        (Some(known), true) => {
            all.remove(known);
            frame.event.at
        }
        (None, true) => frame.event.at,
    };
    all.push(DepartedRow { row: frame.row.clone(), at });
    if all.len() > MOST_LEFT {
        all.remove(0);
    }
    true
}

impl DepartedRow {
    fn is_taken(&self, query: &Query) -> bool {
        let by_another = self.row.claimed_by.as_ref().is_some_and(|by| by.id != query.me);
        self.row.status == Status::Claimed && by_another && !query.matches(&self.row)
    }
}

/// A row as it is rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct DisplayedRow {
    pub row: Row,
    /// True when the row is no longer on the list.
    pub gone: bool,
    /// The activity around the row, which the component that renders the row adds.
    pub activity: RowActivity,
}

/// The rows that a list shows.
#[derive(Debug, Clone, PartialEq)]
pub struct DisplayedRows {
    /// The ids of the rows, from first to last.
    pub ids: Vec<EscalationId>,
    /// The number of new rows that are not shown until the operator asks for them.
    pub waiting: usize,
    listing: Listing,
    bound: Option<SortKey>,
    asked: u32,
}

/// The operator's interaction with the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListFocus {
    /// True while the pointer or the focus is on the list.
    pub held: bool,
    /// How often the operator has asked for the waiting rows.
    pub asked: u32,
}

impl DisplayedRows {
    /// Returns the rows that follow `last`.
    pub fn next(
        last: Option<&Self>,
        inbox: &Inbox,
        left: &[DepartedRow],
        attention: ListFocus,
        now: Timestamp,
    ) -> Self {
        let ListFocus { held, asked } = attention;
        let mut next = Self {
            ids: inbox.rows.iter().map(|row| row.id).collect(),
            waiting: 0,
            listing: inbox.query.listing,
            bound: inbox.bound,
            asked,
        };
        let Some(last) = last.filter(|last| last.listing == next.listing) else { return next };
        if held && last.asked == asked && !last.ids.is_empty() {
            next.hold(last, inbox, left);
            return next;
        }
        let lingers = |it: &&DepartedRow| now - it.at < LINGER && it.is_taken(&inbox.query);
        let taken: Vec<EscalationId> = left.iter().filter(lingers).map(|it| it.row.id).collect();
        for (stood, id) in last.ids.iter().enumerate().filter(|(_, id)| taken.contains(id)) {
            // The row goes after the row that it followed before.
            let mut before = last.ids[..stood].iter().rev();
            let after = before.find_map(|before| next.ids.iter().position(|id| id == before));
            next.ids.insert(after.map_or(0, |at| at + 1), *id);
        }
        next
    }

    /// Keeps every row in place. Rows fetched since then are appended, since they lie beyond all rows that were there.
    fn hold(&mut self, last: &Self, inbox: &Inbox, left: &[DepartedRow]) {
        self.ids.clear();
        let (mut shown, mut near) = (vec![false; inbox.rows.len()], 0);
        for id in &last.ids {
            if let Some(at) = find(&inbox.rows, near, *id) {
                (near, shown[at]) = (at, true);
            } else if left.iter().all(|it| it.row.id != *id) {
                continue;
            }
            self.ids.push(*id);
        }
        for (row, _) in inbox.rows.iter().zip(shown).filter(|(_, shown)| !shown) {
            match last.bound {
                Some(bound) if inbox.query.key(row) > bound => self.ids.push(row.id),
                _ => self.waiting += 1,
            }
        }
    }

    /// Returns the rows of a range of `ids`.
    pub fn drawn(&self, range: Range<usize>, inbox: &Inbox, left: &[DepartedRow]) -> Vec<DisplayedRow> {
        let mut near = 0;
        let line = |id: &EscalationId| {
            if let Some(at) = find(&inbox.rows, near, *id) {
                near = at;
                return Some(DisplayedRow {
                    row: inbox.rows[at].clone(),
                    gone: false,
                    activity: RowActivity::default(),
                });
            }
            let row = left.iter().find(|it| it.row.id == *id)?.row.clone();
            Some(DisplayedRow { gone: !inbox.shows(&row), row, activity: RowActivity::default() })
        };
        self.ids.get(range).unwrap_or_default().iter().filter_map(line).collect()
    }
}

/// Returns the index of a row. Rows are mostly looked up in order, so the search starts near the last one found.
fn find(rows: &[Row], near: usize, id: EscalationId) -> Option<usize> {
    let is_it = |row: &Row| row.id == id;
    let (before, after) = rows.split_at(near);
    after.iter().position(is_it).map(|at| near + at).or_else(|| before.iter().position(is_it))
}

/// Returns which of `rows` rows are rendered when `first` is the first visible one.
pub fn window(first: usize, rows: usize) -> Range<usize> {
    let latest = rows.saturating_sub(DRAWN);
    let start = (first / STRIDE * STRIDE).saturating_sub(BEFORE).min(latest);
    start..(start + DRAWN).min(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ask::AskKind,
        disposition::Disposition,
        inbox::{Counts, View},
        outcome::Resolution,
        queue::Urgency,
        stage::{MORNING, Simulation, ada, ana},
    };

    const FREE: ListFocus = ListFocus { held: false, asked: 0 };
    const HELD: ListFocus = ListFocus { held: true, asked: 0 };

    /// A list that Ada views, and the simulation that changes it.
    struct Scene {
        stage: Simulation,
        inbox: Inbox,
        left: Vec<DepartedRow>,
        lines: Option<DisplayedRows>,
        heard: usize,
    }

    impl Scene {
        /// Creates a scene with three escalations waiting in the queue.
        fn new() -> Self {
            let stage = Simulation::with_three_open();
            let query = Query { listing: View::Queue.into(), me: ada().who.id, as_of: MORNING };
            let rows = stage.world.escalations.iter().map(Row::from).collect();
            let heard = stage.world.frames.len();
            let seq = stage.world.frames[heard - 1].event.seq;
            let inbox = Inbox { query, seq, rows, bound: None, counts: Counts::default(), elsewhere: vec![] };
            Self { stage, inbox, left: vec![], lines: None, heard }
        }

        /// Applies all events so far and returns the rows shown, as indices in the order in which they were opened.
        fn shows(&mut self, attention: ListFocus) -> Vec<usize> {
            for frame in &self.stage.world.frames[self.heard..] {
                let leaves = self.inbox.apply(frame);
                leave(&mut self.left, frame, leaves);
            }
            self.heard = self.stage.world.frames.len();
            self.lines =
                Some(DisplayedRows::next(self.lines.as_ref(), &self.inbox, &self.left, attention, self.stage.now));
            let ids = self.lines.iter().flat_map(|lines| &lines.ids);
            ids.map(|id| self.stage.world.escalations.iter().position(|it| it.id == *id).unwrap()).collect()
        }

        fn waiting(&self) -> usize {
            self.lines.as_ref().unwrap().waiting
        }

        fn line(&self, at: usize) -> DisplayedRow {
            self.lines.as_ref().unwrap().drawn(at..at + 1, &self.inbox, &self.left).remove(0)
        }

        fn id(&self, at: usize) -> EscalationId {
            self.stage.world.escalations[at].id
        }
    }

    #[test]
    fn under_the_pointer_nothing_moves_and_what_comes_waits() {
        let mut scene = Scene::new();
        assert_eq!(scene.shows(FREE), [0, 1, 2]);
        assert_eq!(scene.shows(HELD), [0, 1, 2]);
        scene.stage.open(AskKind::Question);
        scene.stage.open(AskKind::Question);
        assert_eq!((scene.shows(HELD), scene.waiting()), (vec![0, 1, 2], 2));
        // The control case: without the pointer they appear at once.
        let free = DisplayedRows::next(scene.lines.as_ref(), &scene.inbox, &scene.left, FREE, scene.stage.now);
        assert_eq!((free.ids.len(), free.waiting), (5, 0));
        // The operator asks for them with the pointer still on the list; then the list holds again.
        let asked = ListFocus { held: true, asked: 1 };
        assert_eq!((scene.shows(asked), scene.waiting()), (vec![0, 1, 2, 3, 4], 0));
        scene.stage.open(AskKind::Question);
        assert_eq!((scene.shows(asked), scene.waiting()), (vec![0, 1, 2, 3, 4], 1));
        assert_eq!((scene.shows(FREE), scene.waiting()), (vec![0, 1, 2, 3, 4, 5], 0));
    }

    #[test]
    fn under_the_pointer_a_row_that_leaves_stays_and_says_why() {
        let mut scene = Scene::new();
        scene.shows(HELD);
        scene.stage.claim(&ana(), scene.id(0)).unwrap();
        scene.stage.cancel(scene.id(1)).unwrap();
        assert_eq!(scene.shows(HELD), [0, 1, 2]);
        assert!(scene.line(0).gone && scene.line(1).gone && !scene.line(2).gone);
        assert_eq!((scene.line(0).row.status, scene.line(1).row.status), (Status::Claimed, Status::Cancelled));
        scene.stage.later(Span::minutes(5));
        assert_eq!(scene.shows(HELD), [0, 1, 2], "however long");
        // Later changes of the row show in place.
        scene.stage.resolve(&ana(), scene.id(0), Resolution::bare(Disposition::Handled)).unwrap();
        assert_eq!((scene.shows(HELD), scene.line(0).row.status), (vec![0, 1, 2], Status::Resolved));
        assert_eq!(scene.shows(FREE), [2]);
    }

    #[test]
    fn a_row_that_comes_back_is_where_it_was() {
        let mut scene = Scene::new();
        scene.shows(HELD);
        scene.stage.claim(&ana(), scene.id(1)).unwrap();
        assert!((scene.shows(HELD), scene.line(1).gone) == (vec![0, 1, 2], true));
        scene.stage.release(&ana(), scene.id(1)).unwrap();
        assert!((scene.shows(HELD), scene.line(1).gone) == (vec![0, 1, 2], false));
        assert_eq!(scene.waiting(), 0);
    }

    #[test]
    fn what_a_colleague_takes_stays_for_three_seconds_and_what_i_take_goes() {
        let mut scene = Scene::new();
        scene.shows(FREE);
        scene.stage.claim(&ana(), scene.id(1)).unwrap();
        assert_eq!(scene.shows(FREE), [0, 1, 2]);
        assert!(scene.line(1).gone && !scene.line(0).gone);
        scene.stage.later(Span(LINGER.0 - 1));
        assert_eq!(scene.shows(FREE), [0, 1, 2]);
        scene.stage.later(Span(1));
        assert_eq!(scene.shows(FREE), [0, 2]);
        scene.stage.claim(&ada(), scene.id(0)).unwrap();
        assert_eq!(scene.shows(FREE), [2]);
        // Rows that were not shown before do not stay.
        scene.lines = None;
        scene.stage.claim(&ana(), scene.id(2)).unwrap();
        assert!(scene.shows(FREE).is_empty());
    }

    #[test]
    fn another_list_and_the_next_page_show_at_once() {
        let mut scene = Scene::new();
        let later = scene.inbox.rows.split_off(2);
        scene.inbox.bound = scene.inbox.rows.last().map(|row| scene.inbox.query.key(row));
        assert_eq!(scene.shows(HELD), [0, 1]);
        scene.inbox.rows.extend(later);
        scene.inbox.bound = None;
        assert_eq!((scene.shows(HELD), scene.waiting()), (vec![0, 1, 2], 0), "a page follows what is there");
        scene.stage.urgency = Urgency::Urgent;
        scene.stage.open(AskKind::Question);
        assert_eq!((scene.shows(HELD), scene.waiting()), (vec![0, 1, 2], 1));
        scene.inbox.query.listing = Listing { view: View::All, ..scene.inbox.query.listing };
        assert_eq!((scene.shows(HELD), scene.waiting()), (vec![0, 1, 2, 3], 0));
    }

    #[test]
    fn into_an_empty_list_rows_come_also_under_the_pointer() {
        let mut scene = Scene::new();
        scene.inbox.rows.clear();
        assert!(scene.shows(HELD).is_empty());
        scene.stage.open(AskKind::Question);
        assert_eq!(scene.shows(HELD), [3]);
    }

    #[test]
    fn only_so_many_rows_are_drawn_and_always_those_that_are_seen() {
        for (rows, first, drawn) in [
            (0, 0, 0..0),
            (3, 0, 0..3),
            (3, 2, 0..3),
            (50, 40, 0..50),
            (300, 0, 0..50),
            (300, 22, 5..55),
            (300, 299, 250..300),
            (300, 9_000, 250..300),
        ] {
            assert_eq!(window(first, rows), drawn, "{first} of {rows}");
        }
        for first in 0..300 {
            let drawn = window(first, 300);
            assert!(drawn.start <= first && drawn.end >= (first + 30).min(300) && drawn.len() == DRAWN);
        }
    }

    #[test]
    fn few_of_those_that_left_are_kept() {
        let mut scene = Scene::new();
        for _ in 0..2 * MOST_LEFT {
            let id = scene.stage.open(AskKind::Question);
            scene.stage.cancel(id).unwrap();
        }
        scene.shows(FREE);
        assert_eq!((scene.left.len(), scene.inbox.rows.len()), (MOST_LEFT, 3));
    }
}
