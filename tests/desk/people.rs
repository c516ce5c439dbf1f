//! Tests of operators: invited by a link, given roles, disabled, reset. Only admins may do this, and one admin always
//! remains.

use bailout::domain::{operator::Role, time::Span};
use futures::future::join_all;
use macro_rules_attribute::apply;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, form, leads_to},
        person::Person,
        server::{PASSWORD, soon},
    },
};

const PEOPLE: &str = "/settings/people";
/// Every route of the settings: its method and a sample path.
const ROUTES: [(&str, &str); 11] = [
    ("GET", "/settings"),
    ("GET", PEOPLE),
    ("POST", PEOPLE),
    ("GET", "/settings/people/op_00000000000000000000000000"),
    ("POST", "/settings/people/op_00000000000000000000000000"),
    ("GET", "/settings/agents"),
    ("POST", "/settings/agents"),
    ("GET", "/settings/queues"),
    ("POST", "/settings/queues"),
    ("POST", "/settings/queues/que_00000000000000000000000000"),
    ("POST", "/settings/queues/que_00000000000000000000000000/remove"),
];
const TRIAL: &str = "/settings/agents/trial";

async fn admin(server: &TestServer) -> Browser {
    server.person("Grace", Role::Admin).await;
    Browser::of("Grace", &server.url).await
}

fn page_of(person: &Person) -> String {
    format!("{PEOPLE}/{}", person.operator.who.id)
}

fn newcomer(name: &str, email: &str) -> String {
    form(&[("name", name), ("email", email), ("password", PASSWORD)])
}

#[apply(on_both!)]
async fn only_admins_open_the_settings(server: TestServer) {
    // A route that is missing from the list would not be requested, so the routes in the source are counted.
    let source = include_str!("../../src/server/site/settings/mod.rs");
    assert_eq!(
        (source.matches("get(").count(), source.matches("post(").count()),
        (5, 7),
        "a route is not in this story"
    );
    let asks = async |browser: &Browser, method: &str, path: &str| match method {
        "GET" => browser.gets(path).await,
        _ => browser.posts(path, "do=nothing", "same-origin").await,
    };
    let routes = || ROUTES.into_iter().chain([("POST", TRIAL)]);
    for (name, role) in [("Eve", Role::Viewer), ("Ada", Role::Operator), ("Sam", Role::Supervisor)] {
        server.person(name, role).await;
        let browser = Browser::of(name, &server.url).await;
        for (method, path) in routes() {
            assert_eq!(asks(&browser, method, path).await.status(), 403, "{role}: {method} {path}");
        }
        assert!(browser.sees("/settings/people", 403).await.contains("This needs the role admin."));
        // Their own page is open to them and has no link to the settings.
        let me = browser.sees("/me", 200).await;
        assert!(me.contains("<h1 class=\"plain-title\">Me") && !me.contains("/settings/"), "{me}");
    }
    for (method, path) in routes().chain([("GET", "/me"), ("POST", "/me")]) {
        let back = if method == "GET" { path } else { "/queue" };
        let answer = asks(&Browser::at(&server), method, path).await;
        assert_eq!(leads_to(&answer), format!("/sign-in?back={back}"), "{method} {path}");
    }
    // The control: an admin is let in, and only an invalid form is refused.
    let grace = admin(&server).await;
    for (method, path) in routes() {
        let status = asks(&grace, method, path).await.status().as_u16();
        assert!([200, 303, 404, 422].contains(&status), "{method} {path}: {status}");
        if method == "POST" {
            assert_eq!(grace.posts(path, "do=nothing", "cross-site").await.status(), 403, "{path}");
        }
    }
}

