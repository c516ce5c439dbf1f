//! The house rules of ARCHITECTURE.md, checked on the text of the files. Each rule is a function from a file to its
//! faults, and stands beside a file that breaks it: a rule that its own breaker passes is no rule.

mod circles;
mod codec;
mod migrations;
mod timeouts;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bailout::server::config::Cli;
use clap::CommandFactory;

use self::timeouts::waits_end;

/// The faults of one file, given its path from the root (with `/`) and its text.
type Rule = fn(path: &str, text: &str) -> Vec<String>;

/// Name, rule, and the path and text of a breaker.
#[rustfmt::skip] // a table: one rule, one line
const RULES: &[(&str, Rule, &str, &str)] = &[
    ("a file can be read in one sitting", short, "src/domain/ids.rs", LONG),
    ("a module says what it is for", says_what_it_is_for, "src/domain/ids.rs", "use serde::Serialize;\n"),
    ("the rooms are chosen in lib.rs", two_cfg_lines, "src/domain/ids.rs", "#[cfg(feature = \"ssr\")]\nmod a;\n"),
    ("lib.rs chooses twice", two_cfg_lines, "src/lib.rs", "#[cfg(feature = \"ssr\")]\npub mod server;\n"),
    ("the domain knows no technology", domain_is_pure, "src/domain/ids.rs", "use sqlx::Row;\n"),
    ("the domain knows no other room", domain_is_pure, "src/domain/ids.rs", "use crate::{server::desk};\n"),
    ("parts call nobody", parts_call_nobody, "src/app/parts/row.rs", "use crate::app::{actions, live};\n"),
    ("the app does not know the server", app_knows_no_server, "src/app/live.rs", "let desk = crate::server::core::desk();\n"),
    ("actions meet the server in bodies", app_knows_no_server, "src/app/actions/a.rs", "use crate::server::core::desk;\n"),
    ("a server function guards first", guards_first, "src/app/actions/a.rs", UNGUARDED),
    ("doors do not open into each other", doors_stay_shut, "src/server/api/a.rs", "use crate::server::site::csrf;\n"),
    ("nothing imports a door", doors_stay_shut, "src/server/desk.rs", "use super::{bell, workers};\n"),
    ("only main names the demo", demo_stays_alone, "src/server/router.rs", "use super::{api, demo::DemoPasses};\n"),
    ("a doc sentence names its subject", names_its_subject, "src/domain/a.rs", "/// What an agent\n/// wants.\n"),
    ("every doc sentence does", names_its_subject, "src/domain/a.rs", "/// A name. Whoever\n/// has it, is called.\n"),
    ("stories wait for what they see", no_sleeping, "end2end/stories/a.ts", concat!("waitFor", "Timeout(9)")),
    ("what is told to set is a setting", settings_are_known, "examples/deploy/a.env", "#BAILOUT_PORT=3000\n"),
    ("every read from a peer stands inside a timeout", waits_end, "src/server/a.rs", "fn a() {\n    to_bytes(body, 9).await\n}\n"),
    ("every query has a deadline", waits_end, "src/server/a.rs", "struct A(sqlx::AnyPool);\n"),
    ("an operator is no agent", operators_are_people, "README.md", concat!("Asks a Human", "\nagent.")),
];

const LONG: &str = include_str!("../../Cargo.lock");
const THE_LOOP: &str = include_str!("../../examples/python/the_loop.py");

const UNGUARDED: &str = "#[server]
pub async fn claim(id: String) -> Answer {
    use crate::server::site::session;
    desk().claim(id).await;
    session::guard().await
}";

