//! Checked text. `parse` and `cut` are the only ways to create it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    #[error("must not be empty")]
    Empty,
    #[error("must have at most {0} characters")]
    TooLong(usize),
    #[error("must not contain U+0000")]
    Null,
}

/// Text of 1 to `MAX` characters, not blank, without U+0000 (which PostgreSQL cannot store). The text is kept as
/// written.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Parses a text, or returns why it is refused.
    pub fn parse(text: impl Into<String>) -> Result<Self, TextProblem> {
        let text = text.into();
        if text.trim().is_empty() {
            return Err(TextProblem::Empty);
        }
        if text.contains('\0') {
            return Err(TextProblem::Null);
        }
        // A character has at least one byte, so a text of at most `MAX` bytes needs no counting.
        if text.len() > MAX && text.chars().count() > MAX {
            return Err(TextProblem::TooLong(MAX));
        }
        Ok(Self(text))
    }

    /// Parses text from a model. Text that is too long is truncated, which the flag reports (`true`). Only blank text
    /// and U+0000 are refused.
    pub fn cut(text: impl Into<String>) -> Result<(Self, bool), TextProblem> {
        let text = text.into();
        match text.char_indices().nth(MAX) {
            Some((end, _)) => Self::parse(&text[..end]).map(|text| (text, true)),
            None => Self::parse(text).map(|text| (text, false)),
        }
    }

    /// Returns a text that the program contains.
    pub fn from_static(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text as one with a larger limit.
    pub fn widen<const LARGER: usize>(self) -> Text<LARGER> {
        const { assert!(LARGER >= MAX, "the limit is smaller") };
        Text(self.0)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = TextProblem;
    fn try_from(text: String) -> Result<Self, TextProblem> {
        Self::parse(text)
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> String {
        text.0
    }
}

/// The caller's own name for a message, by which retries and echoes are matched.
pub type ClientMessageId = Text<128>;
/// A message of customer, agent or operator while an escalation is open.
pub type MessageText = Text<262_144>;
/// A message of an operator. The limit keeps one message readable on a page.
pub type ReplyText = Text<32_000>;
/// A name of a person, an agent or a queue.
pub type Name = Text<100>;
/// A tag by which operators sort escalations, such as `refund` or `vip`.
pub type Tag = Text<40>;
/// A note among operators or to the agent.
pub type NoteText = Text<10_000>;

/// Parses comma-separated tags: each once, in the order in which they were written.
pub fn tags(text: &str) -> Result<Vec<Tag>, TextProblem> {
    let mut tags: Vec<Tag> = vec![];
    for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        let tag = Tag::parse(tag)?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_null_and_long_are_refused() {
        assert_eq!(Text::<3>::parse(" \n"), Err(TextProblem::Empty));
        assert_eq!(Text::<3>::parse("a\0b"), Err(TextProblem::Null));
        assert_eq!(Text::<3>::parse("abcd"), Err(TextProblem::TooLong(3)));
        assert_eq!(Text::<3>::parse("äöü").map(String::from), Ok("äöü".into()));
    }

    #[test]
    fn tags_stand_between_commas_each_once() {
        let read =
            |text: &str| tags(text).map(|tags| tags.iter().map(|tag| tag.as_str().to_owned()).collect::<Vec<_>>());
        assert_eq!(read(" vip , refund,,vip, two words "), Ok(vec!["vip".into(), "refund".into(), "two words".into()]));
        assert_eq!(read(" , "), Ok(vec![]));
        assert_eq!(read(&"x".repeat(41)), Err(TextProblem::TooLong(40)));
        assert_eq!(read("a\0b"), Err(TextProblem::Null));
    }

    #[test]
    fn a_models_text_is_cut_between_characters() {
        assert_eq!(Text::<2>::cut("äöü").map(|(t, cut)| (String::from(t), cut)), Ok(("äö".into(), true)));
        assert_eq!(Text::<2>::cut("äö").map(|(t, cut)| (String::from(t), cut)), Ok(("äö".into(), false)));
        assert_eq!(Text::<2>::cut("  x").map(|(t, _)| t), Err(TextProblem::Empty));
    }
}
