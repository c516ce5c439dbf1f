//! What the console tells the server beside the log: drafts, soon after they are written, and where its operator looks.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::place::Place;
use crate::{
    app::{actions, clock::Clock, drafts::Drafts, live::Live},
    domain::{
        draft::Mode,
        ids::EscalationId,
        presence::{TYPING_EVERY, VIEWING_EVERY},
        time::{Span, Timestamp},
    },
};

/// How often drafts are kept while one writes, and whether to say where one looks is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Tells until the page is gone.
pub fn keep_telling(live: Live, clock: Clock, place: Memo<Place>) {
    Effect::new(move |_| {
        let told = StoredValue::new(None);
        let beat = move || {
            save(live.drafts);
            look(live, clock, place, told);
        };
        if let Ok(beating) = set_interval_with_handle(beat, EVERY) {
            on_cleanup(move || beating.clear());
        }
        // A page that is left may not come back.
        for left_by in ["pagehide", "visibilitychange"] {
            let listening = window_event_listener_untyped(left_by, move |_| save(live.drafts));
            on_cleanup(move || listening.remove());
        }
    });
}

fn save(drafts: Drafts) {
    for draft in drafts.to_save() {
        spawn_local(async move {
            let kept = draft.clone();
            let (id, mode) = (draft.escalation, draft.mode);
            if actions::keep_draft(id, mode, draft.client_message_id, draft.text).await.is_err() {
                // Unless something newer was written, which will be kept.
                if drafts.text_now(id, mode) == kept.text {
                    drafts.unsave(kept);
                }
            }
        });
    }
}

/// What was told last: where one looked, when, and what was written there.
type Told = Option<(EscalationId, Timestamp, String)>;

fn look(live: Live, clock: Clock, place: Memo<Place>, told: StoredValue<Told>) {
    let Some(id) = place.try_get_untracked().and_then(|place| place.id()).filter(|_| !document().hidden()) else {
        return;
    };
    let (now, written) = (clock.moment(), live.drafts.text_now(id, Mode::Reply));
    let before = told.try_get_value().flatten().filter(|(known, ..)| *known == id);
    let since = before.as_ref().map_or(VIEWING_EVERY, |(_, at, _)| now - *at);
    let types = before.is_some_and(|(.., before)| before != written && !written.is_empty());
    let due: Span = if types { TYPING_EVERY } else { VIEWING_EVERY };
    if since >= due {
        told.try_set_value(Some((id, now, written)));
        // One that is lost is made good by the next.
        spawn_local(async move { drop(actions::viewing(id, types).await) });
    }
}
