//! The address is the state: which list, and which escalation beside it.

use leptos::prelude::*;

use crate::{
    app::address::address,
    domain::{ids::EscalationId, inbox::View},
};

/// Where one is in the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub view: View,
    /// As the address has it; it need not be an id.
    pub selected: Option<String>,
}

/// The place that the address names, as it changes.
pub fn place() -> Memo<Place> {
    let address = address();
    Memo::new(move |_| {
        let beside = address.field("view");
        address.path.with(|path| Place::named(path, beside.as_deref()))
    })
}

impl Place {
    /// The place that a request's address names, none where there is no console.
    pub fn of(path: &str, query: &str) -> Option<Self> {
        let known = path.strip_prefix("/e/").is_some_and(|id| !id.trim_matches('/').is_empty())
            || View::ALL.into_iter().any(|view| view.path() == path.trim_end_matches('/'));
        let beside = query.split('&').find_map(|field| field.strip_prefix("view="));
        known.then(|| Self::named(path, beside))
    }

    fn named(path: &str, beside: Option<&str>) -> Self {
        let view = |name: &str| View::ALL.into_iter().find(|view| view.path().strip_prefix('/') == Some(name));
        match path.strip_prefix("/e/") {
            Some(id) => {
                let id = id.trim_end_matches('/').to_owned();
                Self { view: beside.and_then(view).unwrap_or_default(), selected: Some(id) }
            }
            None => Self { view: view(path.trim_matches('/')).unwrap_or_default(), selected: None },
        }
    }

    /// The escalation beside the list, when it may be one.
    pub fn id(&self) -> Option<EscalationId> {
        self.selected.as_ref()?.parse().ok()
    }
}

/// The address of an escalation beside a list.
pub fn beside(view: View, id: EscalationId) -> String {
    match view {
        View::Queue => format!("/e/{id}"),
        view => format!("/e/{id}?view={}", &view.path()[1..]),
    }
}

/// The sign-in page that leads back to this address of ours.
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
        for (path, beside, view, selected) in [
            ("/queue", None, View::Queue, None),
            ("/all/", None, View::All, None),
            ("/e/esc_1", None, View::Queue, Some("esc_1")),
            ("/e/esc_1", Some("mine"), View::Mine, Some("esc_1")),
            ("/e/esc_1", Some("nonsense"), View::Queue, Some("esc_1")),
        ] {
            let expected = Place { view, selected: selected.map(str::to_owned) };
            assert_eq!(Place::named(path, beside), expected, "{path}");
        }
    }

    #[test]
    fn a_request_is_for_the_console_or_not() {
        let mine = Place { view: View::Mine, selected: Some("esc_1".to_owned()) };
        assert_eq!(Place::of("/e/esc_1", "x=1&view=mine"), Some(mine));
        assert_eq!(Place::of("/queue/", ""), Some(Place { view: View::Queue, selected: None }));
        for path in ["/", "/sign-in", "/e/", "/queue/x", "/nothing"] {
            assert_eq!(Place::of(path, ""), None, "{path}");
        }
    }

    #[test]
    fn the_way_back_is_escaped() {
        assert_eq!(sign_in("/e/esc_1?view=mine"), "/sign-in?back=/e/esc_1%3Fview%3Dmine");
    }
}
