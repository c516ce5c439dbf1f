//! What stirs around the rows of a list: colleagues who look, customers who type, what one has begun to write oneself, and
//! what one has not read.

use leptos::prelude::*;

use super::drafts::Drafts;
use crate::{
    app::session::CurrentOperator,
    domain::{
        draft::DraftMode,
        event::Seq,
        ids::EscalationId,
        inbox::Row,
        presence::{Hint, TYPING_FOR, VIEWING_FOR},
        time::Timestamp,
    },
};

/// How many hints are known at once.
const MOST: usize = 200;

/// Around all rows. All of it signals, so that a copy is the same.
#[derive(Clone, Copy)]
pub struct ListActivity {
    hints: RwSignal<Vec<Hint>>,
    drafts: Drafts,
    /// How far one has read.
    reads: RwSignal<Vec<(EscalationId, Seq)>>,
}

/// Around one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowActivity {
    /// The customer types.
    pub typing: bool,
    /// The reply that was begun; empty when none was.
    pub draft: String,
    /// Colleagues who look at it.
    pub here: Vec<String>,
    /// Customer or agent have said something that one has not read.
    pub unread: bool,
}

impl ListActivity {
    /// Nothing stirs yet; so far one has read before.
    pub fn new(drafts: Drafts, reads: Vec<(EscalationId, Seq)>) -> Self {
        Self { hints: RwSignal::new(vec![]), drafts, reads: RwSignal::new(reads) }
    }

    /// One has read so far.
    pub fn read_to(self, id: EscalationId, seq: Seq) {
        self.reads.try_maybe_update(|all| match all.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) => (*known < seq, *known = seq.max(*known)),
            None => (seq > Seq(0), all.push((id, seq))),
        });
    }

    /// Follows a hint: the last word counts.
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

    /// What stirs around a row, as it changes.
    pub fn around(self, row: &Row, me: CurrentOperator, now: Timestamp) -> RowActivity {
        let id = row.id;
        let read = self.reads.with(|all| all.iter().find(|(known, _)| *known == id).map(|(_, seq)| *seq));
        let unread = row.closed_at.is_none() && row.said_seq > read.unwrap_or_default();
        let mut stir = RowActivity { draft: self.drafts.text(id, DraftMode::Reply), unread, ..RowActivity::default() };
        self.hints.with(|all| {
            for hint in all {
                match hint {
                    Hint::CustomerTyping { escalation, at } if *escalation == id => {
                        stir.typing = now - *at < TYPING_FOR
                    }
                    Hint::Viewing { escalation, viewer, .. }
                        if *escalation == id && viewer.operator.id != me.id() && now - viewer.at < VIEWING_FOR =>
                    {
                        stir.here.push(viewer.operator.name.to_string());
                    }
                    _ => {}
                }
            }
        });
        stir
    }
}

/// What a hint is about, and by whom, so that a later one takes its place. A colleague looks at one thing at a time.
fn whose(hint: &Hint) -> Option<String> {
    match hint {
        Hint::Viewing { viewer, .. } => Some(viewer.operator.id.to_string()),
        Hint::CustomerTyping { escalation, .. } => Some(escalation.to_string()),
        _ => None,
    }
}
