//! The state of the console that the address holds: which list, and which escalation beside it.

use leptos::prelude::*;

use crate::{
    app::address,
    domain::{
        ids::EscalationId,
        inbox::{Listing, View},
    },
};

/// The list and the selected escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsolePlace {
    pub listing: Listing,
    /// The selected escalation as the address has it, which need not be a valid id.
    pub selected: Option<String>,
}

/// Returns the place that the address names, and tracks its changes.
pub fn place() -> Memo<ConsolePlace> {
    let at = address::address();
    Memo::new(move |_| at.path.with(|path| at.query.with(|query| ConsolePlace::named(path, query))))
}

impl ConsolePlace {
    /// Returns the place that a request's address names; none where there is no console.
    pub fn of(path: &str, query: &str) -> Option<Self> {
        let known = path.strip_prefix("/e/").is_some_and(|id| !id.trim_matches('/').is_empty())
            || View::ALL.into_iter().any(|view| view.path() == path.trim_end_matches('/'));
        known.then(|| Self::named(path, query))
    }

    fn named(path: &str, query: &str) -> Self {
        let selected = path.strip_prefix("/e/").map(|id| id.trim_end_matches('/').to_owned());
        let view = match selected {
            Some(_) => query.split('&').find_map(|field| View::named(field.strip_prefix("view=")?)),
            None => View::named(path.trim_matches('/')),
        };
        Self { listing: Listing::read(view.unwrap_or_default(), query), selected }
    }

    /// Returns the id of the selected escalation, if it is a valid id.
    pub fn id(&self) -> Option<EscalationId> {
        self.selected.as_ref()?.parse().ok()
    }
}

/// Returns the address of a list, or of an escalation beside it.
pub fn address(listing: &Listing, beside: Option<&str>) -> String {
    let Some(id) = beside else { return listing.address() };
    let view = (listing.view != View::Queue).then(|| "view=".to_owned() + listing.view.as_str());
    let fields: Vec<String> =
        view.into_iter().chain([listing.fields()].into_iter().filter(|it| !it.is_empty())).collect();
    let mark = if fields.is_empty() { "" } else { "?" };
    "/e/".to_owned() + id + mark + &fields.join("&")
}

/// Returns the address of the sign-in page that leads back to this address.
pub fn sign_in(address: &str) -> String {
    let escaped: String = address
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("/sign-in?back={escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_places() {
        for (path, query, list, selected) in [
            ("/queue", "", "/queue", None),
            ("/queue", "view=mine", "/queue", None),
            ("/all/", "sort=urgency&kind=decision", "/all?sort=urgency&kind=decision", None),
            ("/e/esc_1", "", "/queue", Some("esc_1")),
            ("/e/esc_1", "view=mine", "/mine", Some("esc_1")),
            ("/e/esc_1", "sort=deadline&view=all", "/all?sort=deadline", Some("esc_1")),
            ("/e/esc_1", "view=nonsense", "/queue", Some("esc_1")),
        ] {
            let listing = Listing::from(list.to_owned());
            let expected = ConsolePlace { listing, selected: selected.map(str::to_owned) };
            assert_eq!(ConsolePlace::named(path, query), expected, "{path}");
            let there = address(&listing, selected);
            let (path, query) = there.split_once('?').unwrap_or((&there, ""));
            assert_eq!(ConsolePlace::named(path, query), expected, "{there}");
        }
    }

    #[test]
    fn a_request_is_for_the_console_or_not() {
        let mine = ConsolePlace { listing: View::Mine.into(), selected: Some("esc_1".to_owned()) };
        assert_eq!(ConsolePlace::of("/e/esc_1", "x=1&view=mine"), Some(mine));
        assert_eq!(ConsolePlace::of("/queue/", ""), Some(ConsolePlace { listing: View::Queue.into(), selected: None }));
        for path in ["/", "/sign-in", "/e/", "/queue/x", "/nothing"] {
            assert_eq!(ConsolePlace::of(path, ""), None, "{path}");
        }
    }

    #[test]
    fn the_way_back_is_escaped() {
        assert_eq!(sign_in("/e/esc_1?view=mine"), "/sign-in?back=/e/esc_1%3Fview%3Dmine");
    }
}
