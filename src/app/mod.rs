//! The operator's user interface: rendered by the server, then hydrated by the same code in the browser.

pub mod actions;
pub mod address;
pub mod broken;
pub mod codec;
pub mod console;
pub mod focus;
pub mod keys;
pub mod memory;
pub mod page_context;
pub mod parts;
pub mod problem;
pub mod session;
pub mod shell;
pub mod state;

use leptos::prelude::*;

use self::{address::provide_address, console::Console};

/// The app: the console, which reads its address itself. All other pages are plain pages of the server.
#[component]
pub fn App() -> impl IntoView {
    provide_address();
    view! { <Console/> }
}
