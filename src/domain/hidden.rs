//! Detection of characters that hide in a text: those that change the direction of writing, and those of zero width.

/// Splits a text into runs of plain text, each with the hidden character after it.
pub fn runs(text: &str) -> Vec<(&str, Option<char>)> {
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
        // Tag characters form a whole hidden alphabet.
        '\u{E0000}'..='\u{E007F}' => true,
        _ => false,
    }
}
