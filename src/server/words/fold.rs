//! Folds letters for search: each letter becomes the letters that a person would type for it on a plain keyboard,
//! without case, accents and width.

use std::iter;

use unicode_normalization::UnicodeNormalization;

/// The digit zero of scripts that have their own digits; one to nine follow each.
const ZEROS: [u32; 18] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0E50, 0x0ED0,
    0x0F20, 0x1040, 0x17E0, 0x1810,
];

/// Replaces the content of `folded` with the folded letter. Accents follow as separate combining marks.
pub fn fold(letter: char, folded: &mut Vec<char>) {
    folded.clear();
    if letter.is_ascii() {
        folded.push(letter.to_ascii_lowercase());
        return;
    }
    // Some signs decompose into capitals, so lower case comes second: ㎒ is MHz.
    for lower in iter::once(letter).nfkd().flat_map(char::to_lowercase) {
        match plain_spelling(lower) {
            "" => folded.push(ascii_digit(lower)),
            letters => folded.extend(letters.chars()),
        }
    }
}

/// Returns whether a character is ignored within words: soft hyphens, joiners and direction marks have no width, and
/// the Arabic tatweel only makes a word wider.
pub fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{AD}' | '\u{61C}' | '\u{640}' | '\u{200C}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Returns the spelling of letters that Unicode does not decompose; empty for all others.
fn plain_spelling(letter: char) -> &'static str {
    match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ⱥ' => "a",
        'ƀ' | 'ɓ' => "b",
        'ƈ' | 'ȼ' => "c",
        'đ' | 'ð' | 'ɖ' | 'ɗ' => "d",
        'ə' | 'ɛ' | 'ǝ' | 'ɇ' => "e",
        'ƒ' => "f",
        'ǥ' | 'ɠ' | 'ɣ' => "g",
        'ħ' => "h",
        'ı' | 'ɨ' => "i",
        'ȷ' | 'ɉ' => "j",
        'ƙ' => "k",
        'ł' | 'ƚ' | 'ɫ' => "l",
        'ŋ' | 'ɲ' => "n",
        'ø' | 'ɔ' | 'ɵ' => "o",
        'ƥ' => "p",
        'ĸ' => "q",
        'ɍ' => "r",
        'ŧ' | 'ƭ' | 'ʈ' | 'ⱦ' => "t",
        'ʉ' => "u",
        'ʋ' => "v",
        'ƴ' | 'ɏ' => "y",
        'ƶ' => "z",
        // The form that sigma has at the end of a word.
        'ς' => "σ",
        // Arabic and Persian keyboards have different code points for the same letters.
        'ى' | 'ی' => "ي",
        'ک' => "ك",
        'ة' => "ه",
        // Unicode classifies these apostrophes as letters.
        '\u{2BB}' | '\u{2BC}' => "'",
        _ => "",
    }
}

fn ascii_digit(letter: char) -> char {
    let code = u32::from(letter);
    let zero = ZEROS.into_iter().find(|zero| (*zero..*zero + 10).contains(&code));
    zero.and_then(|zero| char::from_digit(code - zero, 10)).unwrap_or(letter)
}
