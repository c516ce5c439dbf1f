//! What plain pages cannot do by themselves: copy a text, show a password, try out notifications, and say when the first
//! escalation comes. Each works on what the server drew, and nothing is lost where no script runs.

use js_sys::Reflect;
use leptos::{ev, prelude::*};
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{Element, EventSource, HtmlInputElement, MessageEvent, MouseEvent};

use super::memory::tell_tabs;
use crate::app::state::{attention, drafts::call};

/// Where the browser enters at a plain page.
#[wasm_bindgen]
pub fn enhance() {
    window_event_listener(ev::click, |event| {
        pressed(&event);
    });
    tell_permission();
    listen();
    // Perhaps someone has just signed in here.
    tell_tabs();
    // Only now are the buttons worth showing.
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-enhanced", "");
    }
}

fn pressed(event: &MouseEvent) -> Option<()> {
    let button = event.target()?.dyn_into::<Element>().ok()?.closest("button").ok()??;
    if let Some(of) = button.get_attribute("data-copy") {
        let copied = document().get_element_by_id(&of)?;
        let navigator = Reflect::get(&window(), &"navigator".into()).ok()?;
        let clipboard = Reflect::get(&navigator, &"clipboard".into()).ok()?;
        let writing = call(&clipboard, "writeText", &[copied.text_content()?.into()]);
        let written = Closure::once_into_js(move |_: JsValue| button.set_text_content(Some("Copied")));
        // Where a page may not write there, the text is at least marked.
        let marked = Closure::once_into_js(move |_: JsValue| {
            if let Some(selection) = call(&window(), "getSelection", &[]) {
                call(&selection, "selectAllChildren", &[copied.into()]);
            }
        });
        call(&writing?, "then", &[written, marked]);
    } else if let Some(of) = button.get_attribute("data-show") {
        let field: HtmlInputElement = document().get_element_by_id(&of)?.dyn_into().ok()?;
        let shows = field.type_() == "password";
        field.set_type(if shows { "text" } else { "password" });
        button.set_attribute("aria-pressed", if shows { "true" } else { "false" }).ok()?;
    } else if button.has_attribute("data-notify") {
        let tried = Closure::once_into_js(|_: JsValue| {
            tell_permission();
            attention::show("This is how an escalation calls you.", "test");
        });
        call(&call(&attention::notification()?, "requestPermission", &[])?, "then", &[tried]);
    }
    Some(())
}

/// Says what the browser lets us do.
fn tell_permission() -> Option<()> {
    let words = match attention::permission().as_deref() {
        Some("granted") => "This browser shows them.",
        Some("denied") => "This browser was told not to show them; its settings for this site can change that.",
        Some(_) => "This browser will ask before it shows them.",
        None => "This browser has none.",
    };
    document().get_element_by_id("permission")?.set_text_content(Some(words));
    Some(())
}

/// Turns the line that waits for the first escalation into a link to it.
fn listen() -> Option<()> {
    let line = document().get_element_by_id("listening")?;
    let live = "/live?after=".to_owned() + &line.get_attribute("data-after")?;
    let stream = EventSource::new(&live).ok()?;
    let source = stream.clone();
    let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let frame: Value =
            serde_json::from_slice(event.data().as_string().unwrap_or_default().as_bytes()).unwrap_or_default();
        let (Some(id), Ok(Some(link))) = (frame["row"]["id"].as_str(), line.query_selector("a")) else { return };
        let _ = link.set_attribute("href", &("/e/".to_owned() + id));
        link.set_text_content(Some("Your first escalation is here: open it"));
        line.set_text_content(None);
        let _ = line.append_child(&link);
        source.close();
    });
    stream.add_event_listener_with_callback("frame", heard.as_ref().unchecked_ref()).ok()?;
    heard.forget();
    Some(())
}
