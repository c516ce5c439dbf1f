//! The tool `escalate_to_human`, as the providers of models want tools defined. All definitions come from one type.

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::{json_values::values, queue::Urgency, reason::ReasonCode};

/// The name of the tool.
const NAME: &str = "escalate_to_human";
/// The description tells a model when to call the tool, and what to say to the customer first. It gives no order for
/// the time after the call: models are known to follow such an order for ever.
const DESCRIPTION: &str = "Hand this conversation to a human operator. Call this when the customer asks for a person or is \
    upset, or when you lack the knowledge, the means or the permission to help. First tell the customer that you are \
    asking a colleague. Promise no time, because nobody knows when a colleague is free. The result says what the \
    operator decided or said.";

/// The arguments of the tool. An app makes an open request of them: `reason_code` is `reason.code`, `reason` is
/// `reason.text`, and the others keep their names.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the schema is used")]
struct EscalateToHuman {
    /// Why a human is needed, as a word.
    #[schema(inline)]
    reason_code: ReasonCode,
    /// Why a human is needed, in one sentence.
    reason: String,
    /// The wish of the customer, and the steps that were tried so far.
    summary: Option<String>,
    /// How soon a human is needed.
    #[schema(inline)]
    urgency: Option<Urgency>,
}

/// The form of a tool definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolFormat {
    OpenaiResponses,
    OpenaiChat,
    /// OpenAI's Responses API with `strict`: every argument is required, and an optional one may be null.
    OpenaiStrict,
    Anthropic,
    Mcp,
    Gemini,
}

impl ToolFormat {
    /// The formats with their names.
    pub const NAMES: [(&str, Self); 6] = [
        ("openai-responses", Self::OpenaiResponses),
        ("openai-chat", Self::OpenaiChat),
        ("openai-strict", Self::OpenaiStrict),
        ("anthropic", Self::Anthropic),
        ("mcp", Self::Mcp),
        ("gemini", Self::Gemini),
    ];
}

/// Returns the definition of the tool.
pub fn tool(format: ToolFormat) -> Value {
    let parameters = parameters(format);
    match format {
        ToolFormat::OpenaiResponses | ToolFormat::OpenaiStrict => json!({
            "type": "function",
            "name": NAME,
            "description": DESCRIPTION,
            "parameters": parameters,
            "strict": format == ToolFormat::OpenaiStrict,
        }),
        ToolFormat::OpenaiChat => json!({
            "type": "function",
            "function": {"name": NAME, "description": DESCRIPTION, "parameters": parameters},
        }),
        ToolFormat::Anthropic => json!({"name": NAME, "description": DESCRIPTION, "input_schema": parameters}),
        ToolFormat::Mcp => json!({"name": NAME, "description": DESCRIPTION, "inputSchema": parameters}),
        ToolFormat::Gemini => json!({
            "functionDeclarations": [{"name": NAME, "description": DESCRIPTION, "parameters": parameters}],
        }),
    }
}

/// Returns the JSON Schema of the arguments, with what the format adds to it.
fn parameters(format: ToolFormat) -> Value {
    let described = serde_json::to_value(EscalateToHuman::schema()).unwrap_or_default();
    let required: Vec<Value> = described["required"].as_array().cloned().unwrap_or_default();
    let mut properties = Map::new();
    for (name, property) in described["properties"].as_object().into_iter().flatten() {
        let is_optional = !required.iter().any(|it| it == name);
        properties.insert(name.clone(), argument(property, is_optional, format));
    }
    match format {
        ToolFormat::OpenaiStrict => {
            let all: Vec<&String> = properties.keys().collect();
            json!({"type": "object", "required": all, "additionalProperties": false, "properties": properties})
        }
        ToolFormat::Gemini => json!({"type": "OBJECT", "required": required, "properties": properties}),
        _ => json!({"type": "object", "required": required, "properties": properties}),
    }
}

/// Returns the schema of one argument. Every argument is a text, which may be one of some words.
fn argument(property: &Value, is_optional: bool, format: ToolFormat) -> Value {
    // An optional word is a choice between null and the words.
    let words = values(property).find_map(|(_, form)| form["enum"].as_array());
    let description = values(property).find_map(|(_, form)| form["description"].as_str());
    let may_be_null = is_optional && format == ToolFormat::OpenaiStrict;
    let kind = match format {
        ToolFormat::Gemini => json!("STRING"),
        _ if may_be_null => json!(["string", "null"]),
        _ => json!("string"),
    };
    let mut argument = json!({"type": kind, "description": description});
    if let Some(words) = words {
        argument["enum"] = words.iter().cloned().chain(may_be_null.then_some(Value::Null)).collect();
    }
    argument
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the schema of the arguments in a definition.
    fn schema(format: ToolFormat) -> Value {
        let tool = tool(format);
        let places = [
            "/parameters",
            "/function/parameters",
            "/input_schema",
            "/inputSchema",
            "/functionDeclarations/0/parameters",
        ];
        places.iter().find_map(|place| tool.pointer(place)).expect("the arguments").clone()
    }

    #[test]
    fn every_format_describes_the_same_arguments() {
        for (name, format) in ToolFormat::NAMES {
            let schema = schema(format);
            let properties = schema["properties"].as_object().unwrap();
            assert_eq!(
                properties.keys().collect::<Vec<_>>(),
                ["reason_code", "reason", "summary", "urgency"],
                "{name}"
            );
            let words = properties["reason_code"]["enum"].as_array().unwrap();
            assert_eq!(words.len(), ReasonCode::ALL.len(), "{name}");
            assert!(ReasonCode::ALL.iter().all(|code| words.contains(&json!(code.as_str()))), "{name}");
            let words = properties["urgency"]["enum"].as_array().unwrap();
            assert!(Urgency::ALL.iter().all(|word| words.contains(&json!(word.as_str()))), "{name}");
            assert!(properties.values().all(|it| it["description"].as_str().is_some_and(|it| it.len() > 10)), "{name}");
            // Models refuse schemas that begin with a choice.
            assert!(
                ["oneOf", "anyOf", "allOf", "$ref"].iter().all(|word| !schema.to_string().contains(word)),
                "{name}"
            );
        }
    }

    #[test]
    fn strict_arguments_are_all_required_and_may_be_null() {
        let strict = schema(ToolFormat::OpenaiStrict);
        assert_eq!(
            (&strict["required"].as_array().unwrap().len(), &strict["additionalProperties"]),
            (&4, &json!(false))
        );
        assert_eq!(strict["properties"]["summary"]["type"], json!(["string", "null"]));
        assert!(strict["properties"]["urgency"]["enum"].as_array().unwrap().contains(&Value::Null));
        assert_eq!(strict["properties"]["reason"]["type"], "string");
        assert_eq!(schema(ToolFormat::OpenaiChat)["required"], json!(["reason_code", "reason"]));
        assert_eq!(schema(ToolFormat::Gemini)["properties"]["reason"]["type"], "STRING");
    }

    #[test]
    fn the_description_says_when_and_promises_nothing() {
        for words in ["asks for a person", "First tell the customer", "Promise no time"] {
            assert!(DESCRIPTION.contains(words), "{words}");
        }
        assert!(!DESCRIPTION.to_lowercase().contains("silent") && DESCRIPTION.len() < 1_024);
    }
}
