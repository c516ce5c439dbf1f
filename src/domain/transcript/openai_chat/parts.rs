//! The parts of a message's content: their text, and placeholders for parts that are not text.

use serde_json::Value;

use crate::domain::json_values::change_values;

/// The length in bytes above which base64 text or a `data:` URL is treated as a picture or a sound. Such data is of no
/// use to a reader, and too large to carry along.
const MOST_DATA: usize = 4_096;
/// The maximum length of a foreign word in a placeholder, in characters.
const MOST_OF_A_WORD: usize = 60;

/// Returns the text of a part that is text.
pub fn words_of(part: &Value) -> Option<&str> {
    let words = match part.get("type").and_then(Value::as_str) {
        Some("text" | "input_text" | "output_text") => part.get("text")?,
        Some("refusal") => part.get("refusal")?,
        Some(_) => return None,
        None => part.get("text").unwrap_or(part),
    };
    // OpenAI's Assistants wrap a text: `{"value": "…", "annotations": []}`.
    words.as_str().or_else(|| words.get("value")?.as_str())
}

/// Returns whether the text of a part carries annotations.
pub fn is_annotated(part: &Value) -> bool {
    part["text"]["annotations"].as_array().is_some_and(|all| !all.is_empty())
}

/// Returns the placeholder for a part that is not text but of a known type.
pub fn known_part(part: &Value) -> Option<String> {
    Some(match part.get("type")?.as_str()? {
        "image_url" | "input_image" | "image" => "[image]".to_owned(),
        "input_audio" | "output_audio" | "audio" => with_transcript(transcript_of(part)),
        "file" | "input_file" => {
            let file = part.get("file").unwrap_or(part);
            word(file.get("filename")).map_or("[file]".to_owned(), |name| format!("[file: {name}]"))
        }
        _ => return None,
    })
}

/// Returns the placeholder for any other part: its type, and its size as it came.
pub fn unknown_part(part: &Value) -> String {
    let kind = word(part.get("type")).unwrap_or_else(|| "part".to_owned());
    let size = part.to_string().len();
    format!("[{kind}, {size} byte{}]", if size == 1 { "" } else { "s" })
}

/// Returns a foreign word, truncated for a placeholder.
fn word(value: Option<&Value>) -> Option<String> {
    Some(value?.as_str()?.chars().take(MOST_OF_A_WORD).collect())
}

/// Returns content in parts as text: texts in order, and a placeholder for each other part.
pub fn in_words(parts: &[Value]) -> String {
    let words = |part| words_of(part).map(str::to_owned).or_else(|| known_part(part));
    parts.iter().map(|part| words(part).unwrap_or_else(|| unknown_part(part))).collect::<Vec<_>>().join("\n")
}

/// Returns the transcript of a sound, which is next to its data or within.
pub fn transcript_of(audio: &Value) -> Option<&str> {
    let within = ["input_audio", "output_audio", "audio"].into_iter().filter_map(|name| audio.get(name));
    let mut transcripts = [audio].into_iter().chain(within).filter_map(|it| it.get("transcript")?.as_str());
    transcripts.find(|text| !text.trim().is_empty())
}

pub fn with_transcript(transcript: Option<&str>) -> String {
    transcript.map_or("[audio]".to_owned(), |text| format!("[audio]\n{text}"))
}

/// Replaces data with a note on its size, and returns the number of replacements.
pub fn drop_data(value: &mut Value) -> usize {
    let mut dropped = 0;
    change_values(value, &mut |value| {
        if let Value::String(text) = value
            && is_data(text)
        {
            *text = format!("({} characters of data)", text.len());
            dropped += 1;
        }
    });
    dropped
}

fn is_data(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(&byte);
    text.len() > MOST_DATA && (text.starts_with("data:") || text.bytes().all(is_base64))
}
