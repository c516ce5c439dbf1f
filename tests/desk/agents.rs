//! Tests the agent settings: a key is shown once, a new key overlaps the old one, a trial escalation arrives, and
//! a test agent gets test keys.

use bailout::domain::{operator::Role, time::Span};
use macro_rules_attribute::apply;
use serde_json::json;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, between, form, leads_to, shown},
        server::Agent,
    },
};

const AGENTS: &str = "/settings/agents";

async fn admin(server: &TestServer) -> Browser {
    server.person("Grace", Role::Admin).await;
    Browser::of("Grace", &server.url).await
}

/// Returns an agent that uses the key shown on a page.
fn with_key(page: &str, server: &TestServer) -> Agent {
    Agent { url: server.url.clone(), key: shown(page, "key").to_owned(), http: reqwest::Client::new() }
}

async fn agent_id(grace: &Browser) -> String {
    between(&grace.sees(AGENTS, 200).await, "name=\"agent\" value=\"", "\"").to_owned()
}

#[apply(on_both!)]
async fn a_key_is_shown_once_and_rotated_with_an_overlap(server: TestServer) {
    let grace = admin(&server).await;
    let page = grace.sends(AGENTS, &[("do", "add"), ("name", "<i>bot</i>")], 200).await;
    assert!(page.contains("&lt;i&gt;bot&lt;/i&gt;") && !page.contains("<i>bot"), "{page}");
    let first = with_key(&page, &server);
    assert!(page.contains(&format!("Authorization: Bearer {}", first.key)) && page.contains("escalate_to_human"));
    assert!(!grace.sees(AGENTS, 200).await.contains(&first.key), "the key is shown again");
    first.get("/escalations").await.ok(200);
    assert!(grace.sends(AGENTS, &[("do", "add"), ("name", "<i>bot</i>")], 422).await.contains("has a key"));
    assert!(grace.sends(AGENTS, &[("do", "add"), ("name", "  ")], 422).await.contains("A name must not be empty."));

    let agent = agent_id(&grace).await;
    let rotate = |overlap| [("do", "rotate"), ("agent", agent.as_str()), ("overlap", overlap)];
    let second = with_key(&grace.sends(AGENTS, &rotate("1"), 200).await, &server);
    server.pass(Span::minutes(59));
    for good in [&first, &second] {
        good.get("/escalations").await.ok(200);
    }
    assert!(grace.sees("/me", 200).await.contains("Me"));
    server.pass(Span::minutes(1));
    assert_eq!(first.get("/escalations").await.refused(401), "key_revoked");
    second.get("/escalations").await.ok(200);
    // All keys belong to the same agent: an escalation opened with one key can be read with another.
    let it = second.hands_over("conv_1").await;
    let confirmed = |fields: [(&'static str, &str); 3]| {
        form(&fields) + "&" + &form(&[("confirm_password", crate::support::server::PASSWORD)])
    };
    let now =
        grace.posts(AGENTS, &confirmed([("do", "rotate"), ("agent", &agent), ("overlap", "0")]), "same-origin").await;
    let third = with_key(&now.text().await.expect("a page"), &server);
    assert_eq!(second.get("/escalations").await.refused(401), "key_revoked");
    third.get(&format!("/escalations/{it}")).await.ok(200);
    // A later rotation does not postpone an earlier end, and revoking ends every key at once.
    let fourth = with_key(&grace.sends(AGENTS, &rotate("1"), 200).await, &server);
    let fifth = with_key(&grace.sends(AGENTS, &rotate("24"), 200).await, &server);
    server.pass(Span::hours(1));
    assert_eq!(third.get("/escalations").await.refused(401), "key_revoked");
    for good in [&fourth, &fifth] {
        good.get("/escalations").await.ok(200);
    }
    assert!(grace.sees(AGENTS, 200).await.contains("Revoke all keys"));
    grace.posts(AGENTS, &confirmed([("do", "revoke"), ("agent", &agent), ("overlap", "")]), "same-origin").await;
    for revoked in [&fourth, &fifth] {
        assert_eq!(revoked.get("/escalations").await.refused(401), "key_revoked");
    }
    assert!(grace.sends(AGENTS, &rotate("9"), 422).await.contains("Choose when the old key ends."));
    let page = grace.sees(AGENTS, 200).await;
    assert!(page.contains("It has no key.") && !page.contains("Revoke all keys"), "{page}");
}

#[apply(on_both!)]
async fn a_trial_escalation_gets_there_and_says_that_it_is_one(server: TestServer) {
    let grace = admin(&server).await;
    let bot = server.agent("billing-bot").await;
    let agent = agent_id(&grace).await;
    // Agents and customers see only the public names of operators.
    let renamed = sqlx::query("update operator set public_name = 'The desk'");
    renamed.execute(server.desk.store().writer()).await.expect("a public name");
    let sent = grace.posts("/settings/agents/trial", &form(&[("agent", &agent)]), "same-origin").await;
    let path = leads_to(&sent).to_owned();
    let id = path.strip_prefix("/e/").expect("an escalation");
    let page = grace.sees(&path, 200).await;
    assert!(page.contains("A trial, sent from the settings by The desk."), "{page}");
    // The escalation belongs to the agent and is opened like any other.
    let seen = bot.get(&format!("/escalations/{id}")).await.ok(200);
    assert_eq!((&seen["status"], &seen["reason"]["label"]), (&json!("waiting"), &json!("trial")));
    assert!(grace.sends("/settings/agents/trial", &[("agent", "agt_nobody")], 422).await.contains("no such agent"));
}

#[apply(on_both!)]
async fn a_test_agent_gets_test_keys(server: TestServer) {
    let grace = admin(&server).await;
    let page = grace.sends(AGENTS, &[("do", "add"), ("name", "ci-bot"), ("test", "on")], 200).await;
    let first = with_key(&page, &server);
    assert!(first.key.starts_with("blt_test_") && page.contains("A test agent. Robot answers"), "{page}");
    assert!(!page.contains("Send a trial escalation"), "a trial is for the operators, who see no tests");
    assert_eq!(first.get("/desk").await.ok(200)["test"], true);
    // Another key is a test key, too.
    let agent = agent_id(&grace).await;
    let page = grace.sends(AGENTS, &[("do", "rotate"), ("agent", &agent), ("overlap", "1")], 200).await;
    assert!(with_key(&page, &server).key.starts_with("blt_test_"), "{page}");
    // An agent stays what it is.
    let page = grace.sends(AGENTS, &[("do", "add"), ("name", "ci-bot")], 422).await;
    assert!(page.contains("There is a test agent of this name."), "{page}");
    server.agent("shop-bot").await;
    let page = grace.sends(AGENTS, &[("do", "add"), ("name", "shop-bot"), ("test", "on")], 422).await;
    assert!(page.contains("There is an agent of this name that is no test agent."), "{page}");
}
