//! Tests of signing in, and of what each role may do, over HTTP as a browser would.

use bailout::{
    domain::{operator::Role, time::Span},
    server::site::throttle::{self, Admission},
};
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, functions, leads_to},
        server::PASSWORD,
    },
};

#[apply(on_both!)]
async fn signed_out_every_page_leads_to_the_sign_in_and_back(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let mut browser = Browser::at(&server);
    assert_eq!(leads_to(&browser.gets("/").await), "/queue");
    assert_eq!(leads_to(&browser.gets("/mine?x=1").await), "/sign-in?back=/mine%3Fx%3D1");
    let form = browser.gets("/sign-in?back=/mine%3Fx%3D1&refused=throttled&seconds=7").await;
    let policy = form.headers()["content-security-policy"].to_str().expect("text").to_owned();
    let form = form.text().await.expect("a page");
    for part in ["<title>Sign in · Bailout</title>", "value=\"/mine?x=1\"", "Too many attempts. Try again in 7 s."] {
        assert!(form.contains(part), "no {part} in {form}");
    }
    // The page's only script is a file of this server, which its policy allows.
    let scripts: Vec<&str> = form.split("<script").skip(1).map(|it| it.split('>').next().expect("a tag")).collect();
    assert_eq!(scripts, [" type=\"module\" src=\"/enhance.js\""]);
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe-inline"), "{policy}");
    for (email, password) in [("ada@example.com", "not the password"), ("nobody@example.com", PASSWORD)] {
        let wrong = browser.signs_in(email, password, "/mine").await;
        assert_eq!(leads_to(&wrong), "/sign-in?refused=wrong&back=/mine");
    }
    // Only paths of this server are accepted.
    for back in ["//evil.example", "https://evil.example", "/\\evil.example", "evil"] {
        let mut browser = Browser::at(&server);
        assert_eq!(leads_to(&browser.signs_in("ada@example.com", PASSWORD, back).await), "/queue");
    }
    let right = browser.signs_in("Ada@Example.com", PASSWORD, "/mine").await;
    assert_eq!(leads_to(&right), "/mine");
    let cookie = right.headers()["set-cookie"].to_str().expect("text");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
    let page = browser.gets("/mine").await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("'nonce-"), "{policy}");
    assert_eq!(page.headers()["cache-control"], "no-store");

    // After signing out, the cookie is worthless, wherever it was copied.
    assert_eq!(leads_to(&browser.posts("/sign-out", "", "same-origin").await), "/sign-in");
    assert_eq!(leads_to(&browser.gets("/mine").await), "/sign-in?back=/mine");
    assert_eq!(browser.gets("/live").await.status(), 401);
}

#[apply(on_both!)]
async fn signing_in_on_another_port_does_not_sign_out_this_one(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let here = Browser::of("Ada", &server.url).await;
    let mut there = Browser::new(&server.also_with(&[]).await);
    // Browsers send a host's cookies to all of its ports.
    there.cookie = here.cookie.clone();
    assert_eq!(leads_to(&there.signs_in("ada@example.com", PASSWORD, "/mine").await), "/mine");
    let [one, other] = [&here, &there].map(|it| it.cookie.clone().expect("a cookie"));
    let name = |cookie: &str| cookie.split_once('=').expect("a name").0.to_owned();
    assert_ne!(name(&one), name(&other), "one would replace the other");
    for url in [&here.url, &there.url] {
        let browser = Browser { cookie: Some(format!("{one}; {other}")), ..Browser::new(url) };
        assert_eq!(browser.gets("/mine").await.status(), 200, "{url}");
    }
    // Signing out on one port leaves the other alone.
    let browser = Browser { cookie: Some(format!("{one}; {other}")), ..Browser::new(&there.url) };
    assert_eq!(leads_to(&browser.posts("/sign-out", "", "same-origin").await), "/sign-in");
    assert_eq!(here.gets("/mine").await.status(), 200);
}

