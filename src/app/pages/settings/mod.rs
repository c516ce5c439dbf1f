//! The settings: plain pages that the server alone draws and whose forms need no script. The browser's program does not
//! hold them.

pub mod queues;

use leptos::prelude::*;

use crate::app::parts::icons::{Icon, icon};

/// The document around a page of settings.
pub fn document(css: String, title: &'static str, page: impl IntoView) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <title>"Settings · Bailout"</title>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href=css/>
            </head>
            <body>
                <main class="settings">
                    <a class="rail-brand" href="/queue">{icon(Icon::ChevronLeft)} <span>"Bailout"</span></a>
                    <h1>{title}</h1>
                    {page}
                </main>
            </body>
        </html>
    }
}