#[test]
fn the_house_is_tidy() {
    let files = files();
    assert!(files.contains_key("src/lib.rs"), "the files were not found");
    let faults: Vec<String> = RULES
        .iter()
        .flat_map(|&(name, rule, ..)| files.iter().map(move |(path, text)| (name, path, rule(path, text))))
        .flat_map(|(name, path, faults)| faults.into_iter().map(move |fault| format!("{path}: {fault} ({name})")))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_rule_catches_its_breaker() {
    for (name, rule, path, text) in RULES {
        assert!(!rule(path, text).is_empty(), "'{name}' lets its breaker pass");
    }
}

#[test]
fn rules_leave_the_innocent_alone() {
    let guarded = UNGUARDED.replace("desk().claim(id).await;", "let me = session::guard(Role::Operator).await?;");
    let innocent: [(Rule, &str, &str); 9] = [
        (guards_first, "src/app/actions/a.rs", &guarded),
        (app_knows_no_server, "src/app/actions/a.rs", &guarded),
        (parts_call_nobody, "src/app/parts/card.rs", "show(ask.actions.len()); // not actions::claim"),
        (doors_stay_shut, "src/server/api/open.rs", "use super::json::ApiJson;\nuse crate::server::api::streams;"),
        (doors_stay_shut, "src/server/router.rs", "use super::{api, site};"),
        (doors_stay_shut, "src/server/console/live.rs", "use crate::server::site::session;"),
        (
            names_its_subject,
            "src/domain/a.rs",
            "/// The whole: one line.\n/// Says what it is. Whose it is.\n// What is no doc.\n",
        ),
        (demo_stays_alone, "src/server/demo/live.rs", "use crate::server::demo::hand;"),
        (settings_are_known, "README.md", "`BAILOUT_…`, as BAILOUT_ADDR=127.0.0.1:3000; \"$BAILOUT_DATABASE_URL\""),
    ];
    for (rule, path, text) in innocent {
        assert_eq!(rule(path, text), [""; 0]);
    }
}

#[test]
fn leptos_toml_agrees_with_cargo_toml() {
    let read = |name: &str| fs::read_to_string(name).unwrap_or_default();
    let (leptos, cargo) = (read("Leptos.toml"), read("Cargo.toml"));
    assert_eq!(disagreements(&leptos, &cargo), [""; 0]);
    assert!(leptos.lines().any(|line| line == "[package.metadata.leptos]"), "its reader looks for exactly this line");
    assert_eq!(disagreements(&leptos.replace("3001", "3002"), &cargo), ["reload-port"]);
}

/// The last commit before subjects had to be one idea each.
const BEFORE_ONE_IDEA: &str = "50b8c3046d5aab57e806aa1e0cfd1185b8fa06ef";

#[test]
fn a_commit_subject_is_one_idea() {
    assert!(is_one_idea("Hash passwords in NFC") && !is_one_idea("Hash passwords in NFC; style the list"));
    let range = format!("{BEFORE_ONE_IDEA}..HEAD");
    let log = Command::new("git").args(["log", "--format=%s", &range]).stderr(Stdio::null()).output();
    // Without git, without a history, or in a copy that lacks its beginning there is nothing to check.
    let Some(log) = log.ok().filter(|log| log.status.success()) else { return };
    let subjects = String::from_utf8_lossy(&log.stdout).into_owned();
    let several: Vec<&str> = subjects.lines().filter(|subject| !is_one_idea(subject)).collect();
    assert_eq!(several, [""; 0], "these subjects have several ideas");
}

fn is_one_idea(subject: &str) -> bool {
    !subject.contains(';')
}

#[test]
fn no_two_public_types_share_a_name() {
    let files = files();
    let sources = || files.iter().filter(|(path, _)| is_ours(path)).map(|(path, text)| (path.as_str(), text.as_str()));
    assert_eq!(shared_names(sources()), [""; 0]);
    let again = ("src/app/other.rs", "/// Another one.\npub(crate) struct Escalation;\n");
    let found = shared_names(sources().chain([again]));
    assert_eq!(found, ["Escalation is the name of types in src/app/other.rs, src/domain/escalation/mod.rs"]);
}

/// The names that several public types have.
fn shared_names<'f>(files: impl Iterator<Item = (&'f str, &'f str)>) -> Vec<String> {
    let mut homes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, text) in files {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let is_public = words.next().is_some_and(|word| word == "pub" || word.starts_with("pub("));
            // An associated type has the name that its trait gives it.
            let is_type = words.next().is_some_and(|word| ["struct", "enum", "union", "trait", "type"].contains(&word));
            let Some(declared) = words.next().filter(|_| is_public && is_type) else { continue };
            let name: String = declared.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
            homes.entry(name).or_default().push(path);
        }
    }
    let shared = homes.into_iter().filter(|(_, homes)| homes.len() > 1);
    let told = shared.map(|(name, mut homes)| {
        homes.sort_unstable();
        format!("{name} is the name of types in {}", homes.join(", "))
    });
    told.collect()
}

fn short(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    fault(is_ours(path) && lines > 400, &format!("{lines} lines; stop at 400"))
}