#[apply(on_both!)]
async fn a_list_is_drawn_as_its_address_has_it(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Operator).await;
    let mut ids = vec![];
    for (name, kind, urgency) in [
        ("Anna", "question", "low"),
        ("Bert", "takeover", "urgent"),
        ("Cleo", "question", "urgent"),
        ("Doro", "question", "high"),
    ] {
        let conversation = json!({"messages": [], "customer": {"name": name}});
        ids.push(bot.escalates(json!({"ask": {"kind": kind}, "urgency": urgency, "conversation": conversation})).await);
    }
    let mut browser = Browser::at(&server);
    browser.signs_in("ada@example.com", PASSWORD, "/").await;
    let drawn = async |address: &str| {
        let page = browser.gets(address).await.text().await.expect("a page");
        let rows = page
            .split("aria-label=\"Escalations\"")
            .nth(1)
            .and_then(|rest| rest.split("</ul>").next())
            .expect("rows")
            .to_owned();
        let mut names: Vec<_> =
            ["Anna", "Bert", "Cleo", "Doro"].into_iter().filter_map(|name| Some((rows.find(name)?, name))).collect();
        names.sort_unstable();
        (names.into_iter().map(|(_, name)| name).collect::<Vec<_>>(), page, rows)
    };
    assert_eq!(drawn("/queue").await.0, ["Anna", "Bert", "Cleo", "Doro"]);
    assert_eq!(drawn("/queue?sort=newest").await.0, ["Doro", "Cleo", "Bert", "Anna"]);
    assert_eq!(drawn("/all?sort=urgency&kind=question").await.0, ["Cleo", "Doro", "Anna"]);
    let (names, page, rows) = drawn(&format!("/e/{}?view=all&sort=urgency&kind=question&urgency=urgent", ids[1])).await;
    assert_eq!(names, ["Cleo"]);
    for chip in ["Remove filter Kind: Question", "Remove filter Urgency: Urgent"] {
        assert!(page.contains(chip), "no chip {chip}");
    }
    let next = format!("/e/{}?view=all&amp;sort=urgency&amp;urgency=urgent&amp;kind=question", ids[2]);
    assert!(rows.contains(&next), "{rows}");
    let (names, page, _) = drawn("/queue?reason=safety").await;
    assert!(names.is_empty() && page.contains("No escalations match 1 filter"));
}

#[apply(on_both!)]
async fn no_other_site_may_act_here(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let mut browser = Browser::at(&server);
    let cross = browser.posts("/sign-in", &format!("email=ada@example.com&password={PASSWORD}"), "cross-site").await;
    assert_eq!(cross.status(), 403);
    browser.signs_in("ada@example.com", PASSWORD, "/").await;
    for path in functions() {
        assert_eq!(browser.posts(&path, "", "cross-site").await.status(), 403, "{path}");
    }
    let host = browser.http.get(format!("{}/queue", server.url)).header("host", "evil.example").send().await;
    assert_eq!(host.expect("an answer").status(), 421);
}

#[apply(on_both!)]
async fn every_function_turns_a_stranger_away(server: TestServer) {
    let browser = Browser::at(&server);
    assert!(functions().len() >= 8, "{:?}", functions());
    for path in functions() {
        let answer = browser.posts(&path, "", "same-origin").await;
        assert_eq!(answer.status(), 401, "{path}");
    }
}

#[apply(on_both!)]
async fn a_viewer_may_read_and_not_write(server: TestServer) {
    server.person("Eve", Role::Viewer).await;
    let it = server.agent("billing-bot").await.hands_over("conv_1").await;
    let mut browser = Browser::at(&server);
    browser.signs_in("eve@example.com", PASSWORD, "/").await;
    let path = |name: &str| functions().into_iter().find(|path| path.ends_with(name)).expect("a function");
    let read = browser.posts(&path("/thread"), &format!("id={it}"), "same-origin").await;
    assert_eq!(read.status(), 200);
    let write = browser.posts(&path("/claim"), &format!("id={it}"), "same-origin").await;
    assert_eq!(write.status(), 403);
    assert_eq!(write.json::<Value>().await.expect("JSON")["forbidden"]["need"], "operator");
}

#[apply(on_both!)]
async fn every_page_is_drawn_however_many_ask_and_whatever_the_customer_is_called(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let evil = "</title><meta http-equiv=refresh content='0;url=https://evil.example'><script>alert(1)</script>";
    let conversation = json!({"customer": {"name": evil}, "messages": [{"role": "customer", "text": evil}]});
    let it = server.agent("billing-bot").await.escalates(json!({"summary": evil, "conversation": conversation})).await;
    let mut browser = Browser::at(&server);
    browser.signs_in("ada@example.com", PASSWORD, "/").await;
    let browser = std::sync::Arc::new(browser);
    let mut pages = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (browser, path) = (browser.clone(), if n % 2 == 0 { format!("/e/{it}") } else { "/queue".to_owned() });
        pages.spawn(async move {
            let page = browser.gets(&path).await;
            (path, page.status().as_u16(), page.text().await.expect("a page"))
        });
    }
    for (path, status, page) in pages.join_all().await {
        assert_eq!(status, 200, "{path}");
        assert!(page.contains("evil.example"), "the row is not on {path}");
        assert!(page.contains("<title>Bailout</title>"), "the title of {path} is not as it must be");
        for markup in ["<meta http-equiv=refresh", "<script>alert"] {
            assert!(!page.contains(markup), "{markup} is on {path}");
        }
    }
}

