//! JSON that keeps the text of its numbers and the order of its members. `serde_json::Value` reads numbers into 64
//! bits, so 0.10 comes back as 0.1. That is good enough to validate, but not to hand back an approved argument.

use std::fmt::{self, Display, Formatter, Write};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::json_values::{MOST_IN_TEXT, values_in_text};

/// The maximum nesting depth of objects and lists. serde_json reads 128 levels, and a stored value is read again within
/// the value that contains it.
pub const MAX_DEPTH: usize = 64;
/// The limit beyond which readers that use doubles (JavaScript) confuse one whole number with another.
pub const LARGEST_NUMBER: u64 = 1 << 53;

/// A parsed JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Json {
    Null,
    Bool(bool),
    /// The digits as they were written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    /// The members in the order in which they were written, each name once.
    Object(Vec<(String, Json)>),
}

/// The kind of a value that was removed. The items after a removed item have moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedPart {
    Member,
    Item,
}

impl Json {
    /// Parses a text. Refuses text that is not JSON, an object that has a name twice, and values nested deeper than 64.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        parse_raw(read(text)?, 0)
    }

    /// Parses an object or a list that an agent wrote as text. Returns `None` for other text, and for one with more than
    /// [`MOST_IN_TEXT`] values.
    pub fn of_text(text: &str) -> Option<Self> {
        values_in_text(text, MOST_IN_TEXT).and_then(|_| Self::parse(text).ok())
    }

    /// Returns the member of an object, by its name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Replaces or adds the value at a JSON pointer (RFC 6901); `None` removes a member. Missing parent objects are
    /// created, also in place of null. Returns false when the pointer leads nowhere: below a text or a number, or to an
    /// array item that does not exist.
    pub fn set(&mut self, pointer: &str, value: Option<Self>) -> bool {
        let Some((name, rest)) = split_pointer(pointer) else {
            let Some(value) = value.filter(|_| pointer.is_empty()) else { return false };
            *self = value;
            return true;
        };
        if matches!(self, Self::Null) && value.is_some() {
            *self = Self::Object(vec![]);
        }
        match self {
            Self::Array(items) => {
                name.parse().ok().and_then(|at: usize| items.get_mut(at)).is_some_and(|item| item.set(rest, value))
            }
            Self::Object(members) => {
                match (members.iter().position(|(known, _)| *known == name), value) {
                    (Some(at), None) if rest.is_empty() => drop(members.remove(at)),
                    (Some(at), value) => return members[at].1.set(rest, value),
                    (None, None) => {}
                    (None, Some(value)) => {
                        let mut member = Self::Object(vec![]);
                        member.set(rest, Some(value));
                        members.push((name, member));
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// Removes the member or the item at a JSON pointer. Returns `None` when there is none.
    pub fn remove(&mut self, pointer: &str) -> Option<RemovedPart> {
        let (name, rest) = split_pointer(pointer)?;
        match self {
            Self::Array(items) => {
                let at = name.parse::<usize>().ok().filter(|at| *at < items.len())?;
                match rest {
                    "" => drop(items.remove(at)),
                    rest => return items[at].remove(rest),
                }
                Some(RemovedPart::Item)
            }
            Self::Object(members) => {
                let at = members.iter().position(|(known, _)| *known == name)?;
                match rest {
                    "" => drop(members.remove(at)),
                    rest => return members[at].1.remove(rest),
                }
                Some(RemovedPart::Member)
            }
            _ => None,
        }
    }

    /// Returns the kind of the value, in words that follow "is".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::String(_) => "text",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Returns whether objects and lists are nested deeper than `than` levels.
    pub fn is_deeper(&self, than: usize) -> bool {
        match self {
            Self::Array(items) => than == 0 || items.iter().any(|item| item.is_deeper(than - 1)),
            Self::Object(members) => than == 0 || members.iter().any(|(_, value)| value.is_deeper(than - 1)),
            _ => false,
        }
    }

    /// Returns whether a text or a name contains U+0000, which PostgreSQL cannot store.
    pub fn has_null_character(&self) -> bool {
        match self {
            Self::String(text) => text.contains('\0'),
            Self::Array(items) => items.iter().any(Self::has_null_character),
            Self::Object(members) => {
                members.iter().any(|(name, value)| name.contains('\0') || value.has_null_character())
            }
            _ => false,
        }
    }

    /// Returns whether a number is beyond ±2^53, so that not every reader can hold it exactly.
    pub fn has_number_beyond(&self) -> bool {
        match self {
            Self::Number(digits) => {
                let whole = digits.strip_prefix('-').unwrap_or(digits).parse::<u64>();
                match whole {
                    Ok(whole) => whole > LARGEST_NUMBER,
                    // A decimal is rounded when it is read: 9007199254740993.0 becomes 9007199254740992.
                    Err(_) => as_f64(digits).is_none_or(|number| number.abs() >= LARGEST_NUMBER as f64),
                }
            }
            Self::Array(items) => items.iter().any(Self::has_number_beyond),
            Self::Object(members) => members.iter().any(|(_, value)| value.has_number_beyond()),
            _ => false,
        }
    }

    /// Formats the value for people: text without quotes, anything else as JSON, indented when it has members.
    pub fn as_read(&self) -> String {
        match self {
            Self::String(text) => text.clone(),
            other => other.pretty(),
        }
    }

    /// Formats the value as JSON with one member a line.
    pub fn pretty(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut text, Some(0));
        text
    }

    /// Writes the value on one line, or indented by `indent` levels.
    fn write(&self, to: &mut dyn Write, indent: Option<usize>) -> fmt::Result {
        match self {
            Self::Null => to.write_str("null"),
            Self::Bool(true) => to.write_str("true"),
            Self::Bool(false) => to.write_str("false"),
            Self::Number(digits) => to.write_str(digits),
            Self::String(text) => to.write_str(&quoted(text)),
            Self::Array(items) => write_list(to, indent, ["[", "]"], items.iter().map(|item| (None, item))),
            Self::Object(members) => {
                write_list(to, indent, ["{", "}"], members.iter().map(|(name, value)| (Some(name.as_str()), value)))
            }
        }
    }
}

fn write_list<'a>(
    to: &mut dyn Write,
    indent: Option<usize>,
    [open, close]: [&str; 2],
    values: impl ExactSizeIterator<Item = (Option<&'a str>, &'a Json)>,
) -> fmt::Result {
    let inner = indent.filter(|_| values.len() > 0).map(|level| level + 1);
    to.write_str(open)?;
    for (i, (name, value)) in values.enumerate() {
        if i > 0 {
            to.write_str(",")?;
        }
        new_line(to, inner)?;
        if let Some(name) = name {
            to.write_str(&quoted(name))?;
            to.write_str(if inner.is_some() { ": " } else { ":" })?;
        }
        value.write(to, inner)?;
    }
    new_line(to, inner.map(|level| level - 1))?;
    to.write_str(close)
}

fn new_line(to: &mut dyn Write, indent: Option<usize>) -> fmt::Result {
    match indent {
        Some(level) => {
            to.write_str("\n")?;
            (0..level).try_for_each(|_| to.write_str("  "))
        }
        None => Ok(()),
    }
}

fn quoted(text: &str) -> String {
    // A text can always be serialized.
    serde_json::to_string(text).unwrap_or_default()
}

impl Display for Json {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, None)
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::String(text.clone()),
            Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Object(object) => {
                Self::Object(object.iter().map(|(name, value)| (name.clone(), Self::from(value))).collect())
            }
        }
    }
}

