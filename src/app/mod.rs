//! What an operator sees. Drawn by the server, then taken over by the same code in the browser.

pub mod actions;
pub mod address;
pub mod attention;
pub mod broken;
pub mod clock;
pub mod drafts;
pub mod enhance;
pub mod focus;
pub mod keys;
pub mod lean;
pub mod lines;
pub mod live;
pub mod memory;
pub mod pages;
pub mod parts;
pub mod problem;
pub mod recent;
pub mod session;
pub mod shell;
pub mod stirs;
pub mod typing;
pub mod unsaved;
pub mod wire;

use leptos::prelude::*;

use self::{address::provide_address, pages::console::Console};

/// The app: the console. What its address names is the console's to read. All other pages are plain ones of the server's.
#[component]
pub fn App() -> impl IntoView {
    provide_address();
    view! { <Console/> }
}
