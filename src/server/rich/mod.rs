//! Parses the texts of people and models into blocks. Every letter, digit and sign of a text is shown. Texts of agents
//! are Markdown, unless something of them would be lost. All other texts are shown as they were typed.

mod cut;
mod links;
mod markdown;
mod prepare;
#[cfg(test)]
mod tests;

pub use cut::{MOST_SHOWN, cut, size, whole};
use prepare::PreparedText;

use crate::domain::{
    hidden::runs,
    message::{Message, MessageRole},
    rich::{Block, Inline, visible_text},
    thread::RenderedMessage,
};

/// The most pieces of a message. A message with more is shown as plain text.
const MOST_PIECES: usize = 2_000;
/// The pieces of a link in addition to its words.
const LINK_PIECES: usize = 5;

/// Returns a message as pages get it: long parts truncated, and its text parsed.
pub fn shown(message: Message) -> RenderedMessage {
    parsed(cut(message))
}

/// Parses the text of a message that is truncated already.
pub fn parsed(shown: RenderedMessage) -> RenderedMessage {
    RenderedMessage { blocks: blocks(&shown.message), ..shown }
}

/// Returns the blocks of a message's text.
fn blocks(message: &Message) -> Vec<Block> {
    let text = message.text.as_deref().unwrap_or_default();
    if text.is_empty() {
        return vec![];
    }
    match message.role {
        MessageRole::Agent => formatted(text),
        MessageRole::Customer | MessageRole::Operator | MessageRole::System | MessageRole::Tool => literal(text),
    }
}

/// Returns a text as it was typed, line by line. Addresses in it are links, until it has too many pieces.
fn literal(text: &str) -> Vec<Block> {
    let mut content = vec![];
    let mut count = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = links::linked(line.strip_suffix('\r').unwrap_or(line));
        count += 1 + inline_pieces(&line);
        if count > MOST_PIECES {
            content.push(Inline::Text(rest.to_owned()));
            break;
        }
        content.extend(line);
        if !after.is_empty() {
            content.push(Inline::Break);
        }
        rest = after;
    }
    vec![Block::Paragraph(content)]
}

/// Returns a text as Markdown, or as it was typed where Markdown would lose something or make too many pieces.
fn formatted(text: &str) -> Vec<Block> {
    let prepared = PreparedText::new(text);
    let blocks = markdown::parse(&prepared.markdown);
    let visible = visible_text(&blocks);
    // The parser shows the added escapes inside what it takes for code.
    let adds_escapes = visible.matches('\\').count() > text.matches('\\').count();
    let is_whole = prepared.is_shown_by(&visible) && !adds_escapes;
    if is_whole && pieces(&blocks) <= MOST_PIECES { blocks } else { literal(text) }
}

/// Returns the approximate number of nodes that a browser makes of these blocks.
pub fn pieces(blocks: &[Block]) -> usize {
    let within = |block: &Block| match block {
        Block::Paragraph(content) | Block::Heading(content) => inline_pieces(content),
        Block::List(items) => items.iter().map(|item| 2 + pieces(&item.blocks)).sum(),
        Block::Quote(blocks) => pieces(blocks),
        Block::Code(code) => runs(code).len(),
        Block::Table { head, rows } => {
            [head].into_iter().chain(rows).flatten().map(|cell| 1 + inline_pieces(cell)).sum()
        }
    };
    blocks.iter().map(|block| 1 + within(block)).sum()
}

/// Counts the pieces of inlines. A hidden character is a piece of its own, because it is shown by its number.
fn inline_pieces(content: &[Inline]) -> usize {
    let within = |inline: &Inline| match inline {
        Inline::Text(text) | Inline::Code(text) => runs(text).len(),
        Inline::Strong(content) | Inline::Emphasis(content) | Inline::Strike(content) => inline_pieces(content),
        Inline::Link { url, content, .. } => LINK_PIECES + runs(url).len() + inline_pieces(content),
        Inline::Break => 0,
    };
    content.iter().map(|inline| 1 + within(inline)).sum()
}
