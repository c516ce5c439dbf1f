//! The data that a page starts from: the server has it before it renders, and the browser gets it with the page.

use leptos::prelude::*;

use super::{actions::Bootstrap, codec};
use crate::domain::operator::Preferences;

/// The id of the script element that holds the data of the page.
pub const START: &str = "start";

/// The addresses of the built site's files, with their hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFiles {
    /// The address of the script that loads the program, from the root.
    pub js: String,
    pub wasm: String,
    pub css: String,
}

/// The data that the server has before it renders a page; provided in the context of every page.
///
/// The server reads the snapshot before it renders, and sends it with the page as data. So rendering waits for nothing,
/// and the browser needs no code for suspense.
#[derive(Debug, Clone)]
pub struct PageContext {
    pub files: SiteFiles,
    /// The requested path and query.
    pub address: String,
    pub preferences: Preferences,
    /// None where there is no console to render.
    pub start: Option<Bootstrap>,
}

/// Returns the data that this page starts from: on the server as just read, in the browser as sent with the page.
pub fn start() -> Option<Bootstrap> {
    if is_server() {
        return use_context::<PageContext>()?.start;
    }
    let text = document().get_element_by_id(START)?.text_content()?;
    codec::read::<Bootstrap>(text.as_bytes()).ok()
}
