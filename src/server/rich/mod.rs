//! Parses the words of people and models into blocks. Every letter, digit and sign of a text is shown. The words of
//! customers and operators are shown as they were typed; those of agents are Markdown, as far as nothing of them is lost.

mod links;
mod markdown;
mod prepare;
#[cfg(test)]
mod tests;

use prepare::Prepared;

use crate::domain::{
    message::{Message, MessageRole},
    rich::{Block, Inline, visible_text},
    thread::Shown,
};

/// How many characters are parsed; the rest is shown as it is. As many as a message said here may have.
const MOST_PARSED: usize = 32_000;

/// A message with its text parsed.
pub fn shown(message: Message) -> Shown {
    Shown { blocks: blocks(&message), message }
}

/// The blocks of a message's text.
pub fn blocks(message: &Message) -> Vec<Block> {
    let text = message.text.as_deref().unwrap_or_default();
    if text.is_empty() {
        return vec![];
    }
    let end = text.char_indices().nth(MOST_PARSED).map_or(text.len(), |(end, _)| end);
    let (text, rest) = text.split_at(end);
    let mut blocks = match message.role {
        MessageRole::Agent => formatted(text),
        MessageRole::Customer | MessageRole::Operator | MessageRole::System | MessageRole::Tool => literal(text),
    };
    if !rest.is_empty() {
        blocks.push(Block::Paragraph(vec![Inline::Text(rest.to_owned())]));
    }
    blocks
}

/// A text as it was typed, line by line; addresses in it are links.
fn literal(text: &str) -> Vec<Block> {
    let mut content = vec![];
    for (i, line) in text.lines().enumerate() {
        if i > 0 {
            content.push(Inline::Break);
        }
        content.extend(links::linked(line));
    }
    vec![Block::Paragraph(content)]
}

/// A text as Markdown; as it was typed, where Markdown would lose something of it.
fn formatted(text: &str) -> Vec<Block> {
    let prepared = Prepared::new(text);
    let blocks = markdown::parse(&prepared.markdown);
    let visible = visible_text(&blocks);
    // Within what the parser takes for code it shows our escapes.
    let adds_escapes = visible.matches('\\').count() > text.matches('\\').count();
    if prepared.is_shown_by(&visible) && !adds_escapes { blocks } else { literal(text) }
}
