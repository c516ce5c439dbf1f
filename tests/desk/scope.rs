//! Promise 9: workspaces never see each other, and no caller sees or does what is not theirs. Every kind of caller
//! requests every route and every server function, from one table; a route without a row in it fails. Data that must
//! stay in its workspace contains one word, which is searched for in every answer.

use std::{collections::BTreeSet, time::Duration};

use bailout::{
    domain::{
        ids::{OperatorId, QueueId, WorkspaceId},
        operator::{Operator, OperatorRef, Role},
        text::{Name, NoteText},
    },
    server::{
        clock::mint,
        core::command::OperatorVerb,
        keys::ApiKey,
        password,
        store::{agents, operators, queues},
    },
};
use futures::StreamExt;
use macro_rules_attribute::apply;
use reqwest::RequestBuilder;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, functions},
        routes::routes,
        server::{Agent, PASSWORD, id},
    },
};

const CANARY: &str = "canarybird";

/// The callers that a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// Every caller; it reveals nothing of any workspace.
    All,
    /// Signed-in operators; others are redirected to the sign-in page.
    Page,
    /// The page's client code, for operators of at least this role; others get a status.
    Function(Role),
    /// Plain pages with forms, for operators of at least this role; an invalid form may be refused.
    Form(Role),
    /// Agents, by their key.
    Agents,
}

/// The method, the route or function as the program names it, the requested path, the fields, the callers it is for,
/// and whether it shows the word to those who may read it.
type Way = (&'static str, &'static str, &'static str, &'static str, For, bool);

