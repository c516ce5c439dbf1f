//! Reports of the console outside the event log: drafts, soon after they are written, and the escalation being viewed.

use std::time::Duration;

use js_sys::{Array, Function, Reflect};
use leptos::{prelude::*, server_fn::ServerFn, task::spawn_local};
use wasm_bindgen::JsCast;

use super::place::ConsolePlace;
use crate::{
    app::{
        actions,
        problem::CallError,
        session::me,
        state::{
            clock::PageClock,
            drafts::{Drafts, call},
            live::{Live, StreamStatus},
            typing::idle_for,
        },
    },
    domain::{
        draft::DraftMode,
        ids::EscalationId,
        presence::{TYPING_EVERY, VIEWING_EVERY},
        seq::Seq,
        time::{Span, Timestamp},
    },
};

/// The interval at which drafts are saved and at which the page checks whether a view report is due.
const EVERY: Duration = Duration::from_secs(1);

/// Sends drafts and view reports until the page is gone.
pub fn keep_telling(live: Live, clock: PageClock, place: Memo<ConsolePlace>) {
    Effect::new(move |_| {
        if live.connection.get() == StreamStatus::Live {
            live.drafts.retry();
        }
    });
    Effect::new(move |_| {
        live.restore_drafts();
        let told = StoredValue::new(None);
        let beat = move || {
            // When signed out, the server accepts no drafts, and the tab keeps them.
            if live.connection.try_get_untracked() != Some(StreamStatus::SignedOut) {
                save(live.drafts);
            }
            look(live, clock, place, told);
        };
        if let Ok(beating) = set_interval_with_handle(beat, EVERY) {
            on_cleanup(move || beating.clear());
        }
        // The page that is left may not come back.
        let leaving = window_event_listener_untyped("pagehide", move |_| send_off(live.drafts));
        // While the server cannot be reached, the beacon would not arrive either: the browser asks before it leaves.
        let asking = window_event_listener_untyped("beforeunload", move |event| {
            // Not while the page connects for the first time: the server most often has the restored drafts by then.
            let connection = live.connection.try_get_untracked();
            let is_cut_off =
                matches!(connection, Some(StreamStatus::Reconnecting | StreamStatus::Lost | StreamStatus::SignedOut));
            if is_cut_off && live.drafts.unsaved().iter().any(|draft| !draft.text.is_empty()) {
                event.prevent_default();
            }
        });
        on_cleanup(move || {
            leaving.remove();
            asking.remove();
        });
    });
}

fn save(drafts: Drafts) {
    for draft in drafts.to_save() {
        spawn_local(async move {
            let sent = draft.clone();
            let answer = actions::keep_draft(draft.escalation, draft.mode, draft.client_message_id, draft.text).await;
            // The server would refuse the same draft again, so a refused one is not sent again.
            let fails = matches!(answer, Err(CallError::SignedOut | CallError::Fault { .. } | CallError::Unavailable));
            drafts.settle(&sent, !fails);
        });
    }
}

/// Sends the unsaved drafts when the page is left: the browser delivers beacons even after the page is gone.
fn send_off(drafts: Drafts) {
    let navigator = Reflect::get(&window(), &"navigator".into()).unwrap_or_default();
    let written = |text: &str| String::from(js_sys::encode_uri_component(text));
    // This includes drafts in flight, since the browser cancels the requests of a page that it leaves.
    for draft in drafts.unsaved() {
        let id = "id=".to_owned() + &draft.escalation.to_string() + "&mode=" + draft.mode.as_str();
        let named = "&client_message_id=".to_owned() + &written(draft.client_message_id.as_str());
        let fields = id + &named + "&text=" + &written(&draft.text);
        let form =
            Reflect::get(&window(), &"URLSearchParams".into()).ok().and_then(|it| it.dyn_into::<Function>().ok());
        let form = form.and_then(|it| Reflect::construct(&it, &Array::of1(&fields.into())).ok());
        if let Some(form) = form {
            call(&navigator, "sendBeacon", &[actions::KeepDraft::url().into(), form]);
        }
    }
}

/// The last report: the escalation viewed, the time, the text written there, and how far the operator had read.
type ViewReport = Option<(EscalationId, Timestamp, String, Seq)>;

fn look(live: Live, clock: PageClock, place: Memo<ConsolePlace>, told: StoredValue<ViewReport>) {
    let Some(id) = place.try_get_untracked().and_then(|place| place.id()).filter(|_| !document().hidden()) else {
        return;
    };
    let (now, written) = (clock.moment(), live.drafts.text_now(id, DraftMode::Reply));
    let before = told.try_get_value().flatten().filter(|(known, ..)| *known == id);
    let since = before.as_ref().map_or(VIEWING_EVERY, |(_, at, ..)| now - *at);
    let read = live.reads(id);
    let types = before.as_ref().is_some_and(|(.., before, _)| *before != written && !written.is_empty());
    let reads_on = before.is_some_and(|(.., before)| before < read);
    let active_at = Timestamp(now.0 - idle_for() as i64);
    let due: Span = match (reads_on || accepts(live, id, active_at), types) {
        (true, _) => Span(0),
        (_, true) => TYPING_EVERY,
        _ => VIEWING_EVERY,
    };
    if since >= due {
        told.try_set_value(Some((id, now, written, read)));
        spawn_local(async move {
            if actions::viewing(id, types, read, Some(active_at)).await.is_err() {
                told.try_set_value(None);
            }
        });
    }
}

/// Returns whether viewing accepts a transfer: the escalation is offered to the operator, who touched the page since.
fn accepts(live: Live, id: EscalationId, active_at: Timestamp) -> bool {
    let accepts = live.thread.try_with_untracked(|thread| {
        let it = thread.as_ref().map(|thread| &thread.escalation).filter(|it| it.id == id);
        let offered = it.and_then(|it| it.holder()).filter(|claim| claim.offer.is_some());
        offered.is_some_and(|claim| claim.operator.id == me().id() && active_at >= claim.at)
    });
    accepts == Some(true)
}
