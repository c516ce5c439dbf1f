//! Says in JSON's words what serde says in Rust's: an agent's developer knows lists and objects, not sequences and maps.

/// Returns what a field must be, from the error of its deserializer.
pub fn sentence(said: &str) -> String {
    let mismatch = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: "));
    if let Some((found, wanted)) = mismatch.and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!("must be {}, not {}", wanted_kind(wanted), found_kind(found));
    }
    let variants = said.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, expected "));
    if let Some((_, wanted)) = variants {
        return format!("must be {}", wanted.replace('`', ""));
    }
    if let Some((_, rest)) = said.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
        let known = rest.strip_prefix(", expected ").map(|known| known.trim_start_matches("one of ").replace('`', ""));
        return match known {
            Some(known) => format!("is not known; known here are: {}", known.replace(" or ", ", ")),
            None => "is not known; there are no fields here".to_owned(),
        };
    }
    said.to_owned()
}

/// Returns an error of the parser without its line and column, because the caller has the pointer.
pub fn without_place(said: &str) -> &str {
    said.rsplit_once(" at line ").map_or(said, |(said, _)| said)
}

/// Returns what is wrong with a text that the parser cannot read, if its error is about that.
pub fn broken_text(said: &str) -> Option<&'static str> {
    let is_half = said.contains("surrogate") || said.contains("hex escape");
    is_half.then_some("has half of a surrogate pair, which is no character")
}

/// Returns what a field must be that the parser has called a fault of the syntax, although the body is JSON.
pub fn misread(said: &str) -> &'static str {
    match said {
        _ if said.contains("recursion limit") => "is nested too deep",
        _ if said.contains("out of range") => "has a number that is too large: send it as text",
        // A number in place of a word.
        _ => "must be text",
    }
}

fn wanted_kind(wanted: &str) -> String {
    match wanted {
        "a string" | "string" | "a borrowed string" => "text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        _ if wanted.starts_with("struct ") => "an object".to_owned(),
        other => other.to_owned(),
    }
}

fn found_kind(found: &str) -> String {
    let value = |kind: &str| found.strip_prefix(kind).map(|value| value.trim_matches('`').to_owned());
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "an object".to_owned(),
        "null" | "unit value" => "null".to_owned(),
        _ if found.starts_with("string ") => "text".to_owned(),
        _ => {
            let number = value("integer ").or_else(|| value("floating point "));
            number
                .map(|number| format!("the number {number}"))
                .or_else(|| value("boolean "))
                .unwrap_or_else(|| found.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parser_calls_syntax_is_told_as_it_is() {
        for (json, told) in [
            (format!("{}1{}", "[".repeat(200), "]".repeat(200)), "is nested too deep"),
            ("1e999".to_owned(), "has a number that is too large: send it as text"),
        ] {
            let error = serde_json::from_str::<serde_json::Value>(&json).unwrap_err();
            assert_eq!(misread(&error.to_string()), told);
        }
    }

    #[test]
    fn no_word_is_of_rust() {
        for (said, told) in [
            ("invalid type: integer `5`, expected a string", "must be text, not the number 5"),
            ("invalid type: floating point `1.5`, expected u64", "must be a whole number from 0, not the number 1.5"),
            ("invalid value: integer `-5`, expected u32", "must be a whole number from 0, not the number -5"),
            ("invalid type: boolean `true`, expected a sequence", "must be a list, not true"),
            ("invalid type: string \"a, expected b\", expected a boolean", "must be true or false, not text"),
            ("invalid type: null, expected struct Receipt", "must be an object, not null"),
            ("unknown variant `x`, expected `shown` or `failed`", "must be shown or failed"),
            ("unknown variant `x`, expected one of `a`, `b`, `c`", "must be one of a, b, c"),
            ("unknown field `x`, expected one of `a`, `b`, `c`", "is not known; known here are: a, b, c"),
            ("unknown field `x`, expected `a` or `b`", "is not known; known here are: a, b"),
            ("unknown field `x`, expected `a`", "is not known; known here are: a"),
            ("unknown field `x`, there are no fields", "is not known; there are no fields here"),
            ("A sentence of our own", "A sentence of our own"),
        ] {
            assert_eq!(sentence(said), told);
        }
    }
}
