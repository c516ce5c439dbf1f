//! Elements that only show something. Whatever their tag they are of one type, since each type of view costs every
//! browser some kilobytes to download.

use leptos::{html::custom, prelude::*};

use super::revealed::revealed;

/// Draws an element around others.
pub fn element(tag: &'static str, class: &'static str, children: Vec<AnyView>) -> AnyView {
    drawn(tag, class, None, children)
}

/// Draws an element around others, in the direction that their text is written.
pub fn written(tag: &'static str, class: &'static str, children: Vec<AnyView>) -> AnyView {
    drawn(tag, class, Some("auto"), children)
}

/// Draws an element around text of strangers, in the direction that it is written.
pub fn words(tag: &'static str, class: &'static str, text: &str) -> AnyView {
    written(tag, class, vec![revealed(text)])
}

/// Draws text as code; the keyboard can scroll it.
pub fn code_block(text: &str) -> AnyView {
    view! { <pre class="code" tabindex="0"><code>{revealed(text)}</code></pre> }.into_any()
}

fn drawn(tag: &'static str, class: &'static str, dir: Option<&'static str>, children: Vec<AnyView>) -> AnyView {
    // The styles tell a list without a class from one with any, even an empty one.
    let class = (!class.is_empty()).then_some(class);
    custom(tag).attr("class", class).attr("dir", dir).child(children).into_any()
}
