//! The browser's own storage: it keeps an operator's wishes (each is on or off) until they are changed, and texts as long
//! as their tab is open. Other tabs hear when a page is loaded.

use leptos::prelude::*;
use web_sys::Storage;

/// Changes with every page that this browser loads, so that its other tabs hear of it by a `storage` event.
const LOADED: &str = "loaded";

/// Whether it was wished.
pub fn remembers(wish: &str) -> bool {
    let kept = window().local_storage().ok().flatten().and_then(|kept| kept.get_item(wish).ok().flatten());
    kept.is_some()
}

/// Remembers a wish, or forgets it. Where nothing can be kept it lasts as long as the page.
pub fn remember(wish: &str, is_wished: bool) {
    if let Ok(Some(kept)) = window().local_storage() {
        // Refused only where there is no room, which changes nothing here.
        let _ = if is_wished { kept.set_item(wish, "yes") } else { kept.remove_item(wish) };
    }
}

/// Tells the other tabs that this one has loaded a page. A tab that is signed out then checks whether someone signed in.
pub fn tell_tabs() {
    if let Ok(Some(kept)) = window().local_storage() {
        // Where nothing can be kept, the other tabs find out by asking the server.
        let _ = kept.set_item(LOADED, &String::from(js_sys::Date::new_0().to_iso_string()));
    }
}

/// The text that this tab keeps under a name. A reload keeps it, closing the tab does not.
pub fn kept_in_tab(name: &str) -> Option<String> {
    tab_storage()?.get_item(name).ok().flatten()
}

/// Keeps a text in this tab; an empty one is removed.
pub fn keep_in_tab(name: &str, text: &str) {
    if let Some(kept) = tab_storage() {
        // Refused where there is no room: then an older text must not stay, and the server has the new one soon after.
        if text.is_empty() || kept.set_item(name, text).is_err() {
            let _ = kept.remove_item(name);
        }
    }
}

fn tab_storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}