fn says_what_it_is_for(path: &str, text: &str) -> Vec<String> {
    let rust = path.ends_with(".rs") && (path.starts_with("src/") || path.starts_with("tests/") || path == "build.rs");
    fault(rust && !text.starts_with("//!"), "opens without `//!`")
}

fn two_cfg_lines(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let on_feature = |line: &&str| line.contains("cfg") && line.contains("feature");
    let found = code.lines().filter(on_feature).count();
    let wanted = if path == "src/lib.rs" { 2 } else { 0 };
    let sentence = format!("{found} cfg lines on a feature instead of {wanted}");
    fault(is_ours(path) && found != wanted, &sentence)
}

fn domain_is_pure(path: &str, text: &str) -> Vec<String> {
    if !path.starts_with("src/domain/") {
        return vec![];
    }
    let code = code(text);
    let technology = ["sqlx", "axum", "leptos", "tokio"].into_iter();
    let technology = technology.filter(|name| names(&code, name));
    let rooms = ["app", "server"].into_iter().filter(|room| {
        code.contains(&format!("crate::{room}"))
            || uses(&code).any(|line| line.contains("crate::{") && names(line, room))
    });
    technology.chain(rooms).map(|name| format!("names {name}")).collect()
}

fn parts_call_nobody(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let calls = code.contains("actions::") || uses(&code).any(|line| names(line, "actions"));
    fault(path.starts_with("src/app/parts/") && calls, "names the actions")
}

fn app_knows_no_server(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let in_use = |line: &str| line.contains("crate") && names(line, "server");
    // In an action, inside a body is further right than the margin.
    let known = if path.starts_with("src/app/actions/") {
        uses(&code).any(|line| !line.starts_with([' ', '\t']) && in_use(line))
    } else {
        code.contains("crate::server") || uses(&code).any(in_use)
    };
    fault(path.starts_with("src/app/") && known, "names crate::server outside a #[server] body")
}

fn guards_first(path: &str, text: &str) -> Vec<String> {
    if !path.starts_with("src/app/") {
        return vec![];
    }
    let code = code(text);
    let functions = code.split("#[server").skip(1);
    functions
        .filter(|rest| rest.starts_with([']', '(']))
        .filter_map(|function| {
            let (head, body) = function.split_once("fn ")?.1.split_once('{')?;
            let mut statements = body.split(';').map(str::trim);
            let first = statements.find(|statement| !statement.starts_with("use "))?;
            let guards = names(first, "guard") && (first.contains("guard(") || first.contains("guard::"));
            let name = head.split(['(', '<']).next().unwrap_or(head);
            (!guards).then(|| format!("`{name}` does something before it calls a guard"))
        })
        .collect()
}

/// api, console, mcp, site and workers are where the world comes in: only the router and the server itself know them. The
/// console and the demo's links also use the sessions and the answers of the site.
fn doors_stay_shut(path: &str, text: &str) -> Vec<String> {
    let Some(inside) = path.strip_prefix("src/server/") else {
        return vec![];
    };
    if ["mod.rs", "router.rs"].contains(&inside) {
        return vec![];
    }
    let code = code(text);
    let may_use_the_site = inside.starts_with("console/") || inside == "demo/passes.rs";
    ["api", "console", "mcp", "site", "workers"]
        .into_iter()
        .filter(|door| !(*door == "site" && may_use_the_site))
        .filter(|door| !inside.starts_with(&format!("{door}/")) && inside != format!("{door}.rs"))
        .filter(|door| {
            let named = ["server", "super"].iter().any(|room| names(&code, &format!("{room}::{door}")));
            let listed =
                |line: &str| ["server::{", "super::{"].iter().any(|list| line.contains(list)) && names(line, door);
            named || uses(&code).any(listed)
        })
        .map(|door| format!("imports server::{door}"))
        .collect()
}

/// A sentence that begins with one of these stands for a noun that the reader has to guess.
fn names_its_subject(path: &str, text: &str) -> Vec<String> {
    if !is_ours(path) {
        return vec![];
    }
    let mut faults = vec![];
    let docs = text.lines().map(|line| {
        let line = line.trim_start();
        line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim).filter(|line| !line.is_empty())
    });
    let mut ends = true;
    for line in docs {
        let Some(line) = line else {
            ends = true;
            continue;
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        for word in words {
            if ends && ["What", "Who", "Whoever", "One"].contains(&word) {
                faults.push(format!("a doc sentence begins with {word}: {line}"));
            }
            ends = word.ends_with(['.', '!', '?']);
        }
    }
    faults
}

