//! The HTML around the app, as the server sends it: the built site's files, and what the page starts from.

use leptos::{nonce::use_nonce, prelude::*, tachys::html::InertElement};

use super::{App, actions::Bootstrap};
use crate::{app::codec, domain::operator::Preferences};

/// Where the browser finds what the page starts from.
const START: &str = "start";

/// Where the built site's files are, with their hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFiles {
    /// The address of the script that loads the program, from the root.
    pub js: String,
    pub wasm: String,
    pub css: String,
}

/// What the server knows of a page before it draws it; in the context of every page.
///
/// The first picture is read before the drawing begins and travels beside it as data. So drawing waits for nothing,
/// and the browser needs none of the machinery for waiting.
#[derive(Debug, Clone)]
pub struct PageContext {
    pub files: SiteFiles,
    /// The path and the query that were asked for.
    pub address: String,
    pub preferences: Preferences,
    /// None where there is no console to draw.
    pub start: Option<Bootstrap>,
}

/// What this page starts from: on the server what it has just read, in the browser what came with the page.
pub fn start() -> Option<Bootstrap> {
    if is_server() {
        return use_context::<PageContext>()?.start;
    }
    let text = document().get_element_by_id(START)?.text_content()?;
    codec::read(text.as_bytes()).ok()
}

/// A page that works without any script: forms and lists, drawn by the server alone. The browser's program does not hold
/// it; it only makes some of its buttons quicker, where it runs.
pub struct PlainPage {
    /// Fixed words: text that varies could become markup here, or be followed by a marker.
    pub title: &'static str,
    pub preferences: Preferences,
    pub body: AnyView,
}

/// Draws the document of the console.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let page = use_context::<PageContext>();
    let files = page.as_ref().map(|page| page.files.clone()).unwrap_or_else(|| {
        let file = |name: &str| format!("/pkg/bailout.{name}");
        SiteFiles { js: file("js"), wasm: file("wasm"), css: file("css") }
    });
    let preferences = page.as_ref().map(|page| page.preferences).unwrap_or_default();
    // A script's text is not escaped: with no `<` left in it, nothing in it can end it.
    let start = page.and_then(|page| serde_json::to_string(&page.start?).ok());
    let start = start.map(|json| json.replace('<', "\\u003c"));
    let preloads = view! {
        <link rel="modulepreload" href=files.js.clone()/>
        <link rel="preload" href=files.wasm.clone() r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
    };
    let body = view! {
        <App/>
        <script type="application/json" id=START>{start}</script>
    };
    // Fixed, like every title that the server draws. The console sets its own.
    document_of("Bailout", preferences, files, "hydrate", options, preloads, body)
}

/// Draws the document of a plain page.
pub fn plain(page: PlainPage, files: SiteFiles, options: LeptosOptions) -> impl IntoView {
    document_of(page.title, page.preferences, files, "enhance", options, (), page.body)
}

/// The document around a body. `begin` is the function of the program that its script calls.
fn document_of(
    title: &'static str,
    preferences: Preferences,
    files: SiteFiles,
    begin: &'static str,
    options: LeptosOptions,
    preloads: impl IntoView + 'static,
    body: impl IntoView + 'static,
) -> impl IntoView {
    // Quoted as Rust strings, which these plain paths have in common with JavaScript.
    let run = format!(
        "import({:?}).then(it=>it.default({{module_or_path:{:?}}}).then(()=>it.{begin}()))",
        files.js, files.wasm
    );
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=preferences.named_theme() data-density=preferences.named_density()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                {InertElement::new("<title>".to_owned() + title + "</title>")}
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" id="leptos" href=files.css/>
                {preloads}
                <AutoReload options=options/>
                <script type="module" nonce=use_nonce()>{run}</script>
            </head>
            <body>{body}</body>
        </html>
    }
}
