//! Parses search queries, writes them for the databases, and finds their matches in a text.

use std::ops::Range;

use super::{MOST_LETTERS, MOST_PARTS, Word, joined_compounds, words};

/// The most words of a query.
const MOST_ASKED: usize = 16;
/// How many characters a snippet shows before its first match, and altogether.
const BEFORE: usize = 60;
const SNIPPET: usize = 240;

/// A part of a query: a word or a compound. A text matches if it has all the phrases, or the joined word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// A phrase for each run of characters without a blank: `+49 170 123` has three, `A-4721` one of two words.
    phrases: Vec<Vec<String>>,
    /// All phrases as one word, if they are parts of one compound.
    joined: Option<String>,
}

/// A query: terms that a text must all match. The last word may be a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchTerms(Vec<Term>);

impl SearchTerms {
    /// Parses the text that a person typed. Returns `None` if it holds no word. There are no query operators: all other
    /// characters than letters and digits only separate words.
    pub fn read(text: &str) -> Option<Self> {
        let mut words = words(text);
        words.truncate(MOST_ASKED);
        let mut terms: Vec<Term> = vec![];
        let mut end = 0;
        for word in words {
            let is_apart = text.get(end..word.at.start).is_some_and(|gap| gap.contains(char::is_whitespace));
            end = word.at.end;
            match terms.last_mut() {
                Some(term) if !is_apart || word.continues => {
                    let joined = term.joined.take().filter(|_| word.continues);
                    term.joined = joined.map(|joined| joined + &word.folded);
                    match term.phrases.last_mut() {
                        Some(phrase) if !is_apart => phrase.push(word.folded),
                        _ => term.phrases.push(vec![word.folded]),
                    }
                }
                _ => terms.push(Term { joined: Some(word.folded.clone()), phrases: vec![vec![word.folded]] }),
            }
        }
        for term in &mut terms {
            let parts: usize = term.phrases.iter().map(Vec::len).sum();
            // A longer compound is not indexed as one word.
            let is_indexed =
                |joined: &String| (2..=MOST_PARTS).contains(&parts) && joined.chars().count() <= MOST_LETTERS;
            term.joined = term.joined.take().filter(is_indexed);
        }
        (!terms.is_empty()).then_some(Self(terms))
    }

    /// Writes the query for FTS5. Only letters and digits come between the quotes.
    pub fn fts5(&self) -> String {
        self.written(" AND ", " OR ", |phrase, is_prefix| {
            format!("\"{}\"{}", phrase.join(" "), if is_prefix { " *" } else { "" })
        })
    }

    /// Writes the query as a `tsquery`. Again, only letters and digits come between the quotes.
    pub fn tsquery(&self) -> String {
        self.written(" & ", " | ", |phrase, is_prefix| {
            let words: Vec<String> = phrase.iter().map(|word| format!("'{word}'")).collect();
            words.join(" <-> ") + if is_prefix { ":*" } else { "" }
        })
    }

    /// Joins the terms with the operators of a query language. In both, *and* binds more tightly than *or*.
    fn written(&self, and: &str, or: &str, phrase: impl Fn(&[String], bool) -> String) -> String {
        let terms = self.terms().map(|(term, is_last)| {
            let phrases: Vec<String> =
                phrases(term, is_last).map(|(words, is_prefix)| phrase(words, is_prefix)).collect();
            let phrases = phrases.join(and);
            match &term.joined {
                Some(joined) => format!("({phrases}{or}{})", phrase(std::slice::from_ref(joined), is_last)),
                None => phrases,
            }
        });
        terms.collect::<Vec<_>>().join(and)
    }

    /// Returns the terms, and whether each is the last.
    fn terms(&self) -> impl Iterator<Item = (&Term, bool)> {
        self.0.iter().enumerate().map(move |(nth, term)| (term, nth + 1 == self.0.len()))
    }

    /// Returns the positions of the matches in a text, by the same words and joined compounds as in the index.
    fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let words = words(text);
        let joined = joined_compounds(&words);
        let mut marks: Vec<Range<usize>> = vec![];
        for (term, is_last) in self.terms() {
            let mut single: Vec<(&str, bool)> = term.joined.iter().map(|joined| (joined.as_str(), is_last)).collect();
            for (phrase, is_prefix) in phrases(term, is_last) {
                if let [word] = phrase {
                    single.push((word.as_str(), is_prefix));
                    continue;
                }
                for there in words.windows(phrase.len()) {
                    let is = |(at, (word, asked)): (usize, (&Word, &String))| {
                        word.matches(asked, is_prefix && at + 1 == phrase.len())
                    };
                    if there.iter().zip(phrase).enumerate().all(is) {
                        marks.push(there[0].at.start..there[there.len() - 1].at.end);
                    }
                }
            }
            for (asked, is_prefix) in single {
                let found = words.iter().chain(&joined).filter(|word| word.matches(asked, is_prefix));
                marks.extend(found.map(|word| word.at.clone()));
            }
        }
        merged(marks)
    }

    /// Returns the part of a text around the first match, in pieces: each a run of text, and whether it is a match.
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
        // The matches are inserted from the end, so that the indices of earlier ones stay right.
        marked.into_iter().rev().for_each(|(nth, text)| pieces.insert(nth, (text, true)));
        pieces
    }
}

