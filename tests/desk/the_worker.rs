//! Tests that the worker of the agents' documentation, examples/python/the_worker.py, acts on each outcome once, however
//! often it is killed.

use std::{
    collections::BTreeSet,
    process::{Child, Command, Stdio},
    time::Duration,
};

use bailout::domain::{
    ask::Verdict,
    disposition::Disposition,
    operator::Role,
    outcome::{DecisionRequest, ExecutedBy, Resolution},
    text::Text,
};
use macro_rules_attribute::apply;
use serde_json::json;

use crate::{
    on_both,
    support::{
        TestServer,
        chance::Chance,
        server::{Agent, soon},
    },
};

/// How many decisions are open at once.
const DECISIONS: usize = 200;

/// Starts the worker. Returns `None` when Python is not installed, except in CI, where that fails.
fn start(bot: &Agent, journal: &std::path::Path) -> Option<Child> {
    let mut command = Command::new("python3");
    command.arg("examples/python/the_worker.py").arg(journal).stdin(Stdio::null());
    command.env("BAILOUT_URL", &bot.url).env("BAILOUT_KEY", &bot.key).env("PYTHONDONTWRITEBYTECODE", "1");
    match command.spawn() {
        Ok(child) => Some(child),
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "python3 is needed for this story; bin/setup installs it");
            eprintln!("no python3 on this machine: the story of the worker is not told");
            None
        }
    }
}

fn kill(mut worker: Child) {
    worker.kill().expect("it runs");
    worker.wait().expect("an end");
}

/// Approves the one action of a decision, or rejects it.
fn verdict(is_approved: bool) -> Resolution<DecisionRequest> {
    let decision = if is_approved { Verdict::Approve } else { Verdict::Reject };
    let comment = (!is_approved).then(|| Text::from_static("Too much."));
    let executed_by = ExecutedBy::Agent;
    let request = DecisionRequest { id: Text::from_static("a1"), decision, edits: vec![], comment, executed_by };
    Resolution { actions: vec![request], ..Resolution::bare(Disposition::Approved) }
}

#[apply(on_both!)]
async fn each_of_two_hundred_outcomes_is_acted_on_once(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal.txt");
    let Some(mut worker) = start(&bot, &journal) else { return };
    let mut chance = Chance::of("the_worker");
    let mut open = vec![];
    for eur in 0..DECISIONS {
        let action = json!({"id": "a1", "name": "refund", "arguments": {"eur": eur}});
        open.push((bot.escalates(json!({"ask": {"kind": "decision", "actions": [action]}})).await, eur));
    }
    // The worker is killed while it starts, waits, runs and acknowledges. Every tenth decision is rejected.
    let mut approved = BTreeSet::new();
    while !open.is_empty() {
        let (id, eur) = open.swap_remove(chance.below(open.len()));
        let is_approved = !chance.once_in(10);
        ada.resolves(&id, None, verdict(is_approved)).await.expect("a decision");
        if is_approved {
            approved.insert(format!("{id}/a1 refund {{\"eur\": {eur}}}"));
        }
        if chance.once_in(12) {
            tokio::time::sleep(Duration::from_millis(chance.below(300) as u64)).await;
            kill(worker);
            worker = start(&bot, &journal).expect("Python");
        }
    }
    soon("the acknowledgement of every outcome", async || {
        let left = bot.get("/escalations?acknowledged=false&limit=1").await.ok(200);
        left["items"].as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
    kill(worker);
    let ran = std::fs::read_to_string(&journal).expect("a journal");
    let lines: Vec<&str> = ran.lines().collect();
    assert_eq!(lines.len(), approved.len(), "an action was run twice or not at all");
    assert_eq!(lines.iter().copied().collect::<BTreeSet<_>>(), approved.iter().map(String::as_str).collect());
    assert!(!approved.is_empty() && approved.len() < DECISIONS);
}

// The moment between an action and its acknowledgement. The controls: without the line in the journal, or with half of it,
// the action is run.
#[apply(on_both!)]
async fn an_action_that_ran_before_a_crash_is_only_acknowledged(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let folder = tempfile::tempdir().expect("a folder");
    for (name, whole, is_run) in [("whole", Some("\n"), false), ("none", None, true), ("half", Some(""), true)] {
        let action = json!({"id": "a1", "name": "refund", "arguments": {}});
        let it = bot.escalates(json!({"ask": {"kind": "decision", "actions": [action]}})).await;
        ada.resolves(&it, None, verdict(true)).await.expect("a decision");
        let journal = folder.path().join(name);
        let before = whole.map(|end| format!("{it}/a1 refund {{}}{end}")).unwrap_or_default();
        std::fs::write(&journal, &before).expect("a journal");
        let Some(worker) = start(&bot, &journal) else { return };
        soon("an acknowledgement", async || {
            let seen = bot.get(&format!("/escalations/{it}")).await.ok(200);
            seen["acknowledged_at"].is_string().then_some(())
        })
        .await;
        kill(worker);
        let after = std::fs::read_to_string(&journal).expect("a journal");
        assert_eq!(after, format!("{it}/a1 refund {{}}\n"), "{name}");
        assert_eq!(after != before, is_run, "{name}");
    }
}
