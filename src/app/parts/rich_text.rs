//! Renders rich text as nodes: it inserts no HTML, shows the host next to each link, and fetches nothing.

use leptos::prelude::*;

use super::{
    drawn::{code_block, element, words, written},
    revealed::revealed,
};
use crate::domain::rich::{Block, Inline, ListItem, shown_target};

/// Renders the blocks of a message.
pub fn rich_text(blocks: &[Block]) -> Vec<AnyView> {
    blocks.iter().map(block).collect()
}

/// Renders text as it was typed.
pub fn plain_text(text: &str) -> Vec<AnyView> {
    vec![words("p", "as-typed", text)]
}

fn block(block: &Block) -> AnyView {
    let (tag, content) = match block {
        Block::Paragraph(content) => ("p", inlines(content)),
        Block::Heading(content) => return element("p", "heading", inlines(content)),
        Block::List(items) => return list(items),
        Block::Table { head, rows } => return table(head, rows),
        Block::Quote(content) => ("blockquote", rich_text(content)),
        Block::Code(code) => return code_block(code),
    };
    // Each block takes the direction of its own text.
    written(tag, "", content)
}

/// Renders a list. The numbers are text, because a browser would renumber the items.
fn list(items: &[ListItem]) -> AnyView {
    let is_numbered = items.first().is_some_and(|item| !item.number.is_empty());
    let item = |item: &ListItem| {
        let number = (!item.number.is_empty()).then(|| words("span", "list-number", &item.number));
        let content = written("div", "", rich_text(&item.blocks));
        element("li", "", number.into_iter().chain([content]).collect())
    };
    let (tag, class) = if is_numbered { ("ol", "numbered") } else { ("ul", "") };
    element(tag, class, items.iter().map(item).collect())
}

fn table(head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) -> AnyView {
    let row = |tag, cells: &[Vec<Inline>]| {
        element("tr", "", cells.iter().map(|cell| written(tag, "", inlines(cell))).collect())
    };
    let body = rows.iter().map(|cells| row("td", cells)).collect();
    let parts = vec![element("thead", "", vec![row("th", head)]), element("tbody", "", body)];
    element("table", "", parts)
}

fn inlines(content: &[Inline]) -> Vec<AnyView> {
    content.iter().map(inline).collect()
}

fn inline(inline: &Inline) -> AnyView {
    let (tag, content) = match inline {
        Inline::Text(text) => return revealed(text),
        // The stylesheet renders the character as a line break.
        Inline::Break => return revealed("\n"),
        Inline::Strong(content) => ("strong", inlines(content)),
        Inline::Emphasis(content) => ("em", inlines(content)),
        Inline::Strike(content) => ("del", inlines(content)),
        Inline::Code(code) => ("code", vec![revealed(code)]),
        Inline::Link { url, host, content } => {
            let host = (!host.is_empty()).then(|| vec![revealed(" "), words("span", "link-host", host)]);
            let target = shown_target(url, content).map(|it| vec![revealed(" "), words("span", "link-target", it)]);
            return view! {
                <a href=url.clone() target="_blank" rel="noopener noreferrer nofollow">{inlines(content)}</a>
                {host}
                {target}
            }
            .into_any();
        }
    };
    element(tag, "", content)
}
