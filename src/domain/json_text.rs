//! JSON that is kept as its text, for values that the server mostly stores and hands on.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::json::Json;

/// A JSON value as its text. It takes the memory of its text, where a parsed value can take more than thirty times as much,
/// and a text that was received can be handed back byte for byte. The value is stored as a string, or within the JSON
/// around it by [`within_json`]; both forms are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText(String);

impl JsonText {
    /// Keeps a text that [`Json::parse`] accepts.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        Json::parse(text).map(|_| Self(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value, with the text of its numbers.
    pub fn json(&self) -> Json {
        // The text was parsed when it was accepted.
        Json::parse(&self.0).unwrap_or(Json::Null)
    }

    /// Returns the value for validators, with numbers rounded to 64 bits.
    pub fn value(&self) -> Value {
        serde_json::from_slice(self.0.as_bytes()).unwrap_or_default()
    }

    /// Returns whether both are the same value, in whatever order the members of objects were written.
    pub fn is_same_value(&self, other: &Self) -> bool {
        self == other || self.value() == other.value()
    }
}

impl Default for JsonText {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

impl From<&Json> for JsonText {
    fn from(json: &Json) -> Self {
        Self(json.to_string())
    }
}

impl From<&Value> for JsonText {
    fn from(value: &Value) -> Self {
        Self(value.to_string())
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(text) => Self(text),
            value => Self(value.to_string()),
        })
    }
}

/// Stores an optional [`JsonText`] as the JSON that it is, within the JSON around it.
pub mod within_json {
    use serde_json::value::RawValue;

    use super::{Deserialize, Deserializer, JsonText, Serialize, Serializer};

    /// Writes the text as it is.
    pub fn serialize<S: Serializer>(it: &Option<JsonText>, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = it.as_ref().and_then(|it| serde_json::from_slice::<&RawValue>(it.0.as_bytes()).ok());
        raw.serialize(serializer)
    }

    /// Reads either form.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<JsonText>, D::Error> {
        Option::deserialize(deserializer)
    }
}
