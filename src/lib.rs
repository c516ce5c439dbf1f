//! Bailout: the button AI agents press when they hit a wall.
//!
//! Three rooms. [`domain`] holds the words and the rules and knows no database, network or browser; [`app`] is what
//! an operator sees; `server` is everything that touches the world. ARCHITECTURE.md draws the doors between them.

pub mod app;
pub mod domain;
#[cfg(feature = "ssr")]
pub mod server;

/// Where the browser enters at the console: takes over the page that the server rendered. At plain pages it is
/// [`app::enhance`].
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    app::broken::offer_reload();
    leptos::mount::hydrate_body(app::App);
}
