//! Bailout: the button AI agents press when they hit a wall.
//!
//! The crate has three parts. [`domain`] holds the terms and the rules, and knows no database, network or browser.
//! [`app`] is the operator's user interface. `server` does all input and output. ARCHITECTURE.md describes the
//! interfaces between them.

pub mod app;
pub mod domain;
#[cfg(feature = "ssr")]
pub mod server;

/// The entry point of the console in the browser: hydrates the page that the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    app::broken::offer_reload();
    leptos::mount::hydrate_body(app::App);
}