/// Returns the phrases of a term, and whether the last word of each may be a prefix.
fn phrases(term: &Term, is_last: bool) -> impl Iterator<Item = (&[String], bool)> {
    let count = term.phrases.len();
    term.phrases.iter().enumerate().map(move |(nth, phrase)| (phrase.as_slice(), is_last && nth + 1 == count))
}

/// Sorts matches and merges those that touch.
fn merged(mut marks: Vec<Range<usize>>) -> Vec<Range<usize>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(asked: &str, text: &str) -> Vec<String> {
        let pieces = SearchTerms::read(asked).unwrap().snippet(text).into_iter();
        pieces.filter(|(_, is_marked)| *is_marked).map(|(text, _)| text).collect()
    }

    #[test]
    fn what_is_asked_holds_no_operator() {
        for hostile in ["\"", "*", "'", "NEAR(", "OR", "a:b", "-x", "a AND b", "\\", "$1", "(((", "' | 'x", "東京*"] {
            let Some(asked) = SearchTerms::read(hostile) else { continue };
            for word in asked.0.iter().flat_map(|term| term.phrases.iter().flatten().chain(&term.joined)) {
                assert!(word.chars().all(char::is_alphanumeric), "{word}");
            }
        }
        let asked = SearchTerms::read("e-mail OR Ref").unwrap();
        assert_eq!(asked.fts5(), "(\"e mail\" OR \"email\") AND \"or\" AND \"ref\" *");
        assert_eq!(asked.tsquery(), "('e' <-> 'mail' | 'email') & 'or' & 'ref':*");
        let asked = SearchTerms::read("call +49 170 123").unwrap();
        assert_eq!(asked.fts5(), "\"call\" AND (\"49\" AND \"170\" AND \"123\" * OR \"49170123\" *)");
        assert_eq!(asked.tsquery(), "'call' & ('49' & '170' & '123':* | '49170123':*)");
        // An e-mail address is a phrase and not a compound.
        assert_eq!(SearchTerms::read("zoe@example.org").unwrap().fts5(), "\"zoe example org\" *");
        assert_eq!(SearchTerms::read(" \" * "), None);
        assert_eq!(SearchTerms::read(&"word ".repeat(50)).unwrap().0.len(), MOST_ASKED);
        // A ligature that stands for several words stays one phrase.
        assert_eq!(SearchTerms::read("\u{FDFA}").unwrap().0.len(), 1);
    }

    #[test]
    fn a_snippet_marks_what_was_asked_for() {
        assert_eq!(marked("creme bru", "Two crèmes? One CRÈME, brûlée."), ["CRÈME", "brûlée"]);
        assert_eq!(marked("京タ", "東京タワー"), ["京タ"]);
        assert_eq!(marked("charged twice", "charged twice; twice charged"), ["charged", "twice", "twice", "charged"]);
        let long = format!("{}needle{}", "hay ".repeat(200), " hay".repeat(200));
        let pieces = SearchTerms::read("needle").unwrap().snippet(&long);
        let whole: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        assert!(whole.chars().count() <= SNIPPET + 2 && whole.starts_with('…') && whole.ends_with('…'), "{whole}");
        assert_eq!(SearchTerms::read("x").unwrap().snippet(""), vec![]);
        // The pieces of a short text add up to the whole text.
        let pieces = SearchTerms::read("a c").unwrap().snippet("a b c d");
        assert_eq!(pieces.iter().map(|(text, _)| text.as_str()).collect::<String>(), "a b c d");
    }

    #[test]
    fn a_snippet_marks_compounds_as_they_are_written() {
        for (asked, text, mark) in [
            ("a4721", "Order A-4721 is late", "A-4721"),
            ("A-4721", "order a4721 is late", "a4721"),
            ("email", "Send an E-Mail.", "E-Mail"),
            ("e-mail", "Your email, please", "email"),
            ("strasse", "In der Straße 5", "Straße"),
            ("lodz", "aus Łódź.", "Łódź"),
            ("inv2024", "see INV/2024/17", "INV/2024"),
            ("inv-2024/17", "see INV/2024/17", "INV/2024/17"),
            ("+49 170 123", "Call +49170123 now", "49170123"),
            ("49170123", "Call +49 170 123 now", "49 170 123"),
            ("49170", "Call +49 170 123 now", "49 170"),
            ("4721", "Order A-4721", "4721"),
            ("a", "Order A-4721", "A"),
            ("obrien", "Dear Ms O’Brien", "O’Brien"),
        ] {
            assert_eq!(marked(asked, text), [mark], "{asked} in {text}");
        }
    }
}
