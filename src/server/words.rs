//! Words, as search knows them: without case, accents and marks, alike in what is written and in what is asked. What has
//! no spaces between its words, as Chinese, Japanese and Thai, is known letter by letter; asked for, such letters are
//! found next to each other, so that any part of such a text finds it.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// How many words of one text are known, and how many letters of one word. Together, at four bytes a letter, they stay
/// below the mebibyte that PostgreSQL takes of one text.
const MOST_WORDS: usize = 6_000;
const MOST_LETTERS: usize = 32;
/// How many words may be asked for.
const MOST_ASKED: usize = 16;
/// How many letters a snippet shows before its first mark, and altogether.
const BEFORE: usize = 60;
const SNIPPET: usize = 240;

/// A word, and where in the text it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub folded: String,
    at: Range<usize>,
}

/// The words of a text, in their order.
pub fn words(text: &str) -> Vec<Word> {
    let (mut words, mut begun): (Vec<Word>, Option<(Word, usize)>) = (vec![], None);
    for (start, letter) in text.char_indices() {
        let end = start + letter.len_utf8();
        for folded in letter.to_lowercase().nfkd() {
            if let Some((word, letters)) = &mut begun
                && (is_combining_mark(folded) || folded.is_alphanumeric() && !stands_alone(folded))
            {
                word.at.end = end;
                if !is_combining_mark(folded) && *letters < MOST_LETTERS {
                    word.folded.push(folded);
                    *letters += 1;
                }
                continue;
            }
            words.extend(begun.take().map(|(word, _)| word));
            if words.len() >= MOST_WORDS {
                return words;
            }
            if folded.is_alphanumeric() {
                let word = Word { folded: folded.into(), at: start..end };
                match stands_alone(folded) {
                    true => words.push(word),
                    false => begun = Some((word, 1)),
                }
            }
        }
    }
    words.extend(begun.map(|(word, _)| word));
    words
}

/// Whether a letter is of a script that puts no spaces between words.
fn stands_alone(letter: char) -> bool {
    matches!(u32::from(letter),
        // Thai and Lao, Myanmar, Khmer
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF
        // Hiragana, Katakana, Bopomofo and the Han characters
        | 0x3040..=0x312F | 0x31A0..=0x31FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF
        | 0x20000..=0x3FFFF)
}

/// What is asked for: phrases, all of which one text must have. The last word may be the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked(Vec<Vec<String>>);

impl Asked {
    /// Reads what a person typed; none when it holds no word. Nothing in it is an operator: whatever is no letter and no
    /// digit only parts words.
    pub fn read(text: &str) -> Option<Self> {
        let mut left = MOST_ASKED;
        let phrases = text.split_whitespace().map(|typed| {
            let words: Vec<String> = words(typed).into_iter().map(|word| word.folded).take(left).collect();
            left -= words.len();
            words
        });
        let phrases: Vec<_> = phrases.filter(|phrase| !phrase.is_empty()).collect();
        (!phrases.is_empty()).then_some(Self(phrases))
    }

    /// As FTS5 takes it. Only letters and digits come between the quotes.
    pub fn fts5(&self) -> String {
        let phrases: Vec<String> = self.0.iter().map(|phrase| format!("\"{}\"", phrase.join(" "))).collect();
        phrases.join(" AND ") + " *"
    }

    /// As a `tsquery` is written, likewise.
    pub fn tsquery(&self) -> String {
        let phrase = |phrase: &Vec<String>| {
            let words: Vec<String> = phrase.iter().map(|word| format!("'{word}'")).collect();
            words.join(" <-> ")
        };
        let phrases: Vec<String> = self.0.iter().map(phrase).collect();
        phrases.join(" & ") + ":*"
    }