/// Splits a pointer into its first name, unescaped, and the pointer below it.
fn split_pointer(pointer: &str) -> Option<(String, &str)> {
    let names = pointer.strip_prefix('/')?;
    let end = names.find('/').unwrap_or(names.len());
    Some((unescaped_name(&names[..end]), &names[end..]))
}

/// Returns the message for a value that is nested deeper than [`MAX_DEPTH`].
pub fn too_deep() -> String {
    "must not be nested deeper than ".to_owned() + &MAX_DEPTH.to_string()
}

/// Escapes a name as a part of a pointer (RFC 6901).
pub fn pointer_name(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Unescapes a part of a pointer. The function reverses [`pointer_name`].
pub fn unescaped_name(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// Returns the number nearest to these digits, or none beyond the range of 64 bits.
pub fn as_f64(digits: &str) -> Option<f64> {
    read::<Value>(digits).ok()?.as_f64()
}

/// Parses from bytes, like everything that the browser parses, because any other way would add code to its download.
fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_slice(text.as_bytes())
}

fn parse_raw(raw: &RawValue, depth: usize) -> Result<Json, serde_json::Error> {
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'{' | b'[') if depth >= MAX_DEPTH => return Err(Error::custom(too_deep())),
        Some(b'{') => {
            let Members(members) = read(text)?;
            let members = members.into_iter().map(|(name, value)| Ok((name, parse_raw(value, depth + 1)?)));
            Json::Object(members.collect::<Result<_, serde_json::Error>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = read(text)?;
            let items = items.into_iter().map(|item| parse_raw(item, depth + 1));
            Json::Array(items.collect::<Result<_, serde_json::Error>>()?)
        }
        Some(b'"') => Json::String(read(text)?),
        Some(b't') => Json::Bool(true),
        Some(b'f') => Json::Bool(false),
        Some(b'n') => Json::Null,
        _ => Json::Number(text.to_owned()),
    })
}

/// The members of an object, unparsed.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members: Vec<(String, &RawValue)> = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
                names.sort_unstable();
                if names.windows(2).any(|two| two[0] == two[1]) {
                    return Err(Error::custom("a name is given twice"));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests;
