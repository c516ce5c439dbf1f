//! The parts of a message's content: their words, and what stands in the text for parts that are none.

use serde_json::Value;

/// Longer text in base64, or a longer address that holds what it is of, is a picture or a sound: nothing for a reader, and
/// too large to carry along.
const MOST_DATA: usize = 4_096;
/// How much of a stranger's word a placeholder repeats, in characters.
const MOST_OF_A_WORD: usize = 60;

/// The words of a part that is words.
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

/// Whether the text of a part carries annotations.
pub fn is_annotated(part: &Value) -> bool {
    part["text"]["annotations"].as_array().is_some_and(|all| !all.is_empty())
}

/// What stands in the text for a part that is no words but of a known type.
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

/// What stands in the text for any other part: its type, and its size as it came.
pub fn unknown_part(part: &Value) -> String {
    let kind = word(part.get("type")).unwrap_or_else(|| "part".to_owned());
    let size = part.to_string().len();
    format!("[{kind}, {size} byte{}]", if size == 1 { "" } else { "s" })
}

/// A stranger's word, cut to what a placeholder repeats.
fn word(value: Option<&Value>) -> Option<String> {
    Some(value?.as_str()?.chars().take(MOST_OF_A_WORD).collect())
}

/// What was said in a sound, which stands beside its data or within.
pub fn transcript_of(audio: &Value) -> Option<&str> {
    let within = ["input_audio", "output_audio", "audio"].into_iter().filter_map(|name| audio.get(name));
    let mut transcripts = [audio].into_iter().chain(within).filter_map(|it| it.get("transcript")?.as_str());
    transcripts.find(|text| !text.trim().is_empty())
}

pub fn with_transcript(transcript: Option<&str>) -> String {
    transcript.map_or("[audio]".to_owned(), |text| format!("[audio]\n{text}"))
}

/// Replaces data by a word on how much there was; how often it did.
pub fn drop_data(value: &mut Value) -> usize {
    match value {
        Value::String(text) if is_data(text) => {
            *text = format!("({} characters of data)", text.len());
            1
        }
        Value::Array(items) => items.iter_mut().map(drop_data).sum(),
        Value::Object(object) => object.values_mut().map(drop_data).sum(),
        _ => 0,
    }
}

fn is_data(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(&byte);
    text.len() > MOST_DATA && (text.starts_with("data:") || text.bytes().all(is_base64))
}
