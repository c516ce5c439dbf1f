//! Splits texts into words for the search index: without case, accents and marks, in the same way for stored texts and
//! queries. Scripts without spaces between words, such as Chinese, Japanese and Thai, are indexed letter by letter. A
//! query for several such letters is a phrase, so any part of such a text finds it.
//!
//! A compound such as `A-4721`, `e-mail`, `INV/2024/17` or `+49 170 123` is indexed as its parts and also joined, as
//! one word. Queries are treated in the same way, so a query finds a compound however either is written.

mod fold;
pub mod terms;

use std::{mem::take, ops::Range};

use unicode_normalization::char::is_combining_mark;

use self::fold::{fold, is_invisible};

/// The limits of one text: its indexed words, the letters of one word, and the bytes of all words together. PostgreSQL
/// accepts at most a mebibyte for one text, and no position above 16,383.
const MOST_WORDS: usize = 12_000;
const MOST_LETTERS: usize = 32;
const MOST_BYTES: usize = 768 * 1024;
/// The limits of joined compounds: how many of one text are indexed, their bytes together, and the parts of one
/// compound.
const MOST_JOINED: usize = 4_000;
const MOST_JOINED_BYTES: usize = 128 * 1024;
const MOST_PARTS: usize = 8;
/// The most characters between two groups of digits of one number.
const MOST_BETWEEN_DIGITS: usize = 3;

/// A word, or a joined compound, and its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    folded: String,
    at: Range<usize>,
    /// True when the word is part of the same compound as the word before it.
    continues: bool,
    /// For a joined compound, the number of bytes before its last part.
    before_last_part: usize,
}

impl Word {
    /// Returns whether a query for one word finds this one. A query must reach into the last part of a compound. A
    /// shorter query finds the shorter compound, or the first part, instead.
    fn matches(&self, asked: &str, is_prefix: bool) -> bool {
        let matches = if is_prefix { self.folded.starts_with(asked) } else { self.folded == asked };
        matches && asked.len() > self.before_last_part
    }
}

/// Returns everything that the index stores of a text: its words in order, then its joined compounds.
pub fn index_words(text: &str) -> Vec<String> {
    let words = words(text);
    let joined = joined_compounds(&words);
    words.into_iter().chain(joined).map(|word| word.folded).collect()
}

/// Returns the words of a text in order.
fn words(text: &str) -> Vec<Word> {
    let mut reader = WordReader::default();
    let mut folded = vec![];
    for (start, letter) in text.char_indices() {
        fold(letter, &mut folded);
        for it in &folded {
            reader.read(*it, start..start + letter.len_utf8());
        }
        if reader.words.len() >= MOST_WORDS || reader.bytes > MOST_BYTES {
            reader.words.truncate(MOST_WORDS);
            return reader.words;
        }
    }
    reader.end_word();
    reader.words
}

/// A reader that splits folded letters into words.
#[derive(Default)]
struct WordReader {
    words: Vec<Word>,
    /// The number of bytes of all words together.
    bytes: usize,
    /// The word that is being read, and its number of letters.
    current: Option<(Word, usize)>,
    /// The characters between the previous word and the current one.
    gap: String,
    /// The characters after the current word so far.
    next_gap: String,
}

impl WordReader {
    fn read(&mut self, letter: char, at: Range<usize>) {
        if is_invisible(letter) {
            return;
        }
        let (is_mark, is_letter) = (is_combining_mark(letter), letter.is_alphanumeric());
        if let Some((word, letters)) = &mut self.current
            && (is_mark || is_letter && !stands_alone(letter))
        {
            word.at.end = at.end;
            if !is_mark && *letters < MOST_LETTERS {
                word.folded.push(letter);
                *letters += 1;
            }
            return;
        }
        self.end_word();
        if is_letter {
            self.gap = take(&mut self.next_gap);
            self.current = Some((Word { folded: letter.into(), at, continues: false, before_last_part: 0 }, 1));
            if stands_alone(letter) {
                self.end_word();
            }
        } else if !is_mark && self.next_gap.chars().count() <= MOST_BETWEEN_DIGITS {
            self.next_gap.push(letter);
        }
    }

    fn end_word(&mut self) {
        if let Some((mut word, _)) = self.current.take() {
            let before = self.words.last().map(|before| before.folded.as_str());
            word.continues = before.is_some_and(|before| is_compound(before, &self.gap, &word.folded));
            self.bytes += word.folded.len();
            self.words.push(word);
        }
    }
}

/// Returns whether a letter is of a script that puts no spaces between words.
fn stands_alone(letter: char) -> bool {
    matches!(u32::from(letter),
        // Thai and Lao, Myanmar, Khmer
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF
        // Hiragana, Katakana, Bopomofo and the Han characters
        | 0x3040..=0x312F | 0x31A0..=0x31FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF
        | 0x20000..=0x3FFFF)
}

/// Returns whether two words with this gap between them are parts of one compound.
fn is_compound(before: &str, gap: &str, after: &str) -> bool {
    if [before, after].iter().any(|word| word.starts_with(stands_alone)) {
        return false;
    }
    let are_digits =
        before.ends_with(|it: char| it.is_ascii_digit()) && after.starts_with(|it: char| it.is_ascii_digit());
    match gap {
        "" => false,
        // 1,234 is one number; 1,2,3 are three.
        "," => are_digits && after.len() == 3 && after.bytes().all(|it| it.is_ascii_digit()),
        _ => {
            let length = gap.chars().count();
            length == 1 && gap.starts_with(joins_words)
                || are_digits && length <= MOST_BETWEEN_DIGITS && gap.chars().all(joins_digits)
        }
    }
}

