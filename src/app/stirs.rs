//! What stirs around the rows of a list: colleagues who look, customers who type, and what one has begun to write oneself.

use leptos::prelude::*;

use super::{drafts::Drafts, session::Me};
use crate::domain::{
    draft::Mode,
    ids::EscalationId,
    presence::{Hint, TYPING_FOR, VIEWING_FOR},
    time::Timestamp,
};

/// How many hints are known at once.
const MOST: usize = 200;

/// Around all rows. All of it signals, so that a copy is the same.
#[derive(Clone, Copy)]
pub struct Stirs {
    hints: RwSignal<Vec<Hint>>,
    drafts: Drafts,
}

/// Around one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stir {
    /// The customer types.
    pub typing: bool,
    /// The reply that was begun; empty when none was.
    pub draft: String,
    /// Colleagues who look at it.
    pub here: Vec<String>,
}

impl Stirs {
    /// Nothing stirs yet.
    pub fn new(drafts: Drafts) -> Self {
        Self { hints: RwSignal::new(vec![]), drafts }
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
    pub fn around(self, id: EscalationId, me: Me, now: Timestamp) -> Stir {
        let mut stir = Stir { draft: self.drafts.text(id, Mode::Reply), ..Stir::default() };
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
