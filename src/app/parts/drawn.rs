//! Elements without behaviour. They share one type of view regardless of their tag, because each type of view adds some
//! kilobytes to the download.

use leptos::{html::custom, prelude::*};

use super::revealed::revealed;

/// Renders an element around others.
pub fn element(tag: &'static str, class: &'static str, children: Vec<AnyView>) -> AnyView {
    drawn(tag, class, None, children)
}

/// Renders an element around others, in the direction in which their text is written.
pub fn written(tag: &'static str, class: &'static str, children: Vec<AnyView>) -> AnyView {
    drawn(tag, class, Some("auto"), children)
}

/// Renders an element around text from outside, in the direction in which it is written.
pub fn words(tag: &'static str, class: &'static str, text: &str) -> AnyView {
    written(tag, class, vec![revealed(text)])
}

/// Renders text as code; the keyboard can scroll it.
pub fn code_block(text: &str) -> AnyView {
    view! { <pre class="code" tabindex="0"><code>{revealed(text)}</code></pre> }.into_any()
}

fn drawn(tag: &'static str, class: &'static str, dir: Option<&'static str>, children: Vec<AnyView>) -> AnyView {
    // An empty class is left out, because the stylesheet distinguishes lists without a class attribute from lists with
    // one.
    let class = (!class.is_empty()).then_some(class);
    custom(tag).attr("class", class).attr("dir", dir).child(children).into_any()
}