/// The requests. `{id}` is the escalation.
const WAYS: &[Way] = &[
    ("GET", "/healthz", "/healthz", "", For::All, false),
    ("GET", "/readyz", "/readyz", "", For::All, false),
    ("GET", "/", "/", "", For::All, false),
    ("GET", "/sign-in", "/sign-in", "", For::All, false),
    ("GET", "/docs/api", "/docs/api", "", For::All, false),
    ("GET", "/llms.txt", "/llms.txt", "", For::All, false),
    ("GET", "/docs/problems", "/docs/problems", "", For::All, false),
    ("GET", "/docs/problems/{code}", "/docs/problems/not-found", "", For::All, false),
    ("POST", "/sign-in", "/sign-in", "email=a@example.com&password=b", For::All, false),
    ("POST", "/sign-out", "/sign-out", "", For::All, false),
    ("ANY", "/api/v1", "/api/v1", "", For::All, false),
    ("ANY", "/api/v1/", "/api/v1/", "", For::All, false),
    ("ANY", "/api/v1/{*rest}", "/api/v1/people", "", For::All, false),
    ("POST", "/_fn/{*name}", "/_fn/none", "", For::All, false),
    ("GET", "ANY_ADDRESS", "/e/{id}", "", For::Page, true),
    ("GET", "ANY_ADDRESS", "/all", "", For::Page, true),
    ("GET", "/search", "/search?q=canarybird", "", For::Page, true),
    ("GET", "/set-up/{token}", "/set-up/none", "", For::All, false),
    ("POST", "/set-up/{token}", "/set-up/none", "name=a", For::All, false),
    ("GET", "/invite/{token}", "/invite/none", "", For::All, false),
    ("POST", "/invite/{token}", "/invite/none", "name=a", For::All, false),
    ("GET", "/reset/{token}", "/reset/none", "", For::All, false),
    ("POST", "/reset/{token}", "/reset/none", "password=a", For::All, false),
    // Outside the demo this is an address like any that does not exist; demo.rs tests it in the demo.
    ("GET", "/demo/sign-in/{token}", "/demo/sign-in/none", "", For::All, false),
    ("GET", "PATH", "/me", "", For::Form(Role::Viewer), false),
    ("POST", "PATH", "/me", "do=nothing", For::Form(Role::Viewer), false),
    ("GET", "/settings", "/settings", "", For::Form(Role::Admin), false),
    ("GET", "people_page::PATH", "/settings/people", "", For::Form(Role::Admin), false),
    ("POST", "people_page::PATH", "/settings/people", "do=nothing", For::Form(Role::Admin), false),
    ("GET", "/settings/people/{id}", "/settings/people/{person}", "", For::Form(Role::Admin), false),
    ("POST", "/settings/people/{id}", "/settings/people/{person}", "do=nothing", For::Form(Role::Admin), false),
    ("GET", "agents_page::PATH", "/settings/agents", "", For::Form(Role::Admin), false),
    ("POST", "agents_page::PATH", "/settings/agents", "do=nothing", For::Form(Role::Admin), false),
    ("POST", "agents_page::TRIAL", "/settings/agents/trial", "do=nothing", For::Form(Role::Admin), false),
    ("GET", "queues_page::PATH", "/settings/queues", "", For::Form(Role::Admin), false),
    ("POST", "queues_page::PATH", "/settings/queues", "do=nothing", For::Form(Role::Admin), false),
    ("POST", "/settings/queues/{id}", "/settings/queues/{queue}", "name=default", For::Form(Role::Admin), false),
    ("POST", "/settings/queues/{id}/remove", "/settings/queues/{queue}/remove", "", For::Form(Role::Admin), false),
    ("FN", "prefer", "", "enter_sends=false", For::Function(Role::Viewer), false),
    ("FN", "set_availability", "", "away=false&release=false", For::Function(Role::Operator), false),
    ("GET", "/live", "/live?after={epoch}.0", "", For::Function(Role::Viewer), true),
    ("FN", "bootstrap", "", "listing=/all&selected={id}", For::Function(Role::Viewer), true),
    ("FN", "who_am_i", "", "", For::Function(Role::Viewer), false),
    ("FN", "inbox", "", "listing=/all", For::Function(Role::Viewer), true),
    ("FN", "inbox_page", "", "listing=/all&as_of=0&after=0&after_id={id}", For::Function(Role::Viewer), false),
    ("FN", "thread", "", "id={id}", For::Function(Role::Viewer), true),
    ("FN", "earlier", "", "id={id}&before=9", For::Function(Role::Viewer), true),
    ("FN", "whole", "", "id={id}&position=0&part=text&index=0", For::Function(Role::Viewer), true),
    ("FN", "targets", "", "", For::Function(Role::Operator), false),
    ("FN", "claim", "", "id={id}", For::Function(Role::Operator), false),
    ("FN", "reply", "", "id={id}&fence=1&client_message_id=m&text=x", For::Function(Role::Operator), false),
    ("FN", "note", "", "id={id}&text=x", For::Function(Role::Operator), false),
    ("FN", "keep_draft", "", "id={id}&mode=reply&client_message_id=m&text=x", For::Function(Role::Operator), false),
    ("FN", "viewing", "", "id={id}&typing=true&read=1", For::Function(Role::Viewer), false),
    ("FN", "mark", "", "id={id}&tags=x", For::Function(Role::Operator), false),
    ("FN", "take_over", "", "id={id}&fence=1", For::Function(Role::Operator), false),
    ("FN", "transfer", "", "id={id}&fence=1&to=nobody&note=x", For::Function(Role::Operator), false),
    ("FN", "release", "", "id={id}&fence=1", For::Function(Role::Operator), false),
    ("FN", "follow_up", "", "id={id}&note=x", For::Function(Role::Operator), false),
    ("FN", "resolve", "", "id={id}&fence=9&resolution={resolution}", For::Function(Role::Operator), false),
    ("GET", "/api/v1/escalations", "/api/v1/escalations", "", For::Agents, true),
    ("PATCH", "/api/v1/escalations/{id}", "/api/v1/escalations/{id}", r#"{"summary": "x"}"#, For::Agents, false),
    ("GET", "/api/v1/escalations/{id}", "/api/v1/escalations/{id}", "", For::Agents, true),
    ("GET", "/api/v1/escalations/{id}/events", "/api/v1/escalations/{id}/events", "", For::Agents, true),
    ("GET", "/api/v1/escalations/{id}/transcript", "/api/v1/escalations/{id}/transcript", "", For::Agents, true),
    ("GET", "/api/v1/desk", "/api/v1/desk", "", For::Agents, false),
    ("GET", "/api/v1/tools", "/api/v1/tools?format=mcp", "", For::All, false),
    ("GET", "/api/v1/openapi.json", "/api/v1/openapi.json", "", For::All, false),
    ("GET", "/api/v1/events", "/api/v1/events?after={epoch}.0", "", For::Agents, true),
    (
        "POST",
        "/api/v1/escalations",
        "/api/v1/escalations",
        r#"{"reason": {"code": "other", "text": "x"}}"#,
        For::Agents,
        false,
    ),
    (
        "POST",
        "/api/v1/escalations/{id}/messages",
        "/api/v1/escalations/{id}/messages",
        r#"{"client_message_id": "m", "role": "customer", "text": "x"}"#,
        For::Agents,
        false,
    ),
    (
        "POST",
        "/api/v1/escalations/{id}/receipts",
        "/api/v1/escalations/{id}/receipts",
        r#"{"message_id": "{message}", "state": "shown"}"#,
        For::Agents,
        false,
    ),
    ("POST", "/api/v1/escalations/{id}/typing", "/api/v1/escalations/{id}/typing", "{}", For::Agents, false),
    (
        "POST",
        "/api/v1/escalations/{id}/cancel",
        "/api/v1/escalations/{id}/cancel",
        r#"{"reason": "x"}"#,
        For::Agents,
        false,
    ),
    ("POST", "/api/v1/escalations/{id}/acknowledge", "/api/v1/escalations/{id}/acknowledge", "{}", For::Agents, false),
];

/// Returns every route in the source, with its methods, and every server function.
fn there_are() -> BTreeSet<(String, String)> {
    let mut ways = BTreeSet::new();
    for way in routes() {
        assert!(ways.insert(way.clone()), "two routes are written alike, and one row would do for both: {way:?}");
    }
    let name = |path: String| path.rsplit('/').next().unwrap_or_default().to_owned();
    ways.extend(functions().into_iter().map(|path| ("FN".to_owned(), name(path))));
    ways
}

#[test]
fn every_route_and_every_function_is_walked() {
    let walked: BTreeSet<_> =
        WAYS.iter().map(|(method, route, ..)| ((*method).to_owned(), (*route).to_owned())).collect();
    let there_are = there_are();
    let missing: Vec<_> = there_are.difference(&walked).collect();
    assert!(missing.is_empty(), "these ways have no row in the table of scope.rs: {missing:?}");
    let gone: Vec<_> = walked.difference(&there_are).collect();
    assert!(gone.is_empty(), "these rows of scope.rs lead nowhere: {gone:?}");
    assert!(there_are.len() > 35, "{there_are:?}");
}

/// A caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Person(Role),
    /// The agent that owns the escalation, and another of the same workspace.
    Owner,
    OtherAgent,
    /// An admin and an agent of another workspace.
    ForeignAdmin,
    ForeignAgent,
}

