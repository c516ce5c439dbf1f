//! What people and models write, parsed into blocks: Markdown's events become data, never HTML.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, TextMergeStream};

use crate::domain::{
    message::Message,
    rich::{Block, Inline},
    thread::Shown,
};

/// Nesting deeper than this is shown as plain text: no honest message needs it.
const DEEPEST: usize = 16;
/// How many characters are parsed; the rest is shown as it is. As many as a message said here may have.
const MOST_PARSED: usize = 32_000;

/// A message with its text parsed.
pub fn shown(message: Message) -> Shown {
    Shown { blocks: blocks(message.text.as_deref().unwrap_or_default()), message }
}

/// Parses a text. Raw HTML stays the text that it is, images become links, headings and tables become paragraphs.
pub fn blocks(text: &str) -> Vec<Block> {
    let end = text.char_indices().nth(MOST_PARSED).map_or(text.len(), |(end, _)| end);
    let (text, rest) = text.split_at(end);
    let mut blocks = parsed(text);
    if !rest.is_empty() {
        blocks.push(Block::Paragraph(vec![Inline::Text(rest.to_owned())]));
    }
    blocks
}

fn parsed(text: &str) -> Vec<Block> {
    let mut reader = Reader { frames: vec![Frame::Blocks(Kind::Root, vec![])], beyond: 0 };
    for event in TextMergeStream::new(Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH)) {
        reader.read(event);
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
    Item,
}

enum Frame {
    Blocks(Kind, Vec<Block>),
    List {
        ordered: bool,
        items: Vec<Vec<Block>>,
    },
    Paragraph(Vec<Inline>),
    Code(String),
    Strong(Vec<Inline>),
    Emphasis(Vec<Inline>),
    Link {
        url: String,
        content: Vec<Inline>,
    },
    /// A construct that is not drawn; its content goes to what is around it.
    Through,
}

struct Reader {
    frames: Vec<Frame>,
    /// How many constructs are open that are nested too deep to be drawn.
    beyond: usize,
}

impl Reader {
    fn read(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.open(tag),
            Event::End(end) => self.end(end),
            Event::Text(text) => self.text(&text),
            Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(code) => self.inline(Inline::Code(code.into_string())),
            Event::SoftBreak | Event::HardBreak => self.inline(Inline::Break),
            Event::Rule => {}
            Event::FootnoteReference(name) => self.text(&name),
            Event::TaskListMarker(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
    }

    fn open(&mut self, tag: Tag<'_>) {
        if self.frames.len() > DEEPEST || self.beyond > 0 {
            self.beyond += 1;
            return;
        }
        if !matches!(tag, Tag::Strong | Tag::Emphasis | Tag::Link { .. } | Tag::Image { .. } | Tag::Strikethrough) {
            self.end_loose_paragraph();
        }
        let frame = match tag {
            Tag::Paragraph | Tag::Heading { .. } | Tag::HtmlBlock | Tag::TableRow | Tag::TableHead => {
                Frame::Paragraph(vec![])
            }
            Tag::BlockQuote(_) => Frame::Blocks(Kind::Quote, vec![]),
            Tag::CodeBlock(_) => Frame::Code(String::new()),
            Tag::List(start) => Frame::List { ordered: start.is_some(), items: vec![] },
            Tag::Item => Frame::Blocks(Kind::Item, vec![]),
            Tag::Strong => Frame::Strong(vec![]),
            Tag::Emphasis => Frame::Emphasis(vec![]),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                Frame::Link { url: dest_url.into_string(), content: vec![] }
            }
            _ => Frame::Through,
        };
        if matches!(frame, Frame::Strong(_) | Frame::Emphasis(_) | Frame::Link { .. }) {
            self.begin_loose_paragraph();
        }
        self.frames.push(frame);
    }

    fn end(&mut self, end: TagEnd) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        if matches!(end, TagEnd::Item | TagEnd::BlockQuote(_)) {
            self.end_loose_paragraph();
        }
        self.close();
    }

    /// A tight list item has text without a paragraph around it; give it one.
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
        match self.frames.iter_mut().rev().find(|frame| !matches!(frame, Frame::Through)) {
            Some(Frame::Code(code)) => code.push_str(text),
            _ => self.inline(Inline::Text(text.to_owned())),
        }
    }

    fn inline(&mut self, inline: Inline) {
        self.begin_loose_paragraph();
        let around = self.frames.iter_mut().rev().find(|frame| !matches!(frame, Frame::Through));
        match around {
            Some(
                Frame::Paragraph(content)
                | Frame::Strong(content)
                | Frame::Emphasis(content)
                | Frame::Link { content, .. },
            ) => content.push(inline),
            Some(Frame::Blocks(_, blocks)) => blocks.push(Block::Paragraph(vec![inline])),
            Some(Frame::List { items, .. }) => items.push(vec![Block::Paragraph(vec![inline])]),
            Some(Frame::Code(_) | Frame::Through) | None => {}
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
            Some(Frame::Blocks(_, blocks)) => match self.frames.last_mut() {
                Some(Frame::List { items, .. }) => items.push(blocks),
                _ => blocks.into_iter().for_each(|block| self.block(block)),
            },
            Some(Frame::List { ordered, items }) => self.block(Block::List { ordered, items }),
            Some(Frame::Paragraph(content)) => {
                if !content.is_empty() {
                    self.block(Block::Paragraph(content));
                }
            }
            Some(Frame::Code(code)) => self.block(Block::Code(code)),
            Some(Frame::Strong(content)) => self.inline(Inline::Strong(content)),
            Some(Frame::Emphasis(content)) => self.inline(Inline::Emphasis(content)),
            Some(Frame::Link { url, content }) => match host(&url) {
                Some(host) => self.inline(Inline::Link { url, host, content }),
                // A link that leads nowhere safe is its words and its address, as text.
                None => {
                    content.into_iter().for_each(|inline| self.inline(inline));
                    self.inline(Inline::Text(format!(" ({url})")));
                }
            },
            Some(Frame::Through) | None => {}
        }
    }
}