#[apply(on_both!)]
async fn who_can_answer_no_more_serves_no_queue(server: TestServer) {
    let (grace, ada) = (admin(&server).await, server.person("Ada", Role::Operator).await);
    let served = async || {
        let sql = "select (select count(*) from queue_member), members_version from workspace";
        let row = sqlx::query(sql).fetch_one(server.desk.store().reader()).await.expect("members");
        (sqlx::Row::get::<i64, _>(&row, 0), sqlx::Row::get::<i64, _>(&row, 1))
    };
    for change in [&[("do", "disable")][..], &[("do", "role"), ("role", "viewer")]] {
        let sql =
            "insert into queue_member (workspace_id, queue_id, operator_id) select workspace_id, id, $1 from queue";
        let member = sqlx::query(sql).bind(ada.operator.who.id.to_string());
        member.execute(server.desk.store().writer()).await.expect("a member");
        let (members, version) = served().await;
        assert_eq!(members, 1);
        grace.sends(&page_of(&ada), change, 303).await;
        assert_eq!(served().await, (0, version + 1), "{change:?}");
    }
}

#[apply(on_both!)]
async fn who_can_answer_no_more_holds_nothing(server: TestServer) {
    let (grace, bot) = (admin(&server).await, server.agent("billing-bot").await);
    let ana = server.person("Ana", Role::Operator).await;
    let colleagues = bot.hands_over("conv_0").await;
    ana.claims(&colleagues).await.expect("a claim");
    let standing = async |it: &str| {
        let it = bot.get(&format!("/escalations/{it}")).await.ok(200);
        (it["status"].clone(), it["control"].clone())
    };
    let stays = standing(&colleagues).await;
    assert_eq!(stays.0, "claimed");
    let changes =
        [&[("do", "disable")][..], &[("do", "role"), ("role", "viewer")], &[("do", "role"), ("role", "supervisor")]];
    let before = grace.sees(&page_of(&ana), 200).await;
    assert!(before.contains("What they hold goes back to its queue at once"), "{before}");
    for (name, change) in ["Ada", "Bea", "Cai"].into_iter().zip(changes) {
        let person = server.person(name, Role::Operator).await;
        let mut held = vec![];
        for n in 0..2 {
            held.push(bot.hands_over(&format!("conv_{name}_{n}")).await);
            person.claims(&held[n]).await.expect("a claim");
        }
        grace.sends(&page_of(&person), change, 303).await;
        for it in &held {
            // The control: an operator whose new role may still answer keeps their claims.
            if name == "Cai" {
                assert_eq!(standing(it).await, stays);
                continue;
            }
            assert_eq!(standing(it).await.0, "waiting", "{change:?}");
            let last = bot.events_of(it).await.pop().expect("an event");
            assert_eq!((&last["type"], &last["actor"]["name"]), (&"escalation.released".into(), &name.into()));
            // The next operator can claim it.
            ana.claims(it).await.expect("a claim");
        }
        assert_eq!(standing(&colleagues).await, stays, "what somebody else holds");
    }
}

#[apply(on_both!)]
async fn a_link_ends_with_the_admin_who_made_it(server: TestServer) {
    let grace = admin(&server).await;
    let sam = server.person("Sam", Role::Admin).await;
    let reset = grace.sends(&page_of(&sam), &[("do", "reset")], 200).await;
    let reset = grace.link(&reset, "/reset/");
    let invite = grace.invites("admin").await;
    let asks = async || {
        let both =
            [Browser::at(&server).gets(&invite).await.status(), Browser::at(&server).gets(&reset).await.status()];
        assert_eq!(both[0], both[1]);
        both[0]
    };
    assert_eq!(asks().await, 200);
    for (ends, begins) in [("role = 'supervisor'", "role = 'admin'"), ("disabled_at = 1", "disabled_at = null")] {
        for (change, status) in [(ends, 404), (begins, 200)] {
            let sql = sqlx::AssertSqlSafe(format!("update operator set {change} where name = 'Grace'"));
            sqlx::query(sql).execute(server.desk.store().writer()).await.expect("a change");
            assert_eq!(asks().await, status, "{change}");
        }
    }
}

