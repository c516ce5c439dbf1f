//! The imports between the files of src/, and the circles that they form: files that need each other can only be read
//! together.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::is_ours;

/// Files by their module path, such as `["server", "store"]`.
type Modules<'f> = BTreeMap<Vec<String>, &'f str>;

#[test]
fn no_files_import_each_other_in_a_circle() {
    let circles = circles(&crate::files());
    assert!(circles.is_empty(), "these files import each other in a circle: {circles:#?}");
}

#[test]
fn a_circle_is_found() {
    let file = |text: &str| text.to_owned();
    let mut files = BTreeMap::from([
        (file("src/lib.rs"), file("pub mod a;\npub mod b;")),
        (file("src/a/mod.rs"), file("mod c;\nuse crate::{\n    b::{self, Thing},\n    x::Y,\n};")),
        (file("src/a/c.rs"), file("/// Like [`super::d`].\nfn one() { crate::b::Thing::new() }")),
        (file("src/b.rs"), file("pub struct Thing;\n#[cfg(test)]\nmod tests { use crate::a::c; }")),
        (file("src/a/d.rs"), file("use self::e::E;")),
        (file("src/a/d/e.rs"), file("struct E;")),
    ]);
    assert!(circles(&files).is_empty());
    files.insert(file("src/b.rs"), file("fn one() { view! { <p>{crate::a::c::one()}</p> } }"));
    assert_eq!(circles(&files), [["src/a/c.rs -> src/b.rs", "src/b.rs -> src/a/c.rs"]]);
    files.insert(file("src/a/d/e.rs"), file("use super::super::{c, d::D as Other};"));
    assert_eq!(circles(&files).len(), 2);
}

/// Returns the circles, each as its arrows from a file to one that it imports.
fn circles(files: &BTreeMap<String, String>) -> Vec<Vec<String>> {
    let sources = || files.iter().filter(|(path, _)| is_ours(path));
    let modules: Modules = sources().map(|(path, _)| (module_of(path), path.as_str())).collect();
    let imports: BTreeMap<&str, BTreeSet<&str>> =
        sources().map(|(path, text)| (path.as_str(), imports(path, text, &modules))).collect();
    let reached: BTreeMap<&str, BTreeSet<&str>> = imports.keys().map(|path| (*path, reached(path, &imports))).collect();
    let mut circles = vec![];
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (path, further) in &reached {
        let circle: BTreeSet<&str> = further.iter().copied().filter(|other| reached[other].contains(path)).collect();
        if circle.is_empty() || !seen.insert(path) {
            continue;
        }
        seen.extend(&circle);
        let arrows = circle.iter().flat_map(|from| imports[from].intersection(&circle).map(move |to| (from, to)));
        circles.push(arrows.map(|(from, to)| format!("{from} -> {to}")).collect());
    }
    circles
}

/// Returns all files that a file needs, by way of others too.
fn reached<'f>(path: &'f str, imports: &BTreeMap<&'f str, BTreeSet<&'f str>>) -> BTreeSet<&'f str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![path]);
    while let Some(path) = open.pop() {
        open.extend(imports[path].iter().copied().filter(|next| found.insert(*next)));
    }
    found
}

fn module_of(path: &str) -> Vec<String> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    let names = inside.split('/').filter(|name| !["mod", "lib", "main"].contains(name));
    names.map(str::to_owned).collect()
}

/// Returns the files that a file imports: by `use`, or by a path in its code. Its tests may import more.
fn imports<'f>(path: &'f str, text: &str, modules: &Modules<'f>) -> BTreeSet<&'f str> {
    let tokens: TokenStream = text.parse().expect("Rust");
    let mut paths = vec![];
    find_paths(&tokens.into_iter().collect::<Vec<_>>(), &mut paths);
    let here = module_of(path);
    paths.iter().filter_map(|path| resolved(path, &here, modules)).filter(|found| *found != path).collect()
}

/// Collects the paths that begin with `crate`, `super` or `self`.
fn find_paths(tokens: &[TokenTree], found: &mut Vec<Vec<String>>) {
    let mut at = 0;
    while at < tokens.len() {
        if is_test_module(&tokens[at..]) {
            at += 5;
        } else if ["crate", "super", "self"].contains(&tokens[at].to_string().as_str())
            && is_separator(&tokens[at + 1..])
        {
            at = read_path(tokens, at, vec![], found);
        } else {
            if let TokenTree::Group(group) = &tokens[at] {
                find_paths(&group.stream().into_iter().collect::<Vec<_>>(), found);
            }
            at += 1;
        }
    }
}

/// Reads one path, or the tree of paths of a `use`, and returns where it ends.
fn read_path(tokens: &[TokenTree], mut at: usize, mut path: Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(name)) => path.push(name.to_string()),
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Brace => {
                let list: Vec<TokenTree> = list.stream().into_iter().collect();
                // After the last comma there is nothing.
                for branch in list.split(|token| token.to_string() == ",").filter(|branch| !branch.is_empty()) {
                    read_path(branch, 0, path.clone(), found);
                }
                return at + 1;
            }
            _ => {}
        }
        at += 1;
        if !is_separator(tokens.get(at..).unwrap_or_default()) {
            found.push(path);
            return at;
        }
        at += 2;
    }
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    tokens.len() > 1 && tokens[..2].iter().all(|token| token.to_string() == ":")
}

/// Returns whether the tokens begin with `#[cfg(test)] mod name { … }`.
fn is_test_module(tokens: &[TokenTree]) -> bool {
    let word = |at: usize| tokens.get(at).map(ToString::to_string).unwrap_or_default();
    word(0) == "#" && word(1).replace(' ', "") == "[cfg(test)]" && word(2) == "mod"
}

/// Returns the file that a path leads into.
fn resolved<'f>(path: &[String], here: &[String], modules: &Modules<'f>) -> Option<&'f str> {
    let mut module = if path[0] == "crate" { vec![] } else { here.to_vec() };
    let mut names = path.iter().skip_while(|name| *name == "crate" || *name == "self").peekable();
    while names.next_if(|name| *name == "super").is_some() {
        module.pop();
    }
    let mut found = modules.get(&module).copied().filter(|_| !module.is_empty());
    for name in names {
        module.push(name.clone());
        found = modules.get(&module).copied().or(found);
    }
    found
}
