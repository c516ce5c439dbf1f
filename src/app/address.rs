//! The address of the page, and navigation within the site without a reload. The console is one page for all of its
//! addresses, so this is all the routing it needs; a router library is a twentieth of what a browser downloads.

use leptos::{ev, prelude::*};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, MouseEvent};

use super::page_context::PageContext;

/// The path and the query of the page.
#[derive(Clone, Copy)]
pub struct Address {
    /// `/e/esc_…`
    pub path: RwSignal<String>,
    /// The part after the question mark, as written in the address; empty without one.
    pub query: RwSignal<String>,
}

/// Reads the address, follows its changes in the browser, and provides it as context.
pub fn provide_address() -> Address {
    let (path, query) = match is_server() {
        true => split(&use_context::<PageContext>().map(|page| page.address).unwrap_or_default()),
        false => here(),
    };
    let address = Address { path: RwSignal::new(path), query: RwSignal::new(query) };
    provide_context(address);
    Effect::new(move |_| {
        let clicking = window_event_listener(ev::click, move |event| {
            if let Some(to) = leads_to(&event) {
                event.prevent_default();
                address.go(&to);
            }
        });
        let moving = window_event_listener_untyped("popstate", move |_| address.arrive());
        on_cleanup(move || {
            clicking.remove();
            moving.remove();
        });
    });
    address
}

/// Returns the address of the page.
pub fn address() -> Address {
    expect_context()
}

impl Address {
    /// Navigates to another address of this site and adds a history entry.
    pub fn go(self, to: &str) {
        let Ok(history) = window().history() else { return };
        // Browsers refuse this only to a page that navigates hundreds of times in a few seconds. Such a page stays.
        if history.push_state_with_url(&JsValue::NULL, "", Some(to)).is_ok() {
            self.arrive();
        }
    }

    fn arrive(self) {
        let (path, query) = here();
        batch_set(self.path, path);
        batch_set(self.query, query);
    }
}

/// Sets the signal, and notifies its subscribers only when the value changed.
fn batch_set(signal: RwSignal<String>, now: String) {
    signal.try_maybe_update(|known| {
        let changed = *known != now;
        *known = now;
        (changed, ())
    });
}

fn here() -> (String, String) {
    let location = window().location();
    let query = location.search().unwrap_or_default();
    (location.pathname().unwrap_or_default(), query.trim_start_matches('?').to_owned())
}

fn split(address: &str) -> (String, String) {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    (path.to_owned(), query.to_owned())
}

/// Returns the address that a click leads to when the page handles it: a plain click on a link to a path of this site,
/// without `target`, `download` or `rel`.
fn leads_to(event: &MouseEvent) -> Option<String> {
    let modified = event.meta_key() || event.ctrl_key() || event.shift_key() || event.alt_key();
    if event.default_prevented() || event.button() != 0 || modified {
        return None;
    }
    let link = event.target()?.dyn_into::<Element>().ok()?.closest("a[href]").ok()??;
    let asks_more = ["target", "download", "rel"].iter().any(|name| link.has_attribute(name));
    let to = link.get_attribute("href").filter(|to| to.starts_with('/') && !to.starts_with("//"))?;
    (!asks_more).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_and_a_query() {
        assert_eq!(split("/e/1?view=mine"), ("/e/1".to_owned(), "view=mine".to_owned()));
    }
}