#[apply(on_both!)]
async fn an_unknown_address_is_answered_in_the_form_that_the_asker_reads(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let (nobody, ada) = (Browser::at(&server), Browser::of("Ada", &server.url).await);
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    // A program that forgets /api/v1, whatever it wants to do there.
    for method in [reqwest::Method::GET, reqwest::Method::POST, reqwest::Method::PATCH, reqwest::Method::DELETE] {
        let asked = http.request(method.clone(), format!("{}/escalations", server.url)).body("{}");
        let answer = asked.send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "{method}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{method}");
        let problem: Value = answer.json().await.expect("JSON");
        assert_eq!(problem["code"], "not_found");
        let detail = "There is nothing at /escalations. The API for agents is under /api/v1.";
        assert_eq!(problem["detail"], detail);
        assert!(problem["request_id"].as_str().is_some_and(|id| id.starts_with("req_")), "{problem}");
    }
    // A browser gets a page, signed in or not.
    for browser in [&nobody, &ada] {
        let answer = browser.asks("/nowhere").header("accept", "text/html,*/*;q=0.8").send().await.expect("an answer");
        assert_eq!(answer.status(), 404);
        assert!(answer.text().await.expect("a page").contains("<html"));
    }
    // The addresses of the console still lead to the sign-in.
    for path in ["/queue", "/closed?reason=safety", "/e/esc_00000000000000000000000000"] {
        assert_eq!(nobody.gets(path).await.status(), 303, "{path}");
    }
}

#[apply(on_both!)]
async fn guessing_is_slowed_down_and_never_locks_out(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let mut browser = Browser::at(&server);
    let mut refused = vec![];
    for _ in 0..8 {
        let answer = browser.signs_in("ada@example.com", "not the password", "/").await;
        refused.push(leads_to(&answer).split('&').next().expect("a word").to_owned());
    }
    assert_eq!(refused[0], "/sign-in?refused=wrong");
    assert_eq!(refused[7], "/sign-in?refused=throttled");
    server.pass(Span::minutes(2));
    assert_eq!(leads_to(&browser.signs_in("ada@example.com", PASSWORD, "/mine").await), "/mine");
}

#[apply(on_both!)]
async fn a_stranger_who_guesses_does_not_keep_the_owner_out(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let mut browser = Browser::at(&server);
    let email = "ada@example.com";
    let guesses = async |from: &str| {
        let from = Some(from.parse().expect("an address"));
        let admitted = throttle::admit(server.desk.store(), email, &[0; 32], from, server.now()).await;
        matches!(admitted.expect("an answer"), Admission::In(_))
    };
    // Before Ada has ever signed in, the server cannot tell her from a stranger.
    assert_eq!(leads_to(&browser.signs_in(email, PASSWORD, "/mine").await), "/mine");
    for n in 0..5 {
        assert!(guesses(&format!("203.0.113.{n}")).await, "guess {n}");
    }
    assert!(!guesses("203.0.113.9").await, "a sixth guess, though from another address, was let in at once");
    assert_eq!(leads_to(&browser.signs_in(email, PASSWORD, "/mine").await), "/mine");
    // Her successful sign-in from here does not unblock other addresses.
    assert!(!guesses("203.0.113.9").await);
    // Guesses from her own address are throttled like any other.
    for n in 0..5 {
        assert_eq!(
            leads_to(&browser.signs_in(email, "not the password", "/").await),
            "/sign-in?refused=wrong&back=/",
            "try {n}"
        );
    }
    assert!(leads_to(&browser.signs_in(email, PASSWORD, "/mine").await).starts_with("/sign-in?refused=throttled"));
    // A known address stays known for ninety days.
    server.pass(Span::hours(89 * 24));
    for n in 0..6 {
        guesses(&format!("203.0.113.{n}")).await;
    }
    assert_eq!(leads_to(&browser.signs_in(email, PASSWORD, "/mine").await), "/mine");
    server.pass(Span::hours(91 * 24));
    for n in 0..6 {
        guesses(&format!("203.0.113.{n}")).await;
    }
    assert!(leads_to(&browser.signs_in(email, PASSWORD, "/mine").await).starts_with("/sign-in?refused=throttled"));
}

#[apply(on_both!)]
async fn behind_a_proxy_everyone_is_known_by_their_own_address(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let url = server.also_with(&["--trusted-proxies", "127.0.0.1"]).await;
    let from = |address: &str| Browser::behind_a_proxy(&url, address);
    let (mut stranger, mut ada, mut beside) = (from("203.0.113.9"), from("198.51.100.1"), from("203.0.113.9"));
    let mut refused = String::new();
    for n in 0..21 {
        let answer = stranger.signs_in(&format!("nobody-{n}@example.com"), "not the password", "/").await;
        leads_to(&answer).clone_into(&mut refused);
    }
    assert!(refused.starts_with("/sign-in?refused=throttled"), "{refused}");
    assert_eq!(leads_to(&ada.signs_in("ada@example.com", PASSWORD, "/me").await), "/me");
    assert!(ada.sees("/me", 200).await.contains("198.51.100.1"));
    // The control: a request from the stranger's address is throttled like the stranger's.
    let answer = beside.signs_in("ada@example.com", PASSWORD, "/me").await;
    assert!(leads_to(&answer).starts_with("/sign-in?refused=throttled"), "{}", leads_to(&answer));
}