#[apply(on_both!)]
async fn an_invitation_lets_one_in_with_its_role(server: TestServer) {
    let grace = admin(&server).await;
    let path = grace.invites("operator").await;
    // The link is shown once, to the admin who made it.
    assert!(!grace.sees(PEOPLE, 200).await.contains(&path));
    let mut ada = Browser::at(&server);
    assert!(ada.sees(&path, 200).await.contains("You are invited as operator."));
    let hostile = "</h1><script>alert(1)</script>\u{202E}";
    let taken = ada.posts(&path, &newcomer(hostile, "grace@example.com"), "same-origin").await;
    assert_eq!(taken.status(), 422);
    let taken = taken.text().await.expect("a page");
    assert!(taken.contains("Somebody with this e-mail address is here already."), "{taken}");
    assert!(!taken.contains("<script>alert"), "{taken}");
    // A link of one kind does not work at the routes of another.
    for other in ["/reset/", "/set-up/"] {
        assert_eq!(ada.gets(&path.replace("/invite/", other)).await.status(), 404);
    }
    let joined = ada.posts(&path, &newcomer(hostile, "Ada@example.com"), "same-origin").await;
    assert_eq!(leads_to(&joined), "/queue");
    ada.keep(&joined);
    assert_eq!(ada.gets("/queue").await.status(), 200);
    assert_eq!(ada.gets(PEOPLE).await.status(), 403);
    for page in [grace.sees(PEOPLE, 200).await, ada.sees("/me", 200).await] {
        assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"), "{page}");
    }
    assert!(grace.sees(PEOPLE, 200).await.contains("U+202E"), "what hides in a name is not shown");
    // A used link is refused.
    for answer in [ada.gets(&path).await, ada.posts(&path, &newcomer("Eve", "eve@example.com"), "same-origin").await] {
        assert_eq!(answer.status(), 404);
    }

    // Joining in a browser that was signed in ends the session that was open there.
    let path = grace.invites("viewer").await;
    let joined = ada.posts(&path, &newcomer("Bea", "bea@example.com"), "same-origin").await;
    assert_eq!(leads_to(&joined), "/queue");
    assert_eq!(ada.gets("/live").await.status(), 401);
    ada.keep(&joined);
    assert_eq!(ada.gets("/live").await.status(), 200);

    // Three requests race for one link, and one succeeds. The test of the set-up covers a race of two links.
    let path = grace.invites("viewer").await;
    let race = ["one@example.com", "two@example.com", "three@example.com"].map(|email| {
        let (browser, path) = (Browser::at(&server), path.clone());
        async move { browser.posts(&path, &newcomer("Racer", email), "same-origin").await.status().as_u16() }
    });
    let mut answers = join_all(race).await;
    answers.sort_unstable();
    assert_eq!(answers, [303, 404, 404]);

    // Revoked and expired links are refused.
    let path = grace.invites("viewer").await;
    let name = crate::support::browser::between(&grace.sees(PEOPLE, 200).await, "name=\"invitation\" value=\"", "\"")
        .to_owned();
    assert!(!path.contains(&name), "an invitation's name opens its door");
    grace.sends(PEOPLE, &[("do", "revoke"), ("invitation", &name)], 303).await;
    assert_eq!(ada.gets(&path).await.status(), 404);
    assert!(grace.sends(PEOPLE, &[("do", "revoke"), ("invitation", &name)], 422).await.contains("used or revoked"));
    let path = grace.invites("viewer").await;
    server.pass(Span::hours(7 * 24 - 1));
    assert_eq!(Browser::at(&server).gets(&path).await.status(), 200);
    server.pass(Span::hours(1));
    let late = Browser::at(&server);
    assert_eq!(late.gets(&path).await.status(), 404);
    assert_eq!(late.posts(&path, &newcomer("Late", "late@example.com"), "same-origin").await.status(), 404);
}