/// The program that serves customers must not depend on the play for visitors.
fn demo_stays_alone(path: &str, text: &str) -> Vec<String> {
    if !is_ours(path) || path == "src/main.rs" || path.starts_with("src/server/demo/") {
        return vec![];
    }
    let code = code(text);
    let named = ["server", "super"].iter().any(|room| names(&code, &format!("{room}::demo")));
    let listed = |line: &str| ["server::{", "super::{"].iter().any(|list| line.contains(list)) && names(line, "demo");
    fault(named || uses(&code).any(listed), "names the demo")
}

fn no_sleeping(path: &str, text: &str) -> Vec<String> {
    let sleeps = path.starts_with("end2end/") && text.contains(concat!("waitFor", "Timeout"));
    fault(sleeps, "sleeps instead of waiting for what it expects")
}

/// Each setting that the documents name is read by the program, or by the example of an agent.
fn settings_are_known(path: &str, text: &str) -> Vec<String> {
    if path != "README.md" && !path.starts_with("examples/deploy/") {
        return vec![];
    }
    let program = Cli::command();
    let known: Vec<_> = program.get_arguments().filter_map(|it| it.get_env()?.to_str()).collect();
    let named = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let named = named.filter(|word| word.strip_prefix("BAILOUT_").is_some_and(|rest| !rest.is_empty()));
    let read = |name: &&str| known.contains(name) || THE_LOOP.contains(&format!("environ.get(\"{name}\""));
    named.filter(|name| !read(name)).map(|name| format!("{name} is no setting of the program")).collect()
}

/// An agent is a program and an operator a person, everywhere.
fn operators_are_people(path: &str, text: &str) -> Vec<String> {
    // The checksum of a released migration is compiled in, so its comments stay as they are.
    if path.starts_with("migrations/") {
        return vec![];
    }
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let wrong = words.join(" ").contains(concat!("human", " agent"));
    fault(wrong, "calls a person an agent: say operator")
}

/// The keys of Leptos.toml whose values are not those of Cargo.toml.
fn disagreements(leptos: &str, cargo: &str) -> Vec<String> {
    let [leptos, cargo] = [leptos, cargo].map(|text| {
        let section = text.split("\n[package.metadata.leptos]\n").nth(1).unwrap_or_default();
        let lines = section.lines().take_while(|line| !line.starts_with('['));
        let pairs = lines.filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(key, value)| (key.trim(), value.trim()));
        pairs.collect::<BTreeMap<_, _>>()
    });
    assert!(!leptos.is_empty(), "Leptos.toml has no site settings");
    let differ = leptos.iter().filter(|(key, value)| cargo.get(*key) != Some(value));
    differ.map(|(key, _)| key.to_string()).collect()
}

fn is_ours(path: &str) -> bool {
    path.starts_with("src/") && path.ends_with(".rs")
}

fn fault(is_fault: bool, sentence: &str) -> Vec<String> {
    if is_fault { vec![sentence.into()] } else { vec![] }
}

/// The text without its comments; a `//` inside a string or an address counts as none.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| match line.trim_start().starts_with("//") {
        true => "",
        false => line.split_once(" // ").map_or(line, |(code, _)| code),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The `use` statements, each from the margin of its first line to its semicolon.
fn uses(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("use ").filter_map(|(at, _)| {
        let margin = code[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = code[margin..at].trim();
        (before.is_empty() || before.starts_with("pub")).then(|| code[margin..].split(';').next())?
    })
}

/// Returns whether the text has this name, as a whole one.
fn names(text: &str, name: &str) -> bool {
    let is_part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    text.match_indices(name)
        .any(|(at, _)| !is_part(text[..at].chars().next_back()) && !is_part(text[at + name.len()..].chars().next()))
}

/// Every text of ours by its path from the root, which is where cargo runs tests.
fn files() -> BTreeMap<String, String> {
    let ours = "src tests benches examples end2end style migrations bin build.rs README.md ARCHITECTURE.md";
    let mut open: Vec<PathBuf> = ours.split(' ').map(PathBuf::from).collect();
    let mut found = BTreeMap::new();
    while let Some(path) = open.pop() {
        if ["node_modules", "test-results", "playwright-report"].contains(&name_of(&path).as_str()) {
            continue;
        } else if path.is_dir() {
            open.extend(list(&path));
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.insert(path.to_string_lossy().replace('\\', "/"), text);
        }
    }
    found
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
