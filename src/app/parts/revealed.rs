//! Renders text from outside with its hidden characters made visible: those that change the direction of writing, and
//! those of zero width.

use leptos::prelude::*;

use crate::domain::hidden::runs;

/// The maximum number of hidden characters of one text that get an element each; further ones are spelled as text.
const MOST_ELEMENTS: usize = 200;
/// The maximum number of characters of a text node. A browser that parses HTML splits a run of text after 65,536 UTF-16
/// units; hydration would then find a different page than it expects.
const LONGEST_NODE: usize = 16_000;

/// Renders text with hidden characters shown by their code points.
pub fn revealed(text: &str) -> AnyView {
    let hidden = |hidden| view! { <span class="revealed" title=name(hidden)>{name(hidden)}</span> };
    let nodes = nodes(text).into_iter().map(|(plain, hides)| (plain, hides.map(hidden)));
    nodes.collect::<Vec<_>>().into_any()
}

/// Splits a text into the pieces that are rendered: plain text, and the hidden character after it.
fn nodes(text: &str) -> Vec<(String, Option<char>)> {
    let mut nodes = vec![];
    let runs = runs(text);
    let (shown, others) = runs.split_at(runs.len().min(MOST_ELEMENTS));
    for (plain, hides) in shown {
        push(&mut nodes, plain, *hides);
    }
    if !others.is_empty() {
        push(&mut nodes, &joined(others), None);
    }
    nodes
}

fn push(nodes: &mut Vec<(String, Option<char>)>, mut plain: &str, hides: Option<char>) {
    while let Some((end, _)) = plain.char_indices().nth(LONGEST_NODE) {
        nodes.push((plain[..end].to_owned(), None));
        plain = &plain[end..];
    }
    nodes.push((plain.to_owned(), hides));
}

/// Returns text with hidden characters spelled as `[U+…]`, for places that take only plain text, such as labels.
pub fn spelled(text: &str) -> String {
    joined(&runs(text))
}

fn joined(runs: &[(&str, Option<char>)]) -> String {
    let mut spelled = String::new();
    for (plain, hides) in runs {
        spelled.push_str(plain);
        if let Some(hidden) = hides {
            spelled.extend(["[", name(*hidden).as_str(), "]"]);
        }
    }
    spelled
}

fn name(hidden: char) -> String {
    format!("U+{:04X}", u32::from(hidden))
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
    fn no_text_node_is_so_long_that_browsers_split_it() {
        for text in ["x".repeat(70_000), "😀".repeat(40_000), "\u{200B}".repeat(70_000), "a\u{202E}".repeat(300)] {
            let nodes = nodes(&text);
            let longest = nodes.iter().map(|(plain, _)| plain.encode_utf16().count()).max();
            assert!(longest.is_some_and(|units| units <= 2 * LONGEST_NODE), "{longest:?}");
            assert!(nodes.iter().filter(|(_, hides)| hides.is_some()).count() <= MOST_ELEMENTS);
            let drawn = |(plain, hides): &(String, Option<char>)| {
                plain.to_owned() + &hides.map(|it| "[".to_owned() + &name(it) + "]").unwrap_or_default()
            };
            assert_eq!(nodes.iter().map(drawn).collect::<String>(), spelled(&text));
        }
    }

    #[test]
    fn what_belongs_is_left_alone() {
        for text in ["", "plain", "👩\u{200D}🚒", "می\u{200C}خواهم", "שלום"] {
            assert_eq!(spelled(text), text);
        }
    }
}
