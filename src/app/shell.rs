//! The HTML document around the app: the files of the built site, and the data that the page starts from.

use leptos::{nonce::use_nonce, prelude::*, tachys::html::InertElement};

use super::{
    App,
    page_context::{PageContext, START, SiteFiles},
};
use crate::domain::operator::Preferences;

/// A page that works without any script: forms and lists, rendered by the server alone. The WASM program does not
/// render it; a small script (`public/enhance.js`) adds buttons that need one.
pub struct PlainPage {
    /// Static text: variable text could be parsed as markup here, or be followed by a hydration marker.
    pub title: &'static str,
    pub preferences: Preferences,
    pub body: AnyView,
}

/// Renders the document of the console.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let page = use_context::<PageContext>();
    let files = page.as_ref().map(|page| page.files.clone()).unwrap_or_else(|| {
        let file = |name: &str| format!("/pkg/bailout.{name}");
        SiteFiles { js: file("js"), wasm: file("wasm"), css: file("css") }
    });
    let preferences = page.as_ref().map(|page| page.preferences).unwrap_or_default();
    // The text of a script is not escaped. Without any `<` in the text, nothing in it can close the script element.
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
    // The title is static, like every title that the server renders. The console sets its own.
    // The paths are quoted as Rust strings, which for these plain paths equal JavaScript strings.
    let run = format!(
        "import({:?}).then(it=>it.default({{module_or_path:{:?}}}).then(()=>it.hydrate()))",
        files.js, files.wasm
    );
    let script = view! { <script type="module" nonce=use_nonce()>{run}</script> };
    document_of("Bailout", preferences, files, options, (preloads, script), body)
}

/// Renders the document of a plain page.
pub fn plain(page: PlainPage, files: SiteFiles, options: LeptosOptions) -> impl IntoView {
    let script = view! { <script type="module" src="/enhance.js"></script> };
    document_of(page.title, page.preferences, files, options, script, page.body)
}

/// Renders the document around a body.
fn document_of(
    title: &'static str,
    preferences: Preferences,
    files: SiteFiles,
    options: LeptosOptions,
    scripts: impl IntoView + 'static,
    body: impl IntoView + 'static,
) -> impl IntoView {
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
                {scripts}
                <AutoReload options=options/>
            </head>
            <body>{body}</body>
        </html>
    }
}
