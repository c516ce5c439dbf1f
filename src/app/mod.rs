//! What an operator sees. Drawn by the server, then taken over by the same code in the browser.

pub mod actions;
pub mod address;
pub mod attention;
pub mod broken;
pub mod clock;
pub mod drafts;
pub mod focus;
pub mod keys;
pub mod lean;
pub mod lines;
pub mod live;
pub mod memory;
pub mod pages;
pub mod parts;
pub mod problem;
pub mod session;
pub mod shell;
pub mod stirs;
pub mod wire;

use leptos::prelude::*;

use self::{
    address::provide_address,
    pages::{console::Console, sign_in::SignIn},
};

/// The app: the sign-in page, and the console at every other address. What an address names is the console's to read;
/// between the two one does not move without loading anew.
#[component]
pub fn App() -> impl IntoView {
    broken::offer_reload();
    let address = provide_address();
    match address.path.get_untracked().as_str() {
        "/sign-in" => view! { <SignIn/> }.into_any(),
        _ => view! { <Console/> }.into_any(),
    }
}
