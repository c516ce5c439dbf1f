//! Rich text as data. The server parses what people and models write. The browser renders nodes and never receives
//! HTML.

use serde::{Deserialize, Serialize};

/// A block of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    Paragraph(Vec<Inline>),
    Heading(Vec<Inline>),
    List(Vec<ListItem>),
    Quote(Vec<Block>),
    Code(String),
    Table { head: Vec<Vec<Inline>>, rows: Vec<Vec<Vec<Inline>>> },
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListItem {
    /// The number as the author wrote it, `3.` or `3)`; empty for a bullet.
    pub number: String,
    pub blocks: Vec<Block>,
}

/// A run of text within a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inline {
    Text(String),
    Strong(Vec<Inline>),
    Emphasis(Vec<Inline>),
    /// Struck-out text.
    Strike(Vec<Inline>),
    Code(String),
    /// A link, only to `http`, `https` and `mailto`. The host is shown next to the words, so that a link cannot
    /// mislead.
    Link {
        url: String,
        host: String,
        content: Vec<Inline>,
    },
    Break,
}

/// Returns all text that is shown of these blocks, in reading order. Bullets and lines of tables are not text.
pub fn visible_text(blocks: &[Block]) -> String {
    let mut text = String::new();
    blocks.iter().for_each(|block| push_block(block, &mut text));
    text
}

fn push_block(block: &Block, text: &mut String) {
    match block {
        Block::Paragraph(content) | Block::Heading(content) => push_inlines(content, text),
        Block::List(items) => {
            for item in items {
                text.extend([item.number.as_str(), " "]);
                item.blocks.iter().for_each(|block| push_block(block, text));
            }
        }
        Block::Quote(blocks) => blocks.iter().for_each(|block| push_block(block, text)),
        Block::Code(code) => text.push_str(code),
        Block::Table { head, rows } => {
            for cell in [head].into_iter().chain(rows).flatten() {
                push_inlines(cell, text);
                text.push(' ');
            }
        }
    }
    text.push('\n');
}

fn push_inlines(content: &[Inline], text: &mut String) {
    for inline in content {
        match inline {
            Inline::Text(words) | Inline::Code(words) => text.push_str(words),
            Inline::Break => text.push('\n'),
            Inline::Strong(content) | Inline::Emphasis(content) | Inline::Strike(content) => {
                push_inlines(content, text)
            }
            Inline::Link { url, host, content } => {
                push_inlines(content, text);
                if !host.is_empty() {
                    text.extend([" ", host]);
                }
                if let Some(target) = shown_target(url, content) {
                    text.extend([" ", target]);
                }
            }
        }
    }
}

/// Returns the address of a link as it is shown after its words, or none when the words are the address.
pub fn shown_target<'a>(url: &'a str, content: &[Inline]) -> Option<&'a str> {
    let target = url.strip_prefix("mailto:").unwrap_or(url);
    let is_words = matches!(content, [Inline::Text(words)] if words == target || words == url);
    (!is_words).then_some(target)
}
