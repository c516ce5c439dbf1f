//! Tests that the escalations of test agents stand outside the work of operators, and say everywhere that they are tests.

use bailout::{
    domain::{
        disposition::Disposition,
        event::TransferTarget,
        inbox::View,
        operator::{Operator, Role},
        outcome::Resolution,
        refusal::Refusal,
        text::NoteText,
        time::Span,
    },
    server::{core::command::OperatorVerb, store::escalations},
};
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    queues::{list, refused},
    support::{
        Person, TestServer,
        browser::Browser,
        program::bailout,
        server::{Agent, id},
    },
};

/// Opens an escalation that Robot leaves alone.
async fn opens_alone(agent: &Agent) -> String {
    let wish = json!({"rehearse": {"disposition": "unanswered"}});
    agent.escalates(json!({"conversation": {"id": "chat_1", "messages": []}, "metadata": wish})).await
}

/// Returns the ids on a list.
async fn ids(person: &Person, view: View) -> Vec<String> {
    list(person, view).await.rows.iter().map(|row| row.id.to_string()).collect()
}

#[apply(on_both!)]
async fn tests_stand_outside_lists_counts_queues_and_alerts(server: TestServer) {
    let ada = server.person("Ada", Role::Supervisor).await;
    let (live, test) = (server.agent("shop-bot").await, server.test_agent("ci-bot").await);
    let rehearsed = opens_alone(&test).await;
    let real = opens_alone(&live).await;
    let sql = "select open from workspace where id = $1";
    let counted = async || -> i64 {
        let query = sqlx::query_scalar(sql).bind(server.workspace.to_string());
        query.fetch_one(server.desk.store().reader()).await.expect("a number")
    };
    assert_eq!(counted().await, 1, "tests take no room of real escalations");
    let seen = async |view: View| ids(&ada, view).await;
    assert_eq!((seen(View::Queue).await, seen(View::All).await), (vec![real.clone()], vec![real.clone()]));
    assert_eq!(seen(View::Tests).await, [rehearsed.as_str()]);
    let counts = list(&ada, View::Tests).await.counts;
    assert_eq!((counts.waiting, counts.open, counts.mine, counts.missed), (1, 1, 0, 0));
    // The test was opened first, and nobody waits behind it.
    let desk = live.get("/desk").await.ok(200);
    assert_eq!((&desk["waiting"], &desk["test"]), (&json!(1), &Value::Null));
    let open = live.get(&format!("/escalations/{real}")).await.ok(200);
    assert_eq!(open["desk"]["waiting_ahead"], 0, "{open}");
    let due = escalations::alerts_due(server.desk.store(), server.now() + Span::hours(1), 10).await.expect("alerts");
    assert_eq!(due.into_iter().map(|(_, it)| it.to_string()).collect::<Vec<_>>(), [real.as_str()]);

    // Robot answers within a second, and that is not how soon operators claim.
    let answered = test.escalates(json!({"ask": {"kind": "question"}})).await;
    test.get(&format!("/escalations/{answered}?until=outcome&wait=30")).await.ok(200);
    assert_eq!(live.get("/desk").await.ok(200)["median_claim_seconds"], Value::Null);
    // Tests that have ended or expired are on no other list, either.
    server.pass(Span::hours(1));
    test.get(&format!("/escalations/{rehearsed}?until=outcome&wait=30")).await.ok(200);
    live.get(&format!("/escalations/{real}?until=outcome&wait=30")).await.ok(200);
    assert_eq!((seen(View::Missed).await, seen(View::Closed).await), (vec![real.clone()], vec![real.clone()]));
    assert_eq!(counted().await, 0);
    let mut tests = seen(View::Tests).await;
    tests.sort();
    assert_eq!(tests, [rehearsed.as_str(), answered.as_str()]);
    let page = Browser::of("Ada", &server.url).await.sees("/tests", 200).await;
    assert!(page.contains(&answered) && !page.contains(&real), "{page}");
}