#[apply(on_both!)]
async fn a_workspace_never_loses_its_last_admin(server: TestServer) {
    let grace = server.person("Grace", Role::Admin).await;
    let browser = Browser::of("Grace", &server.url).await;
    for form in [&[("do", "role"), ("role", "supervisor")][..], &[("do", "disable")]] {
        assert!(browser.sends(&page_of(&grace), form, 422).await.contains("Nobody else here is an admin."));
    }
    // The control: with a second admin either may be demoted. When two demote each other at once, one remains.
    let ana = server.person("Ana", Role::Admin).await;
    let other = Browser::of("Ana", &server.url).await;
    for round in 0..5 {
        let (to_ana, to_grace) = (page_of(&ana), page_of(&grace));
        let demote = form(&[("do", "role"), ("role", "operator")]);
        let (one, two) = tokio::join!(
            browser.posts(&to_ana, &demote, "same-origin"),
            other.posts(&to_grace, &demote, "same-origin"),
        );
        let done = [one, two].iter().filter(|answer| answer.status() == 303).count();
        assert_eq!(done, 1, "round {round}");
        let admins = "select count(*) from operator where role = 'admin'";
        let admins: i64 =
            sqlx::Row::get(&sqlx::query(admins).fetch_one(server.desk.store().reader()).await.expect("a count"), 0);
        assert_eq!(admins, 1, "round {round}");
        let again = "update operator set role = 'admin'";
        sqlx::query(again).execute(server.desk.store().writer()).await.expect("an update");
    }
    browser.sends(&page_of(&grace), &[("do", "disable")], 303).await;
    assert_eq!(leads_to(&browser.gets("/queue").await), "/sign-in?back=/queue");
}

#[apply(on_both!)]
async fn a_role_and_a_way_in_are_given_and_taken(server: TestServer) {
    let grace = admin(&server).await;
    let ada = server.person("Ada", Role::Viewer).await;
    let mut browser = Browser::of("Ada", &server.url).await;
    grace.sends(&page_of(&ada), &[("do", "role"), ("role", "admin")], 303).await;
    assert_eq!(browser.gets(PEOPLE).await.status(), 200);
    grace.sends(&page_of(&ada), &[("do", "role"), ("role", "operator")], 303).await;
    assert_eq!(browser.gets(PEOPLE).await.status(), 403);
    assert!(grace.sends(&page_of(&ada), &[("do", "role"), ("role", "king")], 422).await.contains("no such role"));

    // The page shows when and from where the operator signed in, and the open sessions.
    let page = grace.sees(&page_of(&ada), 200).await;
    assert!(page.contains("from 127.0.0.1") && page.contains("From 127.0.0.1"), "{page}");
    let name = crate::support::browser::between(&page, "name=\"session\" value=\"", "\"").to_owned();
    let elsewhere = Browser::of("Ada", &server.url).await;
    grace.sends(&page_of(&ada), &[("do", "end"), ("session", &name)], 303).await;
    assert_eq!(browser.gets("/live").await.status(), 401);
    assert_eq!(elsewhere.gets("/queue").await.status(), 200);

    // A disabled operator is signed out; an enabled one can sign in again.
    grace.sends(&page_of(&ada), &[("do", "disable")], 303).await;
    assert_eq!(elsewhere.gets("/live").await.status(), 401);
    assert_eq!(
        leads_to(&browser.signs_in("ada@example.com", PASSWORD, "/mine").await),
        "/sign-in?refused=wrong&back=/mine"
    );
    assert!(grace.sends(&page_of(&ada), &[("do", "reset")], 422).await.contains("Enable this person first."));
    grace.sends(&page_of(&ada), &[("do", "enable")], 303).await;
    assert_eq!(elsewhere.gets("/live").await.status(), 401, "an ended session came back");
    assert_eq!(leads_to(&browser.signs_in("ada@example.com", PASSWORD, "/mine").await), "/mine");

    // A link sets a new password. Only the newest link is valid, once.
    let reset = async || {
        let page = grace.sends(&page_of(&ada), &[("do", "reset")], 200).await;
        grace.link(&page, "/reset/")
    };
    let (older, path) = (reset().await, reset().await);
    let mut anew = Browser::at(&server);
    assert_eq!(anew.gets(&older).await.status(), 404);
    assert!(anew.sees(&path, 200).await.contains("Choose a new password"));
    let done = anew.posts(&path, "password=another+battery+staple", "same-origin").await;
    assert_eq!(leads_to(&done), "/queue");
    anew.keep(&done);
    assert_eq!(anew.gets("/queue").await.status(), 200);
    assert_eq!(browser.gets("/live").await.status(), 401, "a session outlived its password");
    assert_eq!(anew.posts(&path, "password=yet+another+battery", "same-origin").await.status(), 404);
    assert_eq!(
        leads_to(&browser.signs_in("ada@example.com", PASSWORD, "/mine").await),
        "/sign-in?refused=wrong&back=/mine"
    );
    assert_eq!(leads_to(&browser.signs_in("ada@example.com", "another battery staple", "/mine").await), "/mine");
    // Changing the password invalidates reset links that are still open.
    let path = reset().await;
    let own =
        [("do", "password"), ("old_password", "another battery staple"), ("new_password", "a password of my own")];
    anew.sends("/me", &own, 200).await;
    assert_eq!(Browser::at(&server).gets(&path).await.status(), 404);
    let path = reset().await;
    server.pass(Span::hours(24));
    assert_eq!(Browser::at(&server).gets(&path).await.status(), 404);
}

