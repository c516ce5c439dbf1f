//! The activity around the rows of a list: colleagues who are viewing, customers who are typing, the operator's own
//! draft, and unread messages.

use leptos::prelude::*;

use super::drafts::Drafts;
use crate::{
    app::session::CurrentOperator,
    domain::{
        draft::DraftMode,
        ids::EscalationId,
        inbox::Row,
        presence::{Hint, TYPING_FOR, VIEWING_FOR},
        seq::Seq,
        time::Timestamp,
    },
};

/// The maximum number of hints kept.
const MOST: usize = 200;

/// The activity around all rows. All fields are signals or stored values, so a copy shares the same state.
#[derive(Clone, Copy)]
pub struct ListActivity {
    hints: RwSignal<Vec<Hint>>,
    drafts: Drafts,
    /// How far the operator has read each escalation.
    reads: RwSignal<Vec<(EscalationId, Seq)>>,
}

/// The activity around one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowActivity {
    /// True while the customer is typing.
    pub typing: bool,
    /// The operator's draft of a reply; empty without one.
    pub draft: String,
    /// The names of colleagues who are viewing the escalation.
    pub here: Vec<String>,
    /// True when the customer or the agent has said something that the operator has not read.
    pub unread: bool,
}

impl ListActivity {
    /// Creates the activity without any hints. `reads` is how far the operator has read before.
    pub fn new(drafts: Drafts, reads: Vec<(EscalationId, Seq)>) -> Self {
        Self { hints: RwSignal::new(vec![]), drafts, reads: RwSignal::new(reads) }
    }

    /// Records how far the operator has read.
    pub fn read_to(self, id: EscalationId, seq: Seq) {
        self.reads.try_maybe_update(|all| match all.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) => (*known < seq, *known = seq.max(*known)),
            None => (seq > Seq(0), all.push((id, seq))),
        });
    }

    /// Stores a hint; a later hint replaces an earlier one of the same source.
    pub fn hear(self, hint: &Hint) {
        if !matches!(hint, Hint::Viewing { .. } | Hint::CustomerTyping { .. }) {
            return;
        }
        self.hints.try_update(|all| {
            all.retain(|known| whose(known) != whose(hint));
            all.push(hint.clone());
            if all.len() > MOST {
                all.remove(0);
            }
        });
    }

    /// Returns the activity around a row, and tracks its changes.
    pub fn around(self, row: &Row, me: CurrentOperator, now: Timestamp) -> RowActivity {
        let id = row.id;
        let read = self.reads.with(|all| all.iter().find(|(known, _)| *known == id).map(|(_, seq)| *seq));
        let unread = row.closed_at.is_none() && row.said_seq > read.unwrap_or_default();
        let mut activity =
            RowActivity { draft: self.drafts.text(id, DraftMode::Reply), unread, ..RowActivity::default() };
        self.hints.with(|all| {
            for hint in all {
                match hint {
                    Hint::CustomerTyping { escalation, at } if *escalation == id => {
                        activity.typing = now - *at < TYPING_FOR
                    }
                    Hint::Viewing { escalation, viewer, .. }
                        if *escalation == id && viewer.operator.id != me.id() && now - viewer.at < VIEWING_FOR =>
                    {
                        activity.here.push(viewer.operator.name.to_string());
                    }
                    _ => {}
                }
            }
        });
        activity
    }
}

/// Returns the key by which a later hint replaces an earlier one. A colleague views one escalation at a time.
fn whose(hint: &Hint) -> Option<String> {
    match hint {
        Hint::Viewing { viewer, .. } => Some(viewer.operator.id.to_string()),
        Hint::CustomerTyping { escalation, .. } => Some(escalation.to_string()),
        _ => None,
    }
}