#[apply(on_both!)]
async fn a_test_says_everywhere_that_it_is_one(server: TestServer) {
    let (live, test) = (server.agent("shop-bot").await, server.test_agent("ci-bot").await);
    let desk = test.get("/desk").await.ok(200);
    let facts =
        ["test", "operators_available", "reachable", "waiting", "median_claim_seconds"].map(|it| desk[it].clone());
    assert_eq!(facts, [json!(true), json!(1), json!(1), json!(0), json!(1)], "Robot is always there");
    let open =
        test.post("/escalations", json!({"reason": {"text": "A refund."}, "ask": {"kind": "question"}})).await.ok(201);
    assert_eq!((&open["test"], &open["desk"]["operators_available"]), (&json!(true), &json!(1)), "{open}");
    let path = format!("/escalations/{}", open["id"].as_str().expect("an id"));
    let ended = test.get(&format!("{path}?until=outcome&wait=30")).await.ok(200);
    assert_eq!((&ended["test"], &ended["outcome"]["test"]), (&json!(true), &json!(true)), "{ended}");
    let events = test.get(&format!("{path}/events")).await.ok(200);
    for event in events["items"].as_array().expect("events") {
        assert_eq!((&event["test"], &event["data"]["escalation"]["test"]), (&json!(true), &json!(true)), "{event}");
    }
    let listed = test.get("/escalations").await.ok(200);
    assert_eq!(listed["items"][0]["test"], true, "{listed}");
    // Nothing else is a test.
    let open = live.post("/escalations", json!({"reason": {"text": "A refund."}})).await.ok(201);
    let path = format!("/escalations/{}", open["id"].as_str().expect("an id"));
    live.post(&format!("{path}/cancel"), json!({})).await.ok(200);
    let ended = live.get(&path).await.ok(200);
    let events = live.get(&format!("{path}/events")).await.ok(200);
    for it in [&open, &ended, &ended["outcome"], &events["items"][0], &events["items"][0]["data"]["escalation"]] {
        assert_eq!(it.get("test"), None, "{it}");
    }
}

#[apply(on_both!)]
async fn operators_only_read_tests_and_robot_answers_nothing_else(server: TestServer) {
    let ada = server.person("Ada", Role::Admin).await;
    let (live, test) = (server.agent("shop-bot").await, server.test_agent("ci-bot").await);
    let (rehearsed, real) = (opens_alone(&test).await, opens_alone(&live).await);
    let robot = Person { operator: Operator::robot(), ..ada.clone() };
    let verbs = || {
        [
            OperatorVerb::Claim,
            OperatorVerb::TakeOver { fence: None },
            OperatorVerb::Note { text: NoteText::parse("Noted.").expect("a note") },
            OperatorVerb::Mark { urgency: None, tags: Some(vec![]) },
            OperatorVerb::Transfer { fence: None, to: TransferTarget::Operator(ada.operator.who.clone()), note: None },
            OperatorVerb::FollowUp { note: None },
        ]
    };
    for verb in verbs() {
        assert_eq!(refused(ada.does(id(&rehearsed), verb).await), Refusal::IsTest);
    }
    for verb in verbs() {
        assert_eq!(refused(robot.does(id(&real), verb).await), Refusal::IsTest);
    }
    assert_eq!(refused(ada.resolves(&rehearsed, None, Resolution::bare(Disposition::Handled)).await), Refusal::IsTest);
    let seen = test.get(&format!("/escalations/{rehearsed}")).await.ok(200);
    assert_eq!(seen["status"], "waiting");
    // The page shows it, and offers nothing to do.
    let grace = Browser::of("Ada", &server.url).await;
    let page = grace.sees(&format!("/e/{rehearsed}"), 200).await;
    assert!(page.contains("A test, which Robot answers") && !page.contains("composer-text"), "{page}");
    assert!(grace.sees(&format!("/e/{real}"), 200).await.contains("composer-text"));
}

#[apply(on_both!)]
async fn the_command_line_adds_test_agents(server: TestServer) {
    let add = |name: &str, more: &[&str]| {
        let mut command = bailout(&server.database);
        let added =
            command.args(["admin", "agent", "add", "--name", name]).args(more).output().expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").trim().to_owned();
        (added.status.success(), text(added.stdout), text(added.stderr))
    };
    // A SQLite file has one server, but a command may run beside it.
    let (done, key, said) = add("ci-bot", &["--test"]);
    assert!(done && key.starts_with("blt_test_") && said.contains("which Robot answers"), "{key} {said}");
    let agent = Agent { url: server.url.clone(), key, http: reqwest::Client::new() };
    assert_eq!(agent.get("/desk").await.ok(200)["test"], true);
    let (done, _, said) = add("ci-bot", &[]);
    assert!(!done && said.contains("the agent ci-bot was not added: There is a test agent of this name."), "{said}");
}
