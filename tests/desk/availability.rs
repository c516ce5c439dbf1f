//! Tests availability: the numbers in `desk` that agents receive, and operators who go away.

use bailout::{
    domain::{operator::Role, queue::QueueDefaults, time::Span},
    server::store::operators,
};
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{TestServer, browser::Browser},
};

#[apply(on_both!)]
async fn agents_are_told_who_could_come_and_who_waits_before(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let [ada, ana] = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    let vera = server.person("Vera", Role::Viewer).await;
    server.queue("billing", &[&ana], QueueDefaults::default()).await;
    let told = async |it: &str| bot.get(&format!("/escalations/{it}")).await.ok(200)["desk"].clone();
    let with_away = |available: i64, reachable: i64, ahead: i64, median: Option<i64>| {
        let people = json!({"operators_available": available, "reachable": reachable});
        let rest = json!({"waiting_ahead": ahead, "median_claim_seconds": median});
        Value::Object(
            [people, rest].iter().filter_map(Value::as_object).flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        )
    };
    let desk = |available: i64, ahead: i64, median| with_away(available, available, ahead, median);
    let body = json!({"reason": {"code": "other", "text": "help"}});
    let opened = bot.post("/escalations", body.clone()).await.ok(201);
    assert_eq!(opened["desk"], desk(0, 0, None), "nobody is here, and nobody ever was");
    let first = opened["id"].as_str().expect("an id").to_owned();
    for person in [&ada, &ana, &vera] {
        person.is_seen().await;
    }
    let second = bot.post("/escalations", body).await.ok(201);
    assert_eq!(second["desk"], desk(2, 1, None), "a viewer comes to nobody's help");
    let second = second["id"].as_str().expect("an id").to_owned();
    let billing = bot.escalates(json!({"routing": {"queue": "billing"}})).await;
    assert_eq!(told(&first).await, desk(2, 0, None));
    assert_eq!(told(&second).await, desk(2, 1, None));
    assert_eq!(told(&billing).await, desk(1, 0, None), "members only, and only what waits there");

    // The control: an operator who is away does not count, although just seen. Once she is back, she counts.
    let hers = Browser::of("Ada", &server.url).await;
    for (away, available) in [(true, 1), (false, 2)] {
        let said = hers.calls("set_availability", &format!("away={away}&release=false")).send().await;
        assert_eq!(said.expect("an answer").status(), 200);
        assert_eq!(told(&second).await, with_away(available, 2, 1, None), "who is away is still reachable");
    }
    // An agent may look before it opens: at the default queue, or at another one.
    let look = async |query: &str| bot.get(&format!("/desk{query}")).await.ok(200);
    let now = json!({"queue": "default", "operators_available": 2, "reachable": 2, "waiting": 2, "median_claim_seconds": null});
    assert_eq!((look("").await, look("?queue=nobody-knows").await), (now.clone(), now));
    let now = json!({"queue": "billing", "operators_available": 1, "reachable": 1, "waiting": 1, "median_claim_seconds": null});
    assert_eq!(look("?queue=billing").await, now);
    assert_eq!(bot.get("/desk?que=billing").await.refused(400), "bad_parameter");
    // An operator who has not been seen for a while does not count either.
    server.pass(Span::seconds(46));
    ana.is_seen().await;
    assert_eq!(told(&second).await, desk(1, 1, None));

    // A claimed escalation has no other ahead of it, and later ones report how long the claim took.
    ada.claims(&first).await.expect("a claim");
    ada.is_seen().await;
    assert_eq!(told(&first).await, desk(2, 0, Some(46)));
    assert_eq!(told(&second).await, desk(2, 0, Some(46)));
    assert_eq!(told(&billing).await, desk(1, 0, None));

    // The `desk` object is in every response and in no event. After the end it is null.
    let all = bot.get("/escalations?status=open").await.ok(200);
    let desks: Vec<&Value> = all["items"].as_array().expect("a list").iter().map(|it| &it["desk"]).collect();
    assert_eq!(desks, [&desk(1, 0, None), &desk(2, 0, Some(46)), &desk(2, 0, Some(46))]);
    let waited = bot.get(&format!("/escalations/{first}?wait=0")).await.ok(200);
    assert_eq!(waited["desk"], desk(2, 0, Some(46)));
    let events = bot.events_of(&first).await;
    assert!(!events.is_empty() && events.iter().all(|it| it["data"]["escalation"].get("desk").is_none()));
    let early = bot.post(&format!("/escalations/{second}/acknowledge"), json!({})).await;
    assert_eq!((early.refused(409), &early.body["current"]["desk"]), ("not_closed", &desk(2, 0, Some(46))));
    let ended = bot.post(&format!("/escalations/{second}/cancel"), json!({"reason": "Never mind."})).await.ok(200);
    assert!(ended["desk"].is_null() && ended.get("desk").is_some());
}

#[apply(on_both!)]
async fn who_goes_away_may_give_back_what_they_hold(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let [ada, ana] = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    server.person("Vera", Role::Viewer).await;
    let mut held = vec![];
    for n in 0..3 {
        held.push(bot.hands_over(&format!("conv_{n}")).await);
        ada.claims(&held[n]).await.expect("a claim");
    }
    let hers = bot.hands_over("conv_9").await;
    ana.claims(&hers).await.expect("a claim");
    let browser = Browser::of("Ada", &server.url).await;
    let status = async |it: &str| bot.get(&format!("/escalations/{it}")).await.ok(200)["status"].clone();
    let away = async || {
        let targets = operators::targets(server.desk.store(), server.workspace, server.now()).await.expect("a read");
        targets.colleagues.iter().map(|it| (it.operator.name.to_string(), it.away)).collect::<Vec<_>>()
    };
    let says = async |is_away: bool, release: bool| {
        let said = browser.calls("set_availability", &format!("away={is_away}&release={release}")).send().await;
        assert_eq!(said.expect("an answer").status(), 200);
    };
    let page = async || browser.gets("/queue").await.text().await.expect("a page");
    assert!(page().await.contains("\"away\":false"));
    says(true, false).await;
    assert_eq!(away().await, [("Ada".to_owned(), true), ("Ana".to_owned(), false)]);
    assert!(page().await.contains("\"away\":true"), "a page drawn anew knows it");
    assert_eq!(status(&held[0]).await, "claimed", "away she may go on");
    says(true, true).await;
    for it in &held {
        assert_eq!(status(it).await, "waiting");
    }
    assert_eq!(status(&hers).await, "claimed", "the control: what a colleague holds");
    // The release has Ada as its actor, so the agent receives that she released it.
    let last = bot.events_of(&held[0]).await.pop().expect("an event");
    assert_eq!((&last["type"], &last["actor"]["name"]), (&json!("escalation.released"), &json!("Ada")));
    says(false, false).await;
    assert_eq!(away().await, [("Ada".to_owned(), false), ("Ana".to_owned(), false)]);
    let viewer = Browser::of("Vera", &server.url).await;
    let said = viewer.calls("set_availability", "away=true&release=true").send().await.expect("an answer");
    assert_eq!(said.status(), 403);
}
