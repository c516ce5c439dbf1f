//! The HTML around the app, as the server sends it: the built site's files, and what the page starts from.

use leptos::{nonce::use_nonce, prelude::*};

use super::{App, actions::Bootstrap, lean};

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
pub struct Page {
    pub files: SiteFiles,
    /// The path and the query that were asked for.
    pub address: String,
    /// None where there is no console to draw.
    pub start: Option<Bootstrap>,
}

/// What this page starts from: on the server what it has just read, in the browser what came with the page.
pub fn start() -> Option<Bootstrap> {
    if is_server() {
        return use_context::<Page>()?.start;
    }
    let text = document().get_element_by_id(START)?.text_content()?;
    lean::read(text.as_bytes()).ok()
}

/// Draws the document.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let files = use_context::<Page>().map(|page| page.files).unwrap_or_else(|| {
        let file = |name: &str| format!("/pkg/bailout.{name}");
        SiteFiles { js: file("js"), wasm: file("wasm"), css: file("css") }
    });
    // Quoted as Rust strings, which these plain paths have in common with JavaScript.
    let run = format!(
        "import({:?}).then(it=>it.default({{module_or_path:{:?}}}).then(()=>it.hydrate()))",
        files.js, files.wasm
    );
    // A script's text is not escaped: with no `<` left in it, nothing in it can end it.
    let start = use_context::<Page>().and_then(|page| serde_json::to_string(&page.start?).ok());
    let start = start.map(|json| json.replace('<', "\\u003c"));
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                // Fixed: text that varies is followed by a marker, which a title would show. The pages set their own.
                <title>"Bailout"</title>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" id="leptos" href=files.css/>
                <link rel="modulepreload" href=files.js/>
                <link rel="preload" href=files.wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
                <AutoReload options=options/>
                <script type="module" nonce=use_nonce()>{run}</script>
            </head>
            <body>
                <App/>
                <script type="application/json" id=START>{start}</script>
            </body>
        </html>
    }
}