/// Where a link leads, for the schemes that may be followed.
fn host(url: &str) -> Option<String> {
    if let Some(address) = url.strip_prefix("mailto:") {
        return Some(address.split('?').next().unwrap_or(address).to_owned());
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Inline {
        Inline::Text(text.to_owned())
    }

    #[test]
    fn markdown_becomes_blocks() {
        let read = blocks("Hello **Dana**\n\n- one\n- `two`\n\n> so\n\n```\nx < y\n```");
        assert_eq!(
            read,
            vec![
                Block::Paragraph(vec![text("Hello "), Inline::Strong(vec![text("Dana")])]),
                Block::List {
                    ordered: false,
                    items: vec![
                        vec![Block::Paragraph(vec![text("one")])],
                        vec![Block::Paragraph(vec![Inline::Code("two".into())])],
                    ],
                },
                Block::Quote(vec![Block::Paragraph(vec![text("so")])]),
                Block::Code("x < y\n".into()),
            ]
        );
    }

    #[test]
    fn html_stays_text_and_links_show_where_they_lead() {
        assert_eq!(blocks("<b>x</b>"), vec![Block::Paragraph(vec![text("<b>"), text("x"), text("</b>")])]);
        let read = blocks("[bank](https://bank.example@evil.example/x)");
        let link = Inline::Link {
            url: "https://bank.example@evil.example/x".into(),
            host: "evil.example".into(),
            content: vec![text("bank")],
        };
        assert_eq!(read, vec![Block::Paragraph(vec![link])]);
        let read = blocks("[x](javascript:alert(1)) ![p](https://img.example/p.png)");
        let Some(Block::Paragraph(content)) = read.first() else { panic!("{read:?}") };
        assert!(content.contains(&text(" (javascript:alert(1))")), "{content:?}");
        assert!(content.iter().any(|it| matches!(it, Inline::Link { host, .. } if host == "img.example")));
    }

    /// How many blocks and inlines there are.
    fn size(blocks: &[Block]) -> usize {
        let within = |block: &Block| match block {
            Block::Paragraph(content) => inlines(content),
            Block::List { items, .. } => items.iter().map(|item| size(item)).sum(),
            Block::Quote(blocks) => size(blocks),
            Block::Code(_) => 0,
        };
        blocks.iter().map(|block| 1 + within(block)).sum()
    }

    fn inlines(content: &[Inline]) -> usize {
        let within = |inline: &Inline| match inline {
            Inline::Strong(content) | Inline::Emphasis(content) | Inline::Link { content, .. } => inlines(content),
            Inline::Text(_) | Inline::Code(_) | Inline::Break => 0,
        };
        content.iter().map(|inline| 1 + within(inline)).sum()
    }

    #[test]
    fn what_costs_much_to_nest_makes_few_blocks() {
        for (hostile, most) in [
            (">".repeat(150_000), 100),
            ("`".repeat(150_000), 100),
            (format!("{}x", "> ".repeat(75_000)), 100),
            ("*a ".repeat(50_000), 100),
            ("- ".repeat(75_000), 100),
            ("[".repeat(150_000), 100),
            ("a\n".repeat(75_000), 40_000),
        ] {
            let read = blocks(&hostile);
            let pieces = size(&read);
            assert!(pieces < most, "{}: {pieces} pieces", &hostile[..4]);
            let Some(Block::Paragraph(last)) = read.last() else { panic!("the rest of {} is lost", &hostile[..4]) };
            let [Inline::Text(rest)] = &last[..] else { panic!("{last:?}") };
            assert_eq!(rest.len(), hostile.len() - MOST_PARSED);
        }
        assert_eq!(blocks(&"ä".repeat(MOST_PARSED + 1)).len(), 2);
    }

    #[test]
    fn what_is_too_deep_ends_where_it_ends() {
        let read = blocks(&format!("{}deep\n\nafter **it**", "> ".repeat(40)));
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!(read[1], Block::Paragraph(vec![text("after "), Inline::Strong(vec![text("it")])]));
        assert!(format!("{:?}", read[0]).contains("deep"));
    }

    #[test]
    fn a_quote_in_a_list_stays_after_what_introduces_it() {
        let item = vec![Block::Paragraph(vec![text("a")]), Block::Quote(vec![Block::Paragraph(vec![text("q")])])];
        assert_eq!(blocks("- a\n  > q"), vec![Block::List { ordered: false, items: vec![item] }]);
    }

    #[test]
    fn any_depth_is_read() {
        let read = blocks(&">".repeat(5_000));
        assert!(!format!("{read:?}").is_empty());
        assert!(!blocks(&format!("{}x", "> ".repeat(200))).is_empty());
    }
}