impl Who {
    fn is_of_another_workspace(self) -> bool {
        matches!(self, Self::ForeignAdmin | Self::ForeignAgent)
    }
}

/// Sends a request and returns the status and the part of the body that arrives within a moment.
async fn sent(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let (mut bytes, mut body) = (response.bytes_stream(), vec![]);
    while let Ok(Some(Ok(piece))) = timeout(Duration::from_millis(400), bytes.next()).await {
        body.extend_from_slice(&piece);
    }
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// Returns the fault of an answer, if any.
fn flaw(way: &Way, who: Who, status: u16, body: &str) -> Option<String> {
    let (_, _, asked, _, is_for, shows) = *way;
    let (leads_to_sign_in, unknown, forbidden) = (303, 401, 403);
    let names_one = asked.contains("{id}");
    let expected: &[u16] = match (is_for, who) {
        (For::All, _) => return (status >= 500 || body.contains(CANARY)).then(|| format!("{status}")),
        (For::Page, Who::Person(_) | Who::ForeignAdmin) => &[200],
        (For::Page, _) => &[leads_to_sign_in],
        (For::Form(need) | For::Function(need), Who::Person(role)) if role < need => &[forbidden],
        // An admin of another workspace does not find the data of this one.
        (For::Form(_), Who::ForeignAdmin) if asked.contains("{person}") || asked.contains("{queue}") => &[404],
        (For::Form(_), Who::Person(_) | Who::ForeignAdmin) => &[200, 303, 404, 422],
        (For::Form(_), _) => &[leads_to_sign_in],
        (For::Function(_), Who::Person(_)) => &[200],
        // A refusal is a value; a missing object may be a status.
        (For::Function(_), Who::ForeignAdmin) => &[200, 404],
        (For::Function(_), _) => &[unknown],
        // The owner is let in, and the request is done or refused for its content.
        (For::Agents, Who::Owner) => &[200, 201, 202, 204, 409, 422],
        (For::Agents, Who::OtherAgent | Who::ForeignAgent) if names_one => &[404],
        (For::Agents, Who::OtherAgent | Who::ForeignAgent) => &[200, 201],
        (For::Agents, _) => &[unknown],
    };
    if !expected.contains(&status) {
        return Some(format!("{status} instead of {expected:?}: {}", body.chars().take(200).collect::<String>()));
    }
    let may_read = match is_for {
        For::All | For::Form(_) => false,
        For::Page | For::Function(_) => {
            matches!(who, Who::Person(role) if matches!(is_for, For::Page) || is_for == For::Function(Role::Viewer) || role >= Role::Operator)
        }
        For::Agents => who == Who::Owner,
    };
    match (body.contains(CANARY), may_read) {
        // The page repeats the typed text, which reveals nothing of the other workspace.
        (true, false) if asked.contains(CANARY) && !body.contains("aria-label=\"Results\"") => None,
        (true, false) => Some("it tells what is not theirs".to_owned()),
        (false, true) if shows => {
            Some(format!("it does not show what is theirs: {}", body.chars().take(300).collect::<String>()))
        }
        _ => None,
    }
}

/// Returns callers of another workspace of the same database: an admin's browser and an agent.
async fn foreigners(server: &TestServer) -> (Browser, Agent) {
    let (other, store) = (WorkspaceId::new(mint()), server.desk.store());
    let sql = "insert into workspace (id, name, head, open, created_at) values ($1, 'other', 0, 0, 0)";
    sqlx::query(sql).bind(other.to_string()).execute(store.writer()).await.expect("a workspace");
    let sql = "insert into queue (workspace_id, id, name, created_at) select $1, $2, name, created_at from queue";
    let queue = QueueId::new(mint()).to_string();
    sqlx::query(sql).bind(other.to_string()).bind(queue).execute(store.writer()).await.expect("a queue");
    let (name, key) = (Name::parse("Mallory").expect("a name"), ApiKey::mint(false).expect("a key"));
    let who = OperatorRef { id: OperatorId::new(mint()), name: name.clone(), public_name: name.clone() };
    let hash = password::hash(PASSWORD).expect("a hash");
    let mut tx = store.begin_write().await.expect("a transaction");
    let email = "mallory@example.com".parse().expect("an address");
    let admin = Operator { who, role: Role::Admin };
    operators::add(&mut tx, other, &admin, &email, &hash, server.now()).await.expect("a person");
    agents::add(&mut tx, other, &name, &key, server.now()).await.expect("an agent").expect("a new one");
    tx.commit().await.expect("a commit");
    let agent = Agent { url: server.url.clone(), key: key.reveal(), http: reqwest::Client::new() };
    (Browser::of("Mallory", &server.url).await, agent)
}

#[apply(on_both!)]
async fn everyone_gets_what_is_theirs_and_nothing_else(server: TestServer) {
    let (bot, other) = (server.agent("billing-bot").await, server.agent("other-bot").await);
    let roles = [("Vera", Role::Viewer), ("Otto", Role::Operator), ("Susi", Role::Supervisor), ("Adam", Role::Admin)];
    let mut people = vec![];
    for (name, role) in roles {
        people.push(server.person(name, role).await);
    }
    let conversation = json!({
        "id": CANARY,
        "customer": {"name": CANARY},
        "messages": [{"role": "customer", "text": format!("I saw a {CANARY}.")}],
    });
    let it = bot.escalates(json!({"conversation": conversation, "summary": CANARY})).await;
    bot.says(&it, "customer", CANARY).await.ok(201);
    let text = NoteText::parse(CANARY).expect("a note");
    people[1].does(id(&it), OperatorVerb::Note { text }).await.expect("a note");

    let (foreign_admin, foreign_agent) = foreigners(&server).await;
    let mut walkers = vec![(Who::Nobody, Browser::at(&server), None)];
    // Callers without permission go first, because those with permission change data.
    walkers.push((Who::ForeignAdmin, foreign_admin, None));
    for (who, agent) in [(Who::ForeignAgent, &foreign_agent), (Who::OtherAgent, &other)] {
        walkers.push((who, Browser::at(&server), Some(agent.key.clone())));
    }
    for (name, role) in roles {
        walkers.push((Who::Person(role), Browser::of(name, &server.url).await, None));
    }
    walkers.push((Who::Owner, Browser::at(&server), Some(bot.key.clone())));
    let epoch = server.desk.store().epoch();
    let resolution = r#"{"disposition":"handled","next":"continue","answer":null,"data":null,"actions":[],"note_to_agent":null,"avoidable":false}"#;
    let (message, person) = (format!("msg_{}", &it[4..]), people[0].operator.who.id.to_string());
    let queue = queues::all(server.desk.store(), server.workspace).await.expect("queues")[0].id.to_string();
    let filled = |text: &str| {
        let text = text.replace("{id}", &it).replace("{epoch}", &epoch).replace("{resolution}", resolution);
        text.replace("{message}", &message).replace("{person}", &person).replace("{queue}", &queue)
    };
    let (mut flaws, mut asked) = (vec![], 0);
    for (who, browser, key) in &walkers {
        for way in WAYS {
            let (method, route, path, fields, is_for, _) = *way;
            if is_for == For::All && *who != Who::Nobody {
                continue;
            }
            let (path, fields) = (filled(path), filled(fields));
            let request = match method {
                "FN" => browser.calls(route, &fields),
                "POST" if is_for == For::Agents => {
                    let request = browser.http.post(format!("{}{path}", browser.url)).body(fields.clone());
                    let request = request.header("sec-fetch-site", "same-origin");
                    let request = request.header("content-type", "application/json");
                    browser.cookie.iter().fold(request, |request, cookie| request.header("cookie", cookie))
                }
                "POST" => browser.submits(&path, &fields, "same-origin"),
                _ => browser.asks(&path),
            };
            let request = match key {
                Some(key) => request.bearer_auth(key),
                None => request,
            };
            let (status, body) = sent(request).await;
            asked += 1;
            flaws.extend(flaw(way, *who, status, &body).map(|flaw| format!("{who:?} {method} {route} {path}: {flaw}")));
            if who.is_of_another_workspace() && fields.contains(&it) && status == 200 {
                let did = !(body.contains("Err")
                    || body.contains("\"rows\":[]")
                    || body == "null"
                    || body == "[]"
                    || body.contains("\"missing\":true"));
                flaws.extend(did.then(|| format!("{who:?} {method} {route}: did something: {body}")));
            }
        }
    }
    assert!(flaws.is_empty(), "{} of {asked}:\n{}", flaws.len(), flaws.join("\n"));
    println!("{asked} requests of {} walkers", walkers.len());
    // The control: an answer that is right for one caller is a fault for another.
    let way = WAYS.iter().find(|(_, route, ..)| *route == "thread").expect("a row");
    assert!(flaw(way, Who::ForeignAdmin, 200, CANARY).is_some() && flaw(way, Who::Nobody, 200, "").is_some());
}
