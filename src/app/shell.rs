//! The HTML around the app, as the server sends it.

use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use super::App;

/// Where the built site's files are, with their hashes. The server puts it into the context of every page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFiles {
    /// The address of the script that loads the program, from the root.
    pub js: String,
    pub wasm: String,
    pub css: String,
}

/// Draws the document.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let files = use_context::<SiteFiles>().unwrap_or_else(|| SiteFiles {
        js: "/pkg/bailout.js".to_owned(),
        wasm: "/pkg/bailout.wasm".to_owned(),
        css: "/pkg/bailout.css".to_owned(),
    });
    // Quoted as Rust strings, which these plain paths have in common with JavaScript.
    let start = format!(
        "import({:?}).then(it=>it.default({{module_or_path:{:?}}}).then(()=>it.hydrate()))",
        files.js, files.wasm
    );
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" id="leptos" href=files.css/>
                <link rel="modulepreload" href=files.js/>
                <link rel="preload" href=files.wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
                <AutoReload options=options/>
                <script type="module" nonce=use_nonce()>{start}</script>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}
