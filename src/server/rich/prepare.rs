//! Prepares an agent's text for a Markdown parser: escapes what the parser would swallow, so that it stays text. A sign
//! at the beginning of a line is markup only before words: `- milk` is a list, `- 20 EUR` an amount.

use std::{collections::HashMap, ops::Range};

/// The most markers at the beginning of a line, and the most signs around a word, that are read.
const MOST_MARKERS: usize = 16;
/// The most bytes that a link may have.
const LONGEST_LINK: usize = 2_000;

/// A text prepared for a Markdown parser.
#[derive(Default)]
pub struct PreparedText {
    /// The text with escapes for what the parser would swallow.
    pub markdown: String,
    /// The signs that must be shown, in order. The others are markup that becomes a style.
    pub must_show: String,
}

impl PreparedText {
    /// Prepares a text: escapes what would be lost. Code stays as it is.
    pub fn new(text: &str) -> Self {
        let mut prepared = Self::default();
        let mut fence: Option<String> = None;
        let mut paragraph: Vec<&str> = vec![];
        let mut in_list = false;
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end_matches(['\n', '\r']);
            if let Some(sign) = &fence {
                let closes = after_markers(bare).trim().strip_prefix(sign.as_str());
                if closes.is_some_and(|rest| rest.trim_start_matches(&sign[..1]).is_empty()) {
                    fence = None;
                    prepared.markup(line);
                } else {
                    prepared.as_it_is(line);
                }
            } else if let Some(sign) = opened_fence(bare) {
                flush(&mut paragraph, in_list, &mut prepared);
                let info = line.find(&sign).map_or(0, |at| at + sign.len());
                prepared.markup(&line[..info]);
                // A parser also reads escapes and entities in the name of a language.
                line[info..].chars().for_each(|letter| prepared.sign(letter, matches!(letter, '\\' | '&')));
                fence = Some(sign);
            } else if bare.trim().is_empty() {
                flush(&mut paragraph, in_list, &mut prepared);
                prepared.markup(line);
            } else {
                if !bare.starts_with([' ', '\t']) {
                    in_list = list_marker(bare).is_some();
                } else {
                    in_list = in_list || list_marker(bare.trim_start()).is_some_and(|_| indent(bare) < 4);
                }
                // A marker begins a paragraph of its own.
                if list_marker(bare.trim_start()).is_some() || bare.trim_start().starts_with(['>', '#']) {
                    flush(&mut paragraph, in_list, &mut prepared);
                }
                paragraph.push(line);
            }
        }
        flush(&mut paragraph, in_list, &mut prepared);
        prepared
    }

    /// Returns whether the visible text has all that must be shown, in order.
    pub fn is_shown_by(&self, visible: &str) -> bool {
        let mut visible = visible.chars();
        self.must_show.chars().filter(|it| !it.is_whitespace()).all(|it| visible.any(|shown| shown == it))
    }

    fn markup(&mut self, text: &str) {
        self.markdown.push_str(text);
    }

    fn as_it_is(&mut self, text: &str) {
        self.markdown.push_str(text);
        self.must_show.push_str(text);
    }

    fn sign(&mut self, letter: char, escape: bool) {
        if escape {
            self.markdown.push('\\');
        }
        self.markdown.push(letter);
        self.must_show.push(letter);
    }
}

/// Returns the backticks or tildes that begin a block of code.
fn opened_fence(line: &str) -> Option<String> {
    let line = after_markers(line);
    let sign = line.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
    let length = line.chars().take_while(|it| *it == sign).count();
    let info = &line[length..];
    (length >= 3 && !(sign == '`' && info.contains('`'))).then(|| line[..length].to_owned())
}

/// Returns the text after the markers of quotes and lists at the beginning of a line.
fn after_markers(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some(next) = rest.strip_prefix('>').or_else(|| list_marker(rest).map(|marker| &rest[marker.end..])) {
        rest = next.trim_start();
    }
    rest
}

/// Returns the marker of a list at the beginning of a line, with the blank after it.
fn list_marker(line: &str) -> Option<Range<usize>> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let end = match line.as_bytes().get(digits) {
        Some(b'-' | b'+' | b'*') if digits == 0 => 1,
        Some(b'.' | b')') if (1..=9).contains(&digits) => digits + 1,
        _ => return None,
    };
    line[end..].starts_with([' ', '\t']).then_some(0..end + 1)
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|it| matches!(it, ' ' | '\t')).map(|it| if it == '\t' { 4 } else { 1 }).sum()
}

/// Returns whether words follow, perhaps emphasised, quoted or linked. Only then is a marker before them markup.
fn begins_with_words(text: &str) -> bool {
    let text = text.trim_start_matches([' ', '\t', '*', '_', '~', '`', '[', '(', '"', '\'', '“', '„', '«', '‘']);
    text.chars().next().is_some_and(|first| {
        first.is_alphabetic() || (!first.is_ascii() && !first.is_alphanumeric() && !is_sign(first))
    })
}

