//! The browser's storage. Local storage keeps an operator's settings (each is on or off) until they are changed.
//! Session storage keeps texts as long as their tab is open. Other tabs are notified when a page is loaded.

use leptos::prelude::*;
use web_sys::Storage;

/// The key that changes with every page that this browser loads, so that other tabs get a `storage` event.
const LOADED: &str = "loaded";

/// Returns whether a setting is on.
pub fn remembers(wish: &str) -> bool {
    let kept = window().local_storage().ok().flatten().and_then(|kept| kept.get_item(wish).ok().flatten());
    kept.is_some()
}

/// Stores a setting, or removes it. Without storage the setting lasts as long as the page.
pub fn remember(wish: &str, is_wished: bool) {
    if let Ok(Some(kept)) = window().local_storage() {
        // The browser refuses this only when storage is full, which changes nothing here.
        let _ = if is_wished { kept.set_item(wish, "yes") } else { kept.remove_item(wish) };
    }
}

/// Tells the other tabs that this tab has loaded a page. A signed-out tab then checks whether someone signed in.
pub fn tell_tabs() {
    if let Ok(Some(kept)) = window().local_storage() {
        // Without storage, the other tabs find out by polling the server.
        let _ = kept.set_item(LOADED, &String::from(js_sys::Date::new_0().to_iso_string()));
    }
}

/// Returns the text that this tab stores under a name. A reload keeps the text, closing the tab does not.
pub fn kept_in_tab(name: &str) -> Option<String> {
    tab_storage()?.get_item(name).ok().flatten()
}

/// Stores a text in this tab; an empty text is removed.
pub fn keep_in_tab(name: &str, text: &str) {
    if let Some(kept) = tab_storage() {
        // Refused when storage is full. Then an older text must not stay, and the server gets the new one soon after.
        if text.is_empty() || kept.set_item(name, text).is_err() {
            let _ = kept.remove_item(name);
        }
    }
}

fn tab_storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}
