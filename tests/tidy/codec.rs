//! Every type that the browser reads stands in the test of its decoder, which a type that nobody thought of would pass.

use std::collections::BTreeSet;

use crate::{code, files, names};

/// The test of the decoder.
const TEST: &str = "src/app/codec/tests.rs";
/// Words of types that hold others, and of types without content.
const CONTAINERS: [&str; 6] = ["Option", "Result", "Self", "String", "Vec", "T"];

#[test]
fn the_decoder_is_tested_with_every_type_that_crosses_to_the_browser() {
    let files = files();
    let test = &files[TEST];
    let mut found = BTreeSet::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("src/app/") && !path.ends_with("tests.rs")) {
        assert!(
            !code(text).contains("codec::read("),
            "{path} decodes a type that it does not name: codec::read::<Type>(…)"
        );
        found.extend(read_by_browser(path, text));
    }
    assert!(found.contains("Thread") && found.contains("Frame") && found.contains("Hint"), "{found:?}");
    let missing: Vec<_> = found.iter().filter(|name| !names(test, name)).collect();
    assert!(missing.is_empty(), "{TEST} does not test {missing:?}");
}

#[test]
fn types_are_found_in_answers_and_in_calls_of_the_decoder() {
    let action = "#[server]\npub async fn a(id: Id) -> Result<Option<(Thread, Vec<Row>)>, CallError> {\n";
    let found: Vec<String> = read_by_browser("src/app/actions/a.rs", action).into_iter().collect();
    assert_eq!(found, ["CallError", "Row", "Thread"]);
    let reads = "match read::<Frame>(&event) { x => codec::read::<Vec<Draft>>(json) }\nlive.hint(&hint);\nHint::Seen";
    let found: Vec<String> = read_by_browser("src/app/state/a.rs", reads).into_iter().collect();
    assert_eq!(found, ["Draft", "Frame"]);
}

/// Returns the types that server functions answer with, and those that the decoder is called with by name.
fn read_by_browser(path: &str, text: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut types: Vec<&str> = vec![];
    if path.starts_with("src/app/actions/") {
        let answers = code.split("async fn ").skip(1).filter_map(|function| function.split(" -> ").nth(1));
        types.extend(answers.filter_map(|answer| answer.split('{').next()));
    }
    types.extend(code.split("read::<").skip(1).filter_map(|call| call.split(">(").next()));
    let words = types.into_iter().flat_map(|it| it.split(|letter: char| !letter.is_alphanumeric()));
    let words = words.filter(|word| word.starts_with(char::is_uppercase) && !CONTAINERS.contains(word));
    words.map(str::to_owned).collect()
}
