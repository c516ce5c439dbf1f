//! Rich text as nodes: never HTML, links with their host beside them, nothing fetched.

use leptos::prelude::*;

use super::{
    drawn::{code_block, element, words},
    revealed::revealed,
};
use crate::domain::rich::{Block, Inline};

/// Draws the blocks of a message.
pub fn rich_text(blocks: &[Block]) -> Vec<AnyView> {
    blocks.iter().map(block).collect()
}

/// Draws text that nobody parsed, a paragraph a line.
pub fn plain_text(text: &str) -> Vec<AnyView> {
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| words("p", "", line)).collect()
}

fn block(block: &Block) -> AnyView {
    let (tag, content) = match block {
        Block::Paragraph(content) => ("p", inlines(content)),
        Block::List { ordered, items } => {
            let items = items.iter().map(|item| element("li", "", rich_text(item))).collect();
            (if *ordered { "ol" } else { "ul" }, items)
        }
        Block::Quote(content) => ("blockquote", rich_text(content)),
        Block::Code(code) => return code_block(code),
    };
    element(tag, "", content)
}

fn inlines(content: &[Inline]) -> Vec<AnyView> {
    content.iter().map(inline).collect()
}

fn inline(inline: &Inline) -> AnyView {
    let (tag, content) = match inline {
        Inline::Text(text) => return revealed(text),
        // The styles make a line of it.
        Inline::Break => return revealed("\n"),
        Inline::Strong(content) => ("strong", inlines(content)),
        Inline::Emphasis(content) => ("em", inlines(content)),
        Inline::Code(code) => ("code", vec![revealed(code)]),
        Inline::Link { url, host, content } => {
            return view! {
                <a href=url.clone() target="_blank" rel="noopener noreferrer nofollow">{inlines(content)}</a>
                " "
                <span class="link-host">{revealed(host)}</span>
            }
            .into_any();
        }
    };
    element(tag, "", content)
}