#[apply(on_both!)]
async fn what_is_sensitive_asks_for_the_password_again_after_a_while(server: TestServer) {
    let grace = admin(&server).await;
    server.agent("billing-bot").await;
    let agents = "/settings/agents";
    server.pass(Span::minutes(14));
    grace.sends(agents, &[("do", "add"), ("name", "soon")], 200).await;
    server.pass(Span::minutes(2));
    let add = [("do", "add"), ("name", "a <late> one")];
    let asked = grace.sends(agents, &add, 403).await;
    assert!(asked.contains("Confirm that it is you") && asked.contains("value=\"a &lt;late&gt; one\""), "{asked}");
    assert!(!grace.sees(agents, 200).await.contains("a &lt;late&gt; one"), "it was done before it was confirmed");
    let with = |password| [add[0], add[1], ("confirm_password", password)];
    let wrong = grace.sends(agents, &with("not the password"), 422).await;
    assert!(wrong.contains("The password is wrong.") && !wrong.contains("not the password"), "{wrong}");
    let done = grace.sends(agents, &with(PASSWORD), 200).await;
    assert!(done.contains("blt_") && !done.contains(PASSWORD), "{done}");
    // The confirmation stays valid for a while, and a trial escalation needs none.
    grace.sends(agents, &[("do", "add"), ("name", "again")], 200).await;
    server.pass(Span::minutes(16));
    grace.sends(TRIAL, &[("agent", "agt_00000000000000000000000000")], 422).await;
    grace.sends(PEOPLE, &[("do", "invite"), ("role", "admin")], 403).await;
    // Password guesses in this form are throttled as on the sign-in page.
    let mut said = vec![];
    for _ in 0..7 {
        said.push(grace.sends(agents, &with("not the password"), 422).await.contains("Too many attempts."));
    }
    assert!(!said[0] && said[6], "{said:?}");
}

#[apply(on_both!)]
async fn the_use_of_a_key_is_noted_once_a_minute(server: TestServer) {
    let grace = admin(&server).await;
    let bot = server.agent("billing-bot").await;
    let used = async || {
        let sql = "select used_at from api_key";
        let row = sqlx::query(sql).fetch_one(server.desk.store().reader()).await.expect("a key");
        sqlx::Row::get::<Option<i64>, _>(&row, 0)
    };
    assert_eq!(used().await, None);
    assert!(grace.sees("/settings/agents", 200).await.contains("never used"));
    bot.hands_over("conv_1").await;
    let first = soon("a note that the key was used", async || used().await).await;
    server.pass(Span::seconds(50));
    bot.hands_over("conv_2").await;
    server.pass(Span::seconds(20));
    bot.hands_over("conv_3").await;
    let second = soon("another", async || used().await.filter(|at| *at != first)).await;
    assert!(second - first >= 60_000, "noted twice within a minute: {first}, {second}");
    assert!(grace.sees("/settings/agents", 200).await.contains("last used "));
}
