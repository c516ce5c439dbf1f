//! Turns the events of a Markdown parser into blocks. The text was prepared before, so the parser takes nothing for
//! markup that is not shown.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd, TextMergeWithOffset};

use super::links::{host, linked};
use crate::domain::rich::{Block, Inline, ListItem};

/// The deepest nesting that is drawn. Deeper content is shown as plain text, because no legitimate message needs it.
const DEEPEST: usize = 16;

/// Parses a prepared text.
pub fn parse(text: &str) -> Vec<Block> {
    let mut reader = Reader { text, frames: vec![Frame::Blocks(Kind::Root, vec![])], beyond: 0 };
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    for (event, range) in TextMergeWithOffset::new(Parser::new_ext(text, options).into_offset_iter()) {
        reader.read(event, range);
    }
    while reader.frames.len() > 1 {
        reader.close();
    }
    match reader.frames.pop() {
        Some(Frame::Blocks(_, blocks)) => blocks,
        _ => vec![],
    }
}

enum Kind {
    Root,
    Quote,
    /// A list item with its number.
    Item(String),
}

enum Frame {
    Blocks(Kind, Vec<Block>),
    List(Vec<ListItem>),
    Table(Vec<Vec<Vec<Inline>>>),
    Row(Vec<Vec<Inline>>),
    Paragraph(Vec<Inline>),
    Heading(Vec<Inline>),
    Cell(Vec<Inline>),
    Code(String),
    Strike(Vec<Inline>),
    Strong(Vec<Inline>),
    Emphasis(Vec<Inline>),
    Link {
        url: String,
        content: Vec<Inline>,
    },
    /// A construct that is not drawn. Its content goes to what is around it.
    Through,
}

struct Reader<'a> {
    text: &'a str,
    frames: Vec<Frame>,
    /// The number of open constructs that are nested too deep to be drawn.
    beyond: usize,
}

