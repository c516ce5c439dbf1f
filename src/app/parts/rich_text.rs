//! Rich text as nodes: never HTML, links with their host beside them, nothing fetched.

use leptos::prelude::*;

use super::revealed::revealed;
use crate::domain::rich::{Block, Inline};

/// Draws the blocks of a message.
pub fn rich_text(blocks: &[Block]) -> AnyView {
    blocks.iter().map(block).collect::<Vec<_>>().into_any()
}

/// Draws text that nobody parsed, a paragraph a line.
pub fn plain_text(text: &str) -> AnyView {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| view! { <p>{revealed(line)}</p> })
        .collect::<Vec<_>>()
        .into_any()
}

fn block(block: &Block) -> AnyView {
    match block {
        Block::Paragraph(content) => view! { <p>{inlines(content)}</p> }.into_any(),
        Block::List { ordered: true, items: all } => view! { <ol>{items(all)}</ol> }.into_any(),
        Block::List { ordered: false, items: all } => view! { <ul>{items(all)}</ul> }.into_any(),
        Block::Quote(content) => view! { <blockquote>{rich_text(content)}</blockquote> }.into_any(),
        Block::Code(code) => view! { <pre class="code" tabindex="0"><code>{revealed(code)}</code></pre> }.into_any(),
    }
}

fn items(items: &[Vec<Block>]) -> AnyView {
    items.iter().map(|item| view! { <li>{rich_text(item)}</li> }).collect::<Vec<_>>().into_any()
}

fn inlines(content: &[Inline]) -> AnyView {
    content.iter().map(inline).collect::<Vec<_>>().into_any()
}

fn inline(inline: &Inline) -> AnyView {
    match inline {
        Inline::Text(text) => revealed(text).into_any(),
        Inline::Strong(content) => view! { <strong>{inlines(content)}</strong> }.into_any(),
        Inline::Emphasis(content) => view! { <em>{inlines(content)}</em> }.into_any(),
        Inline::Code(code) => view! { <code>{revealed(code)}</code> }.into_any(),
        Inline::Link { url, host, content } => view! {
            <a href=url.clone() target="_blank" rel="noopener noreferrer nofollow">{inlines(content)}</a>
            " "
            <span class="link-host">{revealed(host)}</span>
        }
        .into_any(),
        Inline::Break => view! { <br/> }.into_any(),
    }
}