/// Returns whether a single sign joins the parts of a compound: hyphens, dots, slashes, apostrophes and the like.
fn joins_words(sign: char) -> bool {
    matches!(
        sign,
        '\u{2010}'..='\u{2013}' | '\u{2018}'..='\u{2019}' | '\u{2212}' | '\u{5BE}' | '\u{5F3}'..='\u{5F4}'
            | '-' | '.' | '/' | '_' | '\'' | '&' | '#' | ':' | '\u{B7}'
    )
}

/// Returns whether a character may separate the digits of one number, for example of a phone, an account or a card. A
/// line break may not, and neither may `+`, which begins another number.
fn joins_digits(sign: char) -> bool {
    matches!(sign, ' ' | '(' | ')' | '-' | '.' | '/' | '\u{2010}'..='\u{2013}')
}

/// Returns every run of two or more adjacent parts of a compound, joined to one word.
fn joined_compounds(words: &[Word]) -> Vec<Word> {
    let (mut joined, mut bytes) = (vec![], 0);
    for (first, begin) in words.iter().enumerate() {
        let mut folded = begin.folded.clone();
        for part in words[first + 1..].iter().take(MOST_PARTS - 1).take_while(|word| word.continues) {
            let before_last_part = folded.len();
            folded.push_str(&part.folded);
            bytes += folded.len();
            if folded.chars().count() > MOST_LETTERS {
                break;
            }
            if joined.len() >= MOST_JOINED || bytes > MOST_JOINED_BYTES {
                return joined;
            }
            let at = begin.at.start..part.at.end;
            joined.push(Word { folded: folded.clone(), at, continues: false, before_last_part });
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    fn joined(text: &str) -> Vec<String> {
        joined_compounds(&words(text)).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn case_accents_and_forms_do_not_matter() {
        assert_eq!(apart("Crème BRÛLÉE, İstanbul"), ["creme", "brulee", "istanbul"]);
        assert_eq!(apart("e\u{301}te\u{301} ｆｕｌｌ ﬁne A-4721"), ["ete", "full", "fine", "a", "4721"]);
        assert_eq!(apart("東京タワーで a"), ["東", "京", "タ", "ワ", "ー", "て", "a"]);
        assert_eq!(apart("ﾄﾞｱ Ａ－４７２１ ㎒"), ["ト", "ア", "a", "4721", "mhz"]);
        assert_eq!(apart("\0\"*()"), Vec::<String>::new());
        assert_eq!(apart(&"x".repeat(100)), ["x".repeat(MOST_LETTERS)]);
        assert_eq!(apart(&"x ".repeat(20_000)).len(), MOST_WORDS);
    }

    #[test]
    fn letters_that_do_not_decompose_are_spelled_plainly() {
        for (written, typed) in [
            ("Straße", "strasse"),
            ("STRAẞE", "strasse"),
            ("Łódź", "lodz"),
            ("Ærø", "aero"),
            ("Œuvre", "oeuvre"),
            ("København", "kobenhavn"),
            ("Đorđević", "dordevic"),
            ("Þórður", "thordur"),
            ("Iğdır", "igdir"),
            ("Ħal", "hal"),
            ("Əliyev", "eliyev"),
            ("Ŋuŧŧa", "nutta"),
            ("ΟΔΟΣ", "οδος"),
            ("٤٧٢١", "4721"),
            ("४७२१", "4721"),
            ("Donau\u{AD}dampf", "donaudampf"),
            ("کتاب", "كتاب"),
        ] {
            assert_eq!((apart(written).len(), apart(written)), (1, apart(typed)), "{written}");
        }
    }

    #[test]
    fn compounds_are_joined_as_well() {
        assert_eq!(joined("Order A-4721, e-mail."), ["a4721", "email"]);
        assert_eq!(joined("INV/2024/17"), ["inv2024", "inv202417", "202417"]);
        assert!(joined("Call +49 170 123.").contains(&"49170123".to_owned()));
        assert!(joined("+49 (0)170 / 123\u{A0}45").contains(&"49017012345".to_owned()));
        for (written, typed) in [
            ("e‑mail", "email"),
            ("O’Brien", "obrien"),
            ("Ａ－４７２１", "a4721"),
            ("order_id", "orderid"),
            ("AT&T", "att"),
            ("1,234.50", "123450"),
            ("550e8400-e29b-41d4-a716-446655440000", "550e8400e29b41d4a716446655440000"),
            ("DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
            ("п’ять", "пять"),
            ("пʼять", "пять"),
        ] {
            assert!(joined(written).contains(&typed.to_owned()), "{written}: {:?}", joined(written));
        }
        // Neither sentences, lists, lines nor e-mail addresses are compounds.
        for text in ["One. Two, three", "1,2,3", "12\n34", "5 EUR", "zoe@example", "a -- b", "東京-大阪"] {
            assert_eq!(joined(text), [""; 0], "{text}");
        }
        assert_eq!(joined(&"a-b ".repeat(9_000)).len(), MOST_JOINED);
    }

    #[test]
    fn no_text_has_more_words_than_postgresql_takes() {
        let letter = |n: usize| char::from_u32(0x1_0428 + n as u32 % 40).unwrap();
        let word = |n: usize| (0..4).map(|at| letter(n / 40_usize.pow(at))).collect::<String>().repeat(8);
        let hay = (0..15_000).map(word).collect::<Vec<_>>().join("-");
        let bytes: usize = index_words(&hay).iter().map(|word| word.len() + 5).sum();
        assert!((600_000..1_000_000).contains(&bytes), "{bytes}");
    }
}
