//! The page after the set-up: the first agent's key, and the wait for its first escalation.

use leptos::prelude::*;

use super::{
    frame::{page, section},
    settings::agents::{NewKey, shown_once},
};
use crate::domain::operator::Operator;

/// Draws it. `after` is the cursor from which to listen.
pub fn ready(me: &Operator, fresh: &NewKey, after: String) -> AnyView {
    let listening = view! {
        <p id="listening" role="status" data-after=after>
            "Listening for your first escalation… " <a href="/queue">"Go to the queue"</a>
        </p>
    };
    let content = vec![section("Your first agent", shown_once(fresh)), section("Now", vec![listening.into_any()])];
    page(me, "", "Bailout is set up", None, content)
}