impl Reader<'_> {
    fn read(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.open(tag, range),
            Event::End(end) => self.end(end, range),
            Event::Text(text) => self.text(&text),
            Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(code) => self.inline(Inline::Code(code.into_string())),
            Event::SoftBreak | Event::HardBreak => self.inline(Inline::Break),
            Event::FootnoteReference(name) => self.text(&name),
            Event::Rule | Event::TaskListMarker(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
    }

    fn open(&mut self, tag: Tag<'_>, range: Range<usize>) {
        if self.frames.len() > DEEPEST || self.beyond > 0 {
            self.beyond += 1;
            return;
        }
        let is_inline =
            matches!(tag, Tag::Strong | Tag::Emphasis | Tag::Link { .. } | Tag::Image { .. } | Tag::Strikethrough);
        if is_inline {
            self.begin_loose_paragraph();
        } else {
            self.end_loose_paragraph();
        }
        let frame = match tag {
            Tag::Paragraph | Tag::HtmlBlock => Frame::Paragraph(vec![]),
            Tag::Heading { .. } => Frame::Heading(vec![]),
            Tag::BlockQuote(_) => Frame::Blocks(Kind::Quote, vec![]),
            Tag::CodeBlock(kind) => {
                // The language is a word of the author, too, so it is shown.
                if let CodeBlockKind::Fenced(language) = kind
                    && !language.is_empty()
                {
                    self.block(Block::Paragraph(vec![Inline::Text(language.into_string())]));
                }
                Frame::Code(String::new())
            }
            Tag::List(_) => Frame::List(vec![]),
            Tag::Item => Frame::Blocks(Kind::Item(number(&self.text[range])), vec![]),
            Tag::Table(_) => Frame::Table(vec![]),
            Tag::TableHead | Tag::TableRow => Frame::Row(vec![]),
            Tag::TableCell => Frame::Cell(vec![]),
            // Emphasis markers may be part of a name, as in `__init__`. They stay visible, except for `**`.
            Tag::Strong => Frame::Strong(marker(&self.text[range], "__")),
            Tag::Emphasis => {
                Frame::Emphasis(marker(&self.text[range.clone()], &self.text[range.start..range.start + 1]))
            }
            Tag::Strikethrough => Frame::Strike(vec![]),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                Frame::Link { url: dest_url.into_string(), content: vec![] }
            }
            _ => Frame::Through,
        };
        self.frames.push(frame);
    }

    fn end(&mut self, end: TagEnd, range: Range<usize>) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        match self.frames.last_mut() {
            Some(Frame::Strong(content)) => content.extend(marker(&self.text[range], "__")),
            Some(Frame::Emphasis(content)) => {
                content.extend(marker(&self.text[range.clone()], &self.text[range.start..range.start + 1]));
            }
            _ => {}
        }
        if matches!(end, TagEnd::Item | TagEnd::BlockQuote(_)) {
            self.end_loose_paragraph();
        }
        self.close();
    }

    /// Opens a paragraph for text that has none, as in a tight list item.
    fn begin_loose_paragraph(&mut self) {
        if matches!(self.frames.last(), Some(Frame::Blocks(..))) {
            self.frames.push(Frame::Paragraph(vec![]));
        }
    }

    fn end_loose_paragraph(&mut self) {
        if matches!(self.frames.last(), Some(Frame::Paragraph(_))) {
            self.close();
        }
    }

    fn text(&mut self, text: &str) {
        let in_link = self.frames.iter().any(|frame| matches!(frame, Frame::Link { .. }));
        match self.frames.iter_mut().rev().find(|frame| !matches!(frame, Frame::Through)) {
            Some(Frame::Code(code)) => code.push_str(text),
            // Text within a link leads where the link leads, also when emphasised, so addresses in it become no links.
            _ if in_link => self.inline(Inline::Text(text.to_owned())),
            _ => linked(text).into_iter().for_each(|inline| self.inline(inline)),
        }
    }

    fn inline(&mut self, inline: Inline) {
        self.begin_loose_paragraph();
        let around = self.frames.iter_mut().rev().find(|frame| !matches!(frame, Frame::Through));
        match around {
            Some(
                Frame::Paragraph(content)
                | Frame::Heading(content)
                | Frame::Cell(content)
                | Frame::Strong(content)
                | Frame::Emphasis(content)
                | Frame::Strike(content)
                | Frame::Link { content, .. },
            ) => content.push(inline),
            Some(Frame::Blocks(_, blocks)) => blocks.push(Block::Paragraph(vec![inline])),
            Some(Frame::List(_) | Frame::Table(_) | Frame::Row(_) | Frame::Code(_) | Frame::Through) | None => {}
        }
    }

    fn block(&mut self, block: Block) {
        let around = self.frames.iter_mut().rev().find_map(|frame| match frame {
            Frame::Blocks(_, blocks) => Some(blocks),
            _ => None,
        });
        if let Some(blocks) = around {
            blocks.push(block);
        }
    }

    fn close(&mut self) {
        if self.frames.len() <= 1 {
            return;
        }
        match self.frames.pop() {
            Some(Frame::Blocks(Kind::Quote, blocks)) => self.block(Block::Quote(blocks)),
            Some(Frame::Blocks(kind, blocks)) => match (kind, self.frames.last_mut()) {
                (Kind::Item(number), Some(Frame::List(items))) => items.push(ListItem { number, blocks }),
                _ => blocks.into_iter().for_each(|block| self.block(block)),
            },
            Some(Frame::List(items)) => self.block(Block::List(items)),
            Some(Frame::Table(mut rows)) => {
                let head = if rows.is_empty() { vec![] } else { rows.remove(0) };
                self.block(Block::Table { head, rows });
            }
            Some(Frame::Row(cells)) => {
                if let Some(Frame::Table(rows)) = self.frames.last_mut() {
                    rows.push(cells);
                }
            }
            Some(Frame::Cell(content)) => {
                if let Some(Frame::Row(cells)) = self.frames.last_mut() {
                    cells.push(content);
                }
            }
            Some(Frame::Heading(content)) => self.block(Block::Heading(content)),
            Some(Frame::Paragraph(content)) => {
                if !content.is_empty() {
                    self.block(Block::Paragraph(content));
                }
            }
            Some(Frame::Code(code)) => self.block(Block::Code(code)),
            Some(Frame::Strong(content)) => self.inline(Inline::Strong(content)),
            Some(Frame::Emphasis(content)) => self.inline(Inline::Emphasis(content)),
            Some(Frame::Strike(content)) => self.inline(Inline::Strike(content)),
            Some(Frame::Link { url, content }) => match host(&url) {
                Some(host) => self.inline(Inline::Link { url, host, content }),
                // A link to an unsafe address becomes its words and its address, as text.
                None => {
                    content.into_iter().for_each(|inline| self.inline(inline));
                    self.inline(Inline::Text(format!(" ({url})")));
                }
            },
            Some(Frame::Through) | None => {}
        }
    }
}

/// Returns the number of a list item as it is written, `3.` or `3)`; empty for a bullet.
fn number(item: &str) -> String {
    let item = item.trim_start();
    let digits = item.bytes().take_while(u8::is_ascii_digit).count();
    match item.as_bytes().get(digits) {
        Some(b'.' | b')') if digits > 0 => item[..=digits].to_owned(),
        _ => String::new(),
    }
}

/// Returns the sign when a text begins with it.
fn marker(text: &str, sign: &str) -> Vec<Inline> {
    if text.starts_with(sign) { vec![Inline::Text(sign.to_owned())] } else { vec![] }
}
