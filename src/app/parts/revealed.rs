//! Text of strangers, with what tries to hide in it made visible: characters that turn the direction of writing, and
//! those of no width.

use leptos::prelude::*;

/// Draws text with hidden characters shown by their numbers.
pub fn revealed(text: &str) -> AnyView {
    let hidden = |hidden| view! { <span class="revealed" title=name(hidden)>{name(hidden)}</span> };
    let runs = runs(text).into_iter().map(|(plain, hides)| (plain.to_owned(), hides.map(hidden)));
    runs.collect::<Vec<_>>().into_any()
}

/// The same where only plain text can stand, as in a label.
pub fn spelled(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    for (plain, hides) in runs(text) {
        spelled.push_str(plain);
        if let Some(hidden) = hides {
            spelled.extend(["[", name(hidden).as_str(), "]"]);
        }
    }
    spelled
}

fn name(hidden: char) -> String {
    format!("U+{:04X}", u32::from(hidden))
}

/// Runs of plain text, each with the character that hides after it.
fn runs(text: &str) -> Vec<(&str, Option<char>)> {
    let mut runs = vec![];
    let mut start = 0;
    let mut before = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let after = letters.peek().map(|(_, next)| *next);
        if hides(letter, before, after) {
            runs.push((&text[start..at], Some(letter)));
            start = at + letter.len_utf8();
        }
        before = Some(letter);
    }
    if start < text.len() {
        runs.push((&text[start..], None));
    }
    runs
}

fn hides(letter: char, before: Option<char>, after: Option<char>) -> bool {
    match letter {
        // Joiners belong between the letters of some scripts and the parts of an emoji.
        '\u{200C}' | '\u{200D}' => !(before.is_some_and(|it| !it.is_ascii()) && after.is_some_and(|it| !it.is_ascii())),
        '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{FEFF}' => true,
        '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' => true,
        // Tags: a whole hidden alphabet.
        '\u{E0000}'..='\u{E007F}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_shown() {
        assert_eq!(spelled("pay\u{202E}lla"), "pay[U+202E]lla");
        assert_eq!(spelled("a\u{200B}\u{200D}b"), "a[U+200B][U+200D]b");
        assert_eq!(spelled("\u{E0041}"), "[U+E0041]");
    }

    #[test]
    fn what_belongs_is_left_alone() {
        for text in ["", "plain", "👩\u{200D}🚒", "می\u{200C}خواهم", "שלום"] {
            assert_eq!(spelled(text), text);
        }
    }
}