    /// Where in a text it is found.
    fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let words = words(text);
        let mut marks: Vec<Range<usize>> = vec![];
        for (nth, phrase) in self.0.iter().enumerate() {
            for there in words.windows(phrase.len()) {
                let is_last = |at: usize| nth + 1 == self.0.len() && at + 1 == phrase.len();
                let is = |(at, (word, asked)): (usize, (&Word, &String))| match is_last(at) {
                    true => word.folded.starts_with(asked.as_str()),
                    false => word.folded == *asked,
                };
                if there.iter().zip(phrase).enumerate().all(is) {
                    marks.push(there[0].at.start..there[there.len() - 1].at.end);
                }
            }
        }
        marks.sort_by_key(|mark| mark.start);
        let mut merged: Vec<Range<usize>> = vec![];
        for mark in marks {
            match merged.last_mut() {
                Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
                _ => merged.push(mark),
            }
        }
        merged
    }

    /// The part of a text around the first place where it is found, in pieces: each a run of text, and whether it is what
    /// was asked for.
    pub fn snippet(&self, text: &str) -> Vec<(String, bool)> {
        let marks = self.marks(text);
        let first = marks.first().map_or(0, |mark| mark.start);
        let start = text[..first].char_indices().rev().take(BEFORE).last().map_or(first, |(at, _)| at);
        let end = text[start..].char_indices().nth(SNIPPET).map_or(text.len(), |(at, _)| start + at);
        let mut pieces = vec![];
        let mut plain = |text: &str| {
            if !text.is_empty() {
                pieces.push((text.to_owned(), false));
            }
            pieces.len()
        };
        if start > 0 {
            plain("…");
        }
        let mut at = start;
        let mut marked = vec![];
        for mark in marks.into_iter().filter(|mark| mark.start < end) {
            let nth = plain(&text[at..mark.start]);
            at = mark.end.min(end);
            marked.push((nth, text[mark.start..at].to_owned()));
        }
        plain(&text[at..end]);
        if end < text.len() {
            plain("…");
        }
        // From behind, so that the places of those before stay right.
        marked.into_iter().rev().for_each(|(nth, text)| pieces.insert(nth, (text, true)));
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    fn marked(asked: &str, text: &str) -> Vec<String> {
        let pieces = Asked::read(asked).unwrap().snippet(text).into_iter();
        pieces.filter(|(_, is_marked)| *is_marked).map(|(text, _)| text).collect()
    }

    #[test]
    fn case_accents_and_forms_do_not_matter() {
        assert_eq!(folded("Crème BRÛLÉE, İstanbul"), ["creme", "brulee", "istanbul"]);
        assert_eq!(folded("e\u{301}te\u{301} ｆｕｌｌ ﬁne A-4721"), ["ete", "full", "fine", "a", "4721"]);
        assert_eq!(folded("東京タワーで a"), ["東", "京", "タ", "ワ", "ー", "て", "a"]);
        assert_eq!(folded("\0\"*()"), Vec::<String>::new());
        assert_eq!(folded(&"x".repeat(100)), ["x".repeat(MOST_LETTERS)]);
        assert_eq!(folded(&"x ".repeat(9_000)).len(), MOST_WORDS);
    }

    #[test]
    fn what_is_asked_holds_no_operator() {
        for hostile in ["\"", "*", "'", "NEAR(", "OR", "a:b", "-x", "a AND b", "\\", "$1", "(((", "' | 'x", "東京*"] {
            let Some(asked) = Asked::read(hostile) else { continue };
            for word in asked.0.iter().flatten() {
                assert!(word.chars().all(char::is_alphanumeric), "{word}");
            }
        }
        let asked = Asked::read("e-mail OR Ref").unwrap();
        assert_eq!(asked.fts5(), "\"e mail\" AND \"or\" AND \"ref\" *");
        assert_eq!(asked.tsquery(), "'e' <-> 'mail' & 'or' & 'ref':*");
        assert_eq!(Asked::read(" \" * "), None);
        assert_eq!(Asked::read(&"word ".repeat(50)).unwrap().0.len(), MOST_ASKED);
    }

    #[test]
    fn a_snippet_marks_what_was_asked_for() {
        assert_eq!(marked("creme bru", "Two crèmes? One CRÈME, brûlée."), ["CRÈME", "brûlée"]);
        assert_eq!(marked("京タ", "東京タワー"), ["京タ"]);
        assert_eq!(marked("charged twice", "charged twice; twice charged"), ["charged", "twice", "twice", "charged"]);
        let long = format!("{}needle{}", "hay ".repeat(200), " hay".repeat(200));
        let pieces = Asked::read("needle").unwrap().snippet(&long);
        let whole: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        assert!(whole.chars().count() <= SNIPPET + 2 && whole.starts_with('…') && whole.ends_with('…'), "{whole}");
        assert_eq!(Asked::read("x").unwrap().snippet(""), vec![]);
        // A text of which every piece is kept, marked or not.
        let pieces = Asked::read("a c").unwrap().snippet("a b c d");
        assert_eq!(pieces.iter().map(|(text, _)| text.as_str()).collect::<String>(), "a b c d");
    }
}