/// Returns whether a sign belongs to the amount after it.
fn is_sign(letter: char) -> bool {
    "€£¥¢₹₽₩₺₿−–—±×÷≤≥≈≠§°".contains(letter)
}

/// Writes the lines of what may be one paragraph, in which code and emphasis may span several lines.
fn flush(lines: &mut Vec<&str>, in_list: bool, prepared: &mut PreparedText) {
    let text: String = lines.concat();
    let code = code_spans(&text);
    let is_table = lines.len() > 1 && lines.iter().any(|line| is_delimiter_row(line));
    let mut at = 0;
    for line in lines.drain(..) {
        write_line(&text, at..at + line.len(), &code, in_list, is_table, prepared);
        at += line.len();
    }
}

/// Returns whether a line is the one under the head of a table: `|---|:--:|`.
fn is_delimiter_row(line: &str) -> bool {
    line.contains('|') && line.contains('-') && line.trim().chars().all(|it| matches!(it, '|' | '-' | ':' | ' '))
}

/// Returns the spans of code between runs of equally many backticks, each with the length of these runs.
fn code_spans(text: &str) -> Vec<(Range<usize>, usize)> {
    let mut runs: Vec<Range<usize>> = vec![];
    for (at, _) in text.match_indices('`') {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    // Finds the next run of each length from the end, so that many runs cost no more than one pass.
    let mut next: HashMap<usize, usize> = HashMap::new();
    let mut closes = vec![None; runs.len()];
    for (i, run) in runs.iter().enumerate().rev() {
        closes[i] = next.insert(run.len(), i);
    }
    let mut spans = vec![];
    let mut i = 0;
    while i < runs.len() {
        match closes[i] {
            Some(close) => {
                spans.push((runs[i].start..runs[close].end, runs[i].len()));
                i = close + 1;
            }
            None => i += 1,
        }
    }
    spans
}

fn write_line(
    text: &str,
    line: Range<usize>,
    code: &[(Range<usize>, usize)],
    in_list: bool,
    is_table: bool,
    to: &mut PreparedText,
) {
    let whole = &text[line.clone()];
    let bare = whole.trim_end();
    // Four blanks would make a code block of the line.
    let blanks = whole.len() - whole.trim_start_matches([' ', '\t']).len();
    to.markup(if !in_list && indent(whole) >= 4 { "   " } else { &whole[..blanks] });
    let mut at = line.start + blanks;
    if is_table && is_delimiter_row(bare) {
        return to.markup(&text[at..line.end]);
    }
    // Rules and underlines of headings are shown as signs.
    let is_rule = |sign: char| bare.trim_start().chars().all(|it| it == sign || it == ' ' || it == '\t');
    if ['-', '*', '_', '='].into_iter().any(is_rule) {
        return text[at..line.end].chars().for_each(|letter| to.sign(letter, letter.is_ascii_punctuation()));
    }
    let markers = &text[at..at + shown_markers(&text[at..line.end])];
    match markers.as_bytes().first() {
        Some(b'0'..=b'9') => to.as_it_is(markers),
        _ => to.markup(markers),
    }
    at += markers.len();
    let rest = &text[at..line.end];
    // The position of a sign that is no marker here.
    let mut literal = match list_marker(rest) {
        _ if rest.starts_with(['#', '>', '-', '+', '=']) => Some(at),
        Some(marker) if rest.as_bytes()[0].is_ascii_digit() => Some(at + marker.end - 2),
        _ => None,
    };
    let closing = closing_signs(bare, line.start);
    // Each run of one sign is judged only once.
    let mut run = (at..at, false);
    // The range of a link's words, and the end of its address.
    let mut link: Option<(Range<usize>, usize)> = None;
    for (offset, letter) in text[at..line.end].char_indices() {
        let here = at + offset;
        let span = code.partition_point(|(span, _)| span.end <= here);
        if let Some((span, fence)) = code.get(span).filter(|(span, _)| span.start <= here) {
            let is_fence = here < span.start + fence || here >= span.end - fence;
            if is_fence {
                to.markup("`")
            } else {
                to.as_it_is(letter.encode_utf8(&mut [0; 4]))
            }
            continue;
        }
        if matches!(letter, '*' | '_') && !run.0.contains(&here) {
            let length = text[here..line.end].len() - text[here..line.end].trim_start_matches(letter).len();
            // Within a link, its bracket ends the words.
            let words =
                link.as_ref().filter(|(words, _)| words.contains(&here)).map_or(text.len(), |(words, _)| words.end);
            run = (here..here + length, is_at_word_boundary(&text[..words], here..here + length));
        }
        if letter == '[' && link.as_ref().is_none_or(|(_, end)| *end < here) {
            link = link_at(&text[here..line.end]).map(|(words, end)| (here..here + words, here + end));
            if link.is_some() {
                to.markup("[");
                continue;
            }
        }
        if link.as_ref().is_some_and(|(words, end)| (words.end..words.end + 2).contains(&here) || *end == here) {
            to.markup(letter.encode_utf8(&mut [0; 4]));
            continue;
        }
        let is_strike = letter == '~' && (text[here..].starts_with("~~") || text[..here].ends_with('~'));
        if (letter == '*' && run.1 && run.0.len() > 1) || is_strike || (letter == '|' && is_table) {
            to.markup(letter.encode_utf8(&mut [0; 4]));
            continue;
        }
        let escape = match letter {
            '\\' | '&' | '<' | '`' | '[' | '~' | '|' => true,
            '!' => text[here..].starts_with("!["),
            '*' | '_' => !run.1,
            '#' => closing.contains(&here),
            _ => false,
        };
        to.sign(letter, escape || literal.take_if(|literal| *literal == here).is_some());
    }
}

/// Returns the length of the markers at the beginning of a line that are shown in their visible form.
fn shown_markers(text: &str) -> usize {
    if let Some(marker) = list_marker(text).filter(|_| text.as_bytes()[0].is_ascii_digit()) {
        // A number is shown as it is written, whatever follows.
        return if text[marker.end..].trim().is_empty() { 0 } else { marker.end };
    }
    let mut end = 0;
    for _ in 0..MOST_MARKERS {
        let Some(marker) = bullet_quote_or_heading(&text[end..]) else { break };
        end += marker;
    }
    if begins_with_words(&text[end..]) || text[..end].trim_end() == ">" && text[end..].trim().is_empty() {
        end
    } else {
        0
    }
}

fn bullet_quote_or_heading(text: &str) -> Option<usize> {
    let level = text.bytes().take_while(|it| *it == b'#').count();
    let end = match text.as_bytes().first()? {
        b'#' if level <= 6 && text[level..].starts_with(' ') => level + 1,
        b'>' if text.starts_with("> ") => 2,
        // An empty line within a quote.
        b'>' if text.trim_end() == ">" => return Some(1),
        b'-' | b'+' | b'*' => list_marker(text)?.end,
        _ => return None,
    };
    Some(end + text[end..].bytes().take_while(|it| *it == b' ').count().min(3))
}

/// Returns the range of the signs after a heading, which a parser would take for its end.
fn closing_signs(line: &str, start: usize) -> Range<usize> {
    let kept = line.trim_end_matches('#').len();
    start + kept..start + line.len()
}

/// Parses `[words](address)` at the beginning of a text, on one line. Returns the end of the words and that of the
/// address.
fn link_at(text: &str) -> Option<(usize, usize)> {
    // Words contain no bracket, and an address no blank and no parenthesis, so the next such sign decides.
    let close = 1 + text[1..].find(['[', ']'])?;
    let address = text[close..].strip_prefix("](")?;
    let length = address.find(|it: char| matches!(it, '(' | ')') || it.is_whitespace())?;
    let end = close + 2 + length;
    let is_link = end <= LONGEST_LINK && text[end..].starts_with(')') && !text[1..close].trim().is_empty();
    (is_link && is_address(&address[..length])).then_some((close, end))
}

fn is_address(text: &str) -> bool {
    !text.is_empty() && !text.contains(|it: char| it.is_whitespace() || matches!(it, '<' | '>' | '"' | '('))
}

/// Returns whether a run of signs stands at the beginning or the end of a word, seen from outside.
fn is_at_word_boundary(text: &str, run: Range<usize>) -> bool {
    const AROUND: [char; 24] = [
        '"', '\'', '(', ')', '[', ']', '{', '}', '.', ',', ';', ':', '!', '?', '…', '“', '”', '„', '‘', '’', '|', '*',
        '_', '~',
    ];
    let (before, after) = (&text[..run.start], &text[run.end..]);
    // Dashes, and the letters and signs of scripts without blanks, also count as outside of a word.
    let ends_word = |it: char| {
        it.is_whitespace()
            || matches!(it, '—' | '–' | '\u{3000}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{FF00}'..='\u{FFEF}')
    };
    let is_outside = |letter: Option<char>| letter.is_none_or(ends_word);
    let is_inside = |letter: Option<char>| letter.is_some_and(|it| !it.is_whitespace());
    let outside_before = before.chars().rev().take(MOST_MARKERS).find(|it| !AROUND.contains(it));
    let outside_after = after.chars().take(MOST_MARKERS).find(|it| !AROUND.contains(it));
    (is_outside(outside_before) && is_inside(after.chars().next()))
        || (is_outside(outside_after) && is_inside(before.chars().next_back()))
}
