//! What this browser remembers for its operator, beside what the server keeps: a wish is there or not.

use leptos::prelude::*;

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
