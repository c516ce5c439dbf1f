//! Reads text that a model wrote. A model's mistake must not stop a bailout, so any JSON is taken, and what was changed
//! is told in a warning.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::json_words;
use crate::domain::queue::Urgency;

/// A text that a model wrote, and what was changed in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelText {
    pub text: String,
    pub changes: Vec<&'static str>,
    /// The bytes of its JSON in the body.
    pub length: usize,
    /// True if the JSON was a text.
    pub is_text: bool,
}

impl ModelText {
    fn read(json: &str) -> Self {
        let mut changes = vec![];
        let text = match serde_json::from_str::<String>(json) {
            Ok(text) => text,
            Err(_) => match serde_json::from_str::<String>(&whole_characters(json)) {
                Ok(text) => {
                    changes.push("half of a character was replaced by U+FFFD");
                    text
                }
                Err(_) => {
                    changes.push("was written as text");
                    json.to_owned()
                }
            },
        };
        let (length, is_text) = (json.len(), json.starts_with('"'));
        if !text.contains('\0') {
            return Self { text, changes, length, is_text };
        }
        changes.push("U+0000 was replaced");
        Self { text: text.replace('\0', "\u{FFFD}"), changes, length, is_text }
    }
}

impl<'de> Deserialize<'de> for ModelText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::read(Box::<RawValue>::deserialize(deserializer)?.get()))
    }
}

/// The published schema says what a model should write.
impl PartialSchema for ModelText {
    fn schema() -> RefOr<Schema> {
        String::schema()
    }
}

impl ToSchema for ModelText {}

impl PartialSchema for ModelNumber {
    fn schema() -> RefOr<Schema> {
        f64::schema()
    }
}

impl ToSchema for ModelNumber {}

/// The first texts of a list that a model wrote. Anything but a list counts as one text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelTexts<const MOST: usize> {
    /// The texts, each with its place in the list.
    pub texts: Vec<(usize, ModelText)>,
    /// True if the list has more.
    pub is_cut: bool,
    /// The bytes of their JSON in the body.
    pub length: usize,
}

impl<'de, const MOST: usize> Deserialize<'de> for ModelTexts<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        if !json.get().starts_with('[') {
            let texts = vec![(0, ModelText::read(json.get()))];
            return Ok(Self { texts, is_cut: false, length: json.get().len() });
        }
        let items = serde_json::from_str::<Items<MOST>>(json.get()).map_err(D::Error::custom)?;
        Ok(Self { length: json.get().len(), ..items.0 })
    }
}

/// The items of a list, of which those beyond the limit are only counted.
struct Items<const MOST: usize>(ModelTexts<MOST>);

impl<'de, const MOST: usize> Deserialize<'de> for Items<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<const MOST: usize>;

        impl<'de, const MOST: usize> Visitor<'de> for List<MOST> {
            type Value = ModelTexts<MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut found = ModelTexts::default();
                let mut place = 0;
                while found.texts.len() < MOST {
                    let Some(item) = items.next_element::<Option<ModelText>>()? else { return Ok(found) };
                    found.texts.extend(item.map(|text| (place, text)));
                    place += 1;
                }
                while let Some(item) = items.next_element::<Option<IgnoredAny>>()? {
                    found.is_cut |= item.is_some();
                }
                Ok(found)
            }
        }

        deserializer.deserialize_seq(List::<MOST>).map(Items)
    }
}

/// A number that a model wrote; `None` if it is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelNumber(pub Option<f64>);

impl<'de> Deserialize<'de> for ModelNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(json.get().trim_matches('"').trim().parse().ok()))
    }
}

/// Returns the urgency that a model's word means, and whether it is one of ours.
pub fn urgency(word: &str) -> (Urgency, bool) {
    let word = word.trim().to_lowercase();
    match (Urgency::named(&word), word.as_str()) {
        (Some(known), _) => (known, true),
        (None, "critical" | "emergency" | "p0" | "p1") => (Urgency::Urgent, false),
        (None, _) => (Urgency::Normal, false),
    }
}

/// Deserializes an optional word. An empty text counts as absent.
pub fn word<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let Some(json) = Option::<Box<RawValue>>::deserialize(deserializer)? else { return Ok(None) };
    if json.get() == "\"\"" {
        return Ok(None);
    }
    serde_json::from_str(json.get()).map(Some).map_err(|error| {
        let said = error.to_string();
        D::Error::custom(if error.is_data() { json_words::without_place(&said) } else { json_words::misread(&said) })
    })
}

/// Replaces every unpaired escaped surrogate by U+FFFD, as a JSON escape. A program may have cut text within an emoji.
pub fn whole_characters(json: &str) -> String {
    let unit = |rest: &str| {
        let digits = rest.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match unit(rest) {
            Some(0xD800..0xDC00) if unit(&rest[6..]).is_some_and(|low| (0xDC00..0xE000).contains(&low)) => 12,
            Some(0xD800..0xE000) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            Some(_) => 6,
            // The backslash and the character it escapes, which may be a backslash.
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    mended + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_json_is_text_and_what_was_changed_is_told() {
        for (json, text, changes) in [
            (r#""a\nb""#, "a\nb", 0),
            (r#""a \ud83d""#, "a \u{FFFD}", 1),
            (r#""a\u0000b""#, "a\u{FFFD}b", 1),
            ("250", "250", 1),
            ("true", "true", 1),
            (r#"{"a": [1]}"#, r#"{"a": [1]}"#, 1),
        ] {
            let read: ModelText = serde_json::from_str(json).unwrap();
            assert_eq!((read.text.as_str(), read.changes.len()), (text, changes), "{json}");
        }
        assert_eq!(serde_json::from_str::<Option<ModelText>>("null").unwrap(), None);
    }

    #[test]
    fn one_text_is_a_list_of_one() {
        for (json, texts, is_cut) in [
            (r#"["a", null, 5]"#, vec!["a", "5"], false),
            (r#"["a", {}, [], 1]"#, vec!["a", "{}", "[]"], true),
            (r#""a""#, vec!["a"], false),
            ("[]", vec![], false),
        ] {
            let read: ModelTexts<3> = serde_json::from_str(json).unwrap();
            assert_eq!(read.texts.iter().map(|(_, it)| it.text.as_str()).collect::<Vec<_>>(), texts);
            assert_eq!(read.is_cut, is_cut, "{json}");
            let places: Vec<usize> = read.texts.iter().map(|(place, _)| *place).collect();
            assert_eq!(places, if json.contains("null") { vec![0, 2] } else { (0..texts.len()).collect() });
        }
    }

    #[test]
    fn a_number_may_be_written_as_text() {
        for (json, number) in [("0.5", Some(0.5)), (r#"" 0.5""#, Some(0.5)), (r#""high""#, None), ("[1]", None)] {
            assert_eq!(serde_json::from_str::<ModelNumber>(json).unwrap().0, number, "{json}");
        }
    }

    #[test]
    fn an_unknown_urgency_is_mapped() {
        for (word, meant) in [
            ("high", (Urgency::High, true)),
            (" High ", (Urgency::High, true)),
            ("P1", (Urgency::Urgent, false)),
            ("emergency", (Urgency::Urgent, false)),
            ("asap", (Urgency::Normal, false)),
        ] {
            assert_eq!(urgency(word), meant, "{word}");
        }
    }
}
