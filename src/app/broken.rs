//! The panic notice of the page: when the program in the page has panicked, the page no longer works and must say
//! so. The notice uses plain DOM calls, since nothing else works any more.

use std::panic;

/// Installs a panic hook that covers the page and offers a reload. Called before hydration, because hydration may
/// panic.
pub fn offer_reload() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        report(panicked);
        // Drawing the notice may fail; the panic was reported before.
        let _ = cover();
    }));
}

fn cover() -> Option<()> {
    let document = web_sys::window()?.document()?;
    let element = |tag: &str, class: &str, text: &str| {
        let element = document.create_element(tag).ok()?;
        element.set_class_name(class);
        element.set_text_content((!text.is_empty()).then_some(text));
        Some(element)
    };
    let overlay = element("div", "overlay", "")?;
    overlay.set_attribute("role", "alertdialog").ok()?;
    overlay.set_attribute("aria-label", "This page stopped working").ok()?;
    let card = element("div", "overlay-card", "")?;
    let reload = element("a", "button", "Reload")?;
    reload.set_attribute("data-kind", "primary").ok()?;
    reload.set_attribute("href", "").ok()?;
    reload.set_attribute("rel", "external").ok()?;
    let heading = element("h2", "", "This page stopped working")?;
    let words = element("p", "", "What the server has is safe. Reload to go on.")?;
    for part in [heading, words, reload] {
        card.append_child(&part).ok()?;
    }
    overlay.append_child(&card).ok()?;
    document.body()?.append_child(&overlay).ok()?;
    Some(())
}
