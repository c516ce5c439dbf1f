//! Tests that every letter, digit and sign of a text is shown, and that only markup that becomes a visible style
//! vanishes.

use std::{fs, path::Path};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::{ids::MessageId, rich::ListItem};

fn said(role: MessageRole, text: &str) -> Vec<Block> {
    let id = MessageId::new(Uuid::from_u128(1));
    shown(Message { text: Some(text.to_owned()), ..Message::empty(id, 0, role) }).blocks
}

fn read(text: &str) -> Vec<Block> {
    said(MessageRole::Agent, text)
}

/// Returns the text that is shown, with each run of blanks and line breaks as one blank.
fn shown_text(role: MessageRole, text: &str) -> String {
    visible_text(&said(role, text)).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text(text: &str) -> Inline {
    Inline::Text(text.to_owned())
}

fn paragraph(words: &str) -> Block {
    Block::Paragraph(vec![text(words)])
}

/// Returns whether every letter and digit of a text is shown, in order.
fn keeps_words(text: &str, visible: &str) -> bool {
    let mut visible = visible.chars();
    text.chars().filter(|it| it.is_alphanumeric()).all(|it| visible.any(|shown| shown == it))
}

/// Returns the first sign of a text that its blocks do not show, in order. Signs that markup may turn into a style are
/// skipped.
fn lost(source: &str, visible: &str) -> Option<char> {
    let may_vanish = |it: char| "*`~[]()#>+-|:".contains(it);
    let mut visible = visible.chars().filter(|it| !it.is_whitespace()).peekable();
    for letter in source.chars().filter(|it| !it.is_whitespace()) {
        let mut ahead = visible.clone();
        match ahead.any(|it| it == letter) {
            // A sign that markup may take away is compared with the next visible sign only.
            true if !may_vanish(letter) || visible.peek() == Some(&letter) => visible = ahead,
            true => {}
            false if may_vanish(letter) => {}
            false => return Some(letter),
        }
    }
    None
}

#[test]
fn an_agents_words_look_as_they_were_meant() {
    let read = read(
        "Hello **Dana**\n\n- one\n- `two`\n\n> so\n\n```js\nx < y\n```\n\n## Next\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    );
    let item = |content| ListItem { number: String::new(), blocks: vec![Block::Paragraph(content)] };
    let cell = |words: &str| vec![text(words)];
    assert_eq!(
        read,
        vec![
            Block::Paragraph(vec![text("Hello "), Inline::Strong(vec![text("Dana")])]),
            Block::List(vec![item(vec![text("one")]), item(vec![Inline::Code("two".into())])]),
            Block::Quote(vec![paragraph("so")]),
            paragraph("js"),
            Block::Code("x < y\n".into()),
            Block::Heading(vec![text("Next")]),
            Block::Table { head: vec![cell("a"), cell("b")], rows: vec![vec![cell("1"), cell("2")]] },
        ]
    );
}

#[test]
fn nothing_of_these_is_lost() {
    for (written, expected) in [
        ("3. three", "3. three"),
        ("10. Dezember", "10. Dezember"),
        ("2. yes\n4. no", "2. yes 4. no"),
        ("1. a\n\nbetween\n\n2. b", "1. a between 2. b"),
        ("1) a\n2) b", "1) a 2) b"),
        ("[Note]: broken", "[Note]: broken"),
        ("[Note]: https://example.com \"x\"", "[Note]: https://example.com example.com \"x\""),
        ("2*3*4=24", "2*3*4=24"),
        ("a * b * c", "a * b * c"),
        (r"\\server\share\_docs", r"\\server\share\_docs"),
        (r"C:\temp\*.txt costs \$5", r"C:\temp\*.txt costs \$5"),
        ("_track_ and __init__.py", "_track_ and __init__.py"),
        ("snake_case_name *starred*", "snake_case_name *starred*"),
        ("+ 49 170 1234567", "+ 49 170 1234567"),
        ("# 4721", "# 4721"),
        ("#hash", "#hash"),
        ("> 100 EUR", "> 100 EUR"),
        (">100", ">100"),
        ("- 20 EUR", "- 20 EUR"),
        ("- €20 back", "- €20 back"),
        ("* 5 stars", "* 5 stars"),
        ("- (20 EUR)", "- (20 EUR)"),
        ("~~99 EUR~~ 79 EUR", "99 EUR 79 EUR"),
        ("~5 min ~ 6 min", "~5 min ~ 6 min"),
        ("    four blanks", "four blanks"),
        ("AT&amp;T &lt;b&gt; &copy;", "AT&amp;T &lt;b&gt; &copy;"),
        ("<dana@example.com>", "<dana@example.com>"),
        ("<b>x</b> <!-- y --> <https://example.com/>", "<b>x</b> <!-- y --> <https://example.com/ example.com>"),
        ("Title\n---\ntext\n===", "Title --- text ==="),
        ("a\n\n---\n\nb\n\n* * *", "a --- b * * *"),
        ("# C# and F#", "C# and F#"),
        ("# Closing ##", "Closing ##"),
        ("```\n# 1\n- 2 \\_ &amp;\n```", "# 1 - 2 \\_ &amp;"),
        ("an `un closed\n- 20 EUR` b", "an `un closed - 20 EUR` b"),
        ("`a\\_b` and `c", "a\\_b and `c"),
        ("![chart](https://example.com/c.png)", "!chart example.com https://example.com/c.png"),
        ("[bank](https://bank.example@evil.example/x)", "bank evil.example https://bank.example@evil.example/x"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[a](b)", "a (b)"),
        ("| a | b |\n|---|---|\n| 1 | 2 | 3 |", "| a | b | |---|---| | 1 | 2 | 3 |"),
        ("x | y", "x | y"),
        ("1.", "1."),
        ("-", "-"),
        ("**", "**"),
        ("- Steps:\n\n      run AT&T_x & co", "- Steps: run AT&T_x & co"),
        ("`a\n---\nb`", "`a --- b`"),
        ("> a\n>\n> b", "a b"),
        (
            "**Pro**—best, 请**务必**检查, [**Click** here](https://x.example)",
            "Pro—best, 请务必检查, Click here x.example https://x.example",
        ),
        ("a^2 {b} $5 100% @x ;-) :) =/", "a^2 {b} $5 100% @x ;-) :) =/"),
    ] {
        assert_eq!(shown_text(MessageRole::Agent, written), expected, "{written}");
    }
}

#[test]
fn a_link_has_no_link_within() {
    let read = read("[~~https://bank.example~~](https://evil.example)");
    let strike = Inline::Strike(vec![text("https://bank.example")]);
    let link = Inline::Link { url: "https://evil.example".into(), host: "evil.example".into(), content: vec![strike] };
    assert_eq!(read, vec![Block::Paragraph(vec![link])]);
}

#[test]
fn people_are_shown_as_they_typed() {
    let typed = "**no** _bold_\n\n  - 20 EUR\n1. x # y <b> &amp; `c`";
    for role in [MessageRole::Customer, MessageRole::Operator, MessageRole::System] {
        let content = match said(role, typed).remove(0) {
            Block::Paragraph(content) => content,
            other => panic!("{other:?}"),
        };
        let lines = [text("**no** _bold_"), Inline::Break, Inline::Break, text("  - 20 EUR"), Inline::Break];
        assert_eq!(content, lines.into_iter().chain([text("1. x # y <b> &amp; `c`")]).collect::<Vec<_>>());
    }
    let content = said(MessageRole::Customer, "see https://a.example/x_y, or <dana@example.com>.");
    let link = |url: &str, host: &str, words: &str| Inline::Link {
        url: url.into(),
        host: host.into(),
        content: vec![text(words)],
    };
    assert_eq!(
        content,
        vec![Block::Paragraph(vec![
            text("see "),
            link("https://a.example/x_y", "a.example", "https://a.example/x_y"),
            text(", or <"),
            link("mailto:dana@example.com", "", "dana@example.com"),
            text(">."),
        ])]
    );
    assert_eq!(shown_text(MessageRole::Customer, "ftp://x.example javascript://x"), "ftp://x.example javascript://x");
}

/// Tests real lines: those of this project, which hold code, Markdown, JSON, SQL and prose. Each line is tried alone,
/// and with the ones after it.
#[test]
fn nothing_of_real_lines_is_lost() {
    fn gather(folder: &Path, lines: &mut Vec<String>) {
        let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                gather(&path, lines);
            } else if let Ok(text) = fs::read_to_string(&path) {
                lines.extend(
                    text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.chars().take(500).collect()),
                );
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lines = vec![];
    for name in ["README.md", "ARCHITECTURE.md"] {
        lines.extend(fs::read_to_string(root.join(name)).unwrap().lines().map(str::to_owned));
    }
    for folder in ["src/server", "style", "migrations", "examples", "end2end/stories", "bin"] {
        gather(&root.join(folder), &mut lines);
    }
    assert!(lines.len() > 5_000, "{}", lines.len());
    for (i, line) in lines.iter().enumerate() {
        let several = lines[i..(i + 6).min(lines.len())].join("\n");
        for tried in [line, &several] {
            for role in [MessageRole::Agent, MessageRole::Customer] {
                let visible = visible_text(&said(role, tried));
                assert_eq!(lost(tried, &visible), None, "{tried}\n=>\n{visible}");
                assert!(keeps_words(tried, &visible), "{tried}\n=>\n{visible}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_generated_texts_is_lost(pieces in prop::collection::vec(prop_oneof![
        "[a-z]{1,4}", "[0-9]{1,3}", "[-+*>#=_~`|\\[\\]()<>&!.,:;\\\\]{1,4}", "[ ]{1,5}", Just("\n".to_owned()),
        Just("\n\n".to_owned()), Just("- ".to_owned()), Just("1. ".to_owned()), Just("> ".to_owned()), Just("**".to_owned()),
        Just("```".to_owned()), Just("[a](https://b.example)".to_owned()), Just("&amp;".to_owned()), Just("Ł€ß".to_owned()),
    ], 0..24)) {
        let written = pieces.concat();
        let visible = visible_text(&read(&written));
        prop_assert_eq!(lost(&written, &visible), None, "{}\n=>\n{}", written, visible);
        let escapes = |text: &str| text.matches('\\').count();
        prop_assert!(escapes(&visible) <= escapes(&written), "{}\n=>\n{}", written, visible);
    }
}

/// Returns the number of blocks and inlines.
fn size_of_blocks(blocks: &[Block]) -> usize {
    let within = |block: &Block| match block {
        Block::Paragraph(content) | Block::Heading(content) => inlines(content),
        Block::List(items) => items.iter().map(|item| size_of_blocks(&item.blocks)).sum(),
        Block::Quote(blocks) => size_of_blocks(blocks),
        Block::Code(_) => 0,
        Block::Table { head, rows } => [head].into_iter().chain(rows).flatten().map(|cell| inlines(cell)).sum(),
    };
    blocks.iter().map(|block| 1 + within(block)).sum()
}

fn inlines(content: &[Inline]) -> usize {
    let within = |inline: &Inline| match inline {
        Inline::Strong(content)
        | Inline::Emphasis(content)
        | Inline::Strike(content)
        | Inline::Link { content, .. } => inlines(content),
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
        ("*".repeat(150_000), 100),
        ("a\n".repeat(75_000), 2_000),
        ("- a\n".repeat(40_000), 2_000),
        ("https://a.example ".repeat(8_000), 2_000),
    ] {
        let read = read(&hostile);
        let pieces = size_of_blocks(&read);
        assert!(pieces < most, "{}: {pieces} pieces", &hostile[..4]);
    }
}

#[test]
fn any_depth_is_read() {
    for deep in
        [">".repeat(5_000), format!("{}x", "> ".repeat(200)), format!("{}deep\n\nafter **it**", "> ".repeat(40))]
    {
        let visible = visible_text(&read(&deep));
        assert!(keeps_words(&deep, &visible), "{visible}");
    }
}

#[test]
fn a_message_has_few_pieces_whoever_wrote_it() {
    for role in [MessageRole::Customer, MessageRole::Agent, MessageRole::System] {
        for text in ["- a\n".repeat(8_000), "a\u{200B}".repeat(8_000), "http://a.b ".repeat(3_000), "|a".repeat(8_000)]
        {
            let blocks = said(role, &text);
            let plain = pieces(&[Block::Paragraph(vec![Inline::Text(text.chars().take(MOST_SHOWN).collect())])]);
            assert!(pieces(&blocks) <= MOST_PIECES + plain, "{role:?} {}", &text[..8]);
            assert!(size_of_blocks(&blocks) <= MOST_PIECES, "{role:?} {}", &text[..8]);
        }
    }
}
