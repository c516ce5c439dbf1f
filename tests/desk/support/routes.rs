//! The routes of the server, read from its source, because axum cannot list its routes.

use std::{fs, path::Path};

use serde_json::Value;

/// Ways to add routes that this parser does not read. They are refused, so that no route is added unseen.
const OTHERS: [&str; 7] = [
    ".route_service(",
    ".nest(",
    ".nest_service(",
    ".fallback(",
    ".fallback_service(",
    "leptos_routes",
    "MethodFilter",
];

/// Returns the method and the path of every route of the program. The path is as written, which may be the name of a
/// constant.
pub fn routes() -> Vec<(String, String)> {
    let mut sources = vec![];
    read(Path::new("src"), &mut sources);
    sources.iter().flat_map(|source| routes_in(source)).chain(published()).collect()
}

/// Returns the method and the path of every request of the published contract, whose routes are made of it.
pub fn published() -> Vec<(String, String)> {
    let paths = bailout::server::api::openapi()["paths"].as_object().expect("paths");
    let methods = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods").keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

fn read(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            read(&entry, sources);
        } else if entry.extension().is_some_and(|it| it == "rs") {
            sources.push(fs::read_to_string(&entry).expect("a source"));
        }
    }
}

fn routes_in(source: &str) -> Vec<(String, String)> {
    let code: Vec<_> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    for other in OTHERS {
        assert!(!code.contains(other), "routes that are added by {other} are not read");
    }
    let mut routes = vec![];
    for after in code.split(".route(").skip(1) {
        let (path, handlers) = arguments(after).split_once(',').expect("a path and a handler");
        let path = path.trim().trim_matches('"');
        let methods = calls(handlers).into_iter().filter_map(|call| match call {
            "get" | "post" | "put" | "patch" | "delete" | "options" | "trace" | "any" => Some(call.to_uppercase()),
            // `page` is the handler of the pages, built with `get` in a variable before it is used.
            "page" => Some("GET".to_owned()),
            // An answer to HEAD has no body that could reveal anything.
            "head" => None,
            "with_state" | "layer" | "route_layer" => None,
            other => panic!("how is {path} asked for? {other}"),
        });
        let methods: Vec<String> = methods.collect();
        assert!(!methods.is_empty(), "how is {path} asked for? {handlers}");
        routes.extend(methods.into_iter().map(|method| (method, path.to_owned())));
    }
    routes
}

/// Returns the change of the bracket depth after a letter.
fn deeper(letter: char) -> i32 {
    match letter {
        '(' | '[' | '{' => 1,
        ')' | ']' | '}' => -1,
        _ => 0,
    }
}

/// Returns the arguments of a call, from after its bracket to the closing one.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    let end = text.char_indices().find(|(_, letter)| {
        depth += deeper(*letter);
        depth == 0
    });
    &text[..end.expect("the end of a call").0]
}

/// Returns the names of the calls in a chain, without their arguments. A chain without calls is a name itself.
fn calls(chain: &str) -> Vec<&str> {
    let (mut depth, mut begun, mut calls) = (0, 0, vec![]);
    for (at, letter) in chain.char_indices() {
        if depth == 0 && letter == '(' {
            calls.push(&chain[begun..at]);
        }
        depth += deeper(letter);
        if depth == 0 && letter == ')' {
            begun = at + 1;
        }
    }
    if calls.is_empty() {
        calls.push(chain);
    }
    calls.into_iter().map(|call| call.trim_matches(|letter: char| !letter.is_alphanumeric())).collect()
}

#[test]
fn every_manner_of_writing_a_route_is_read() {
    let read =
        |source: &str| routes_in(source).into_iter().map(|(method, path)| method + " " + &path).collect::<Vec<_>>();
    assert_eq!(read(r#"Router::new().route("/a", get(one).post(two)).merge(three)"#), ["GET /a", "POST /a"]);
    let long = "Router::new()
        .route(
            page::PATH,
            get(|| async { see_other(HOME) })
                .delete(gone)
                .with_state(web.clone()),
        )
        // .route(\"/commented\", get(out))
        .route(\"/b/{id}\", head(looked).any(three).layer(from_fn(post)))";
    assert_eq!(read(long), ["GET page::PATH", "DELETE page::PATH", "ANY /b/{id}"]);
    let refused = [
        r#"r.route("/c", on(MethodFilter::GET, one))"#,
        r#"r.route("/c", ways())"#,
        r#"r.route("/c", head(one))"#,
        r#"r.nest("/c", more)"#,
    ];
    for source in refused {
        assert!(std::panic::catch_unwind(|| routes_in(source)).is_err(), "{source}");
    }
}
