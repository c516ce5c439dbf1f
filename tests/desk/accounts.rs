//! Tests accounts: each address and password has one normalised form, a shell sets new passwords, and operators who
//! have never signed in are marked.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use bailout::{
    domain::{operator::Role, time::Span},
    server::store::sessions,
};
use macro_rules_attribute::apply;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, form, leads_to},
        database::Database,
        program::bailout,
        server::PASSWORD,
    },
};

const PEOPLE: &str = "/settings/people";

/// Runs `bailout admin operator reset-password` while the server runs.
fn resets(database: &Database, arguments: &[&str], input: &str) -> Output {
    let mut command = bailout(database);
    command.args(["admin", "operator", "reset-password"]).args(arguments).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    // The program may exit before it reads its input.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("an end")
}

#[apply(on_both!)]
async fn a_shell_makes_a_link_to_a_new_password(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let here = Browser::of("Ada", &server.url).await;
    let link = |email: &str| {
        let output = resets(&server.database, &["--email", email, "--public-url", "https://desk.example.com"], "");
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8(output.stdout).expect("a link");
        printed.trim().strip_prefix("https://desk.example.com").expect("the public address").to_owned()
    };
    let (older, newer) = (link("ada@example.com"), link("Ada@Example.COM"));
    assert!(newer.starts_with("/reset/"), "{newer}");
    assert_eq!(Browser::at(&server).gets(&older).await.status(), 404, "a newer link takes its place");
    let mut browser = Browser::at(&server);
    let chosen = browser.posts(&newer, "password=another+battery+staple", "same-origin").await;
    assert_eq!(leads_to(&chosen), "/queue");
    browser.keep(&chosen);
    assert_eq!(browser.gets("/mine").await.status(), 200);
    assert_eq!(leads_to(&here.gets("/mine").await), "/sign-in?back=/mine", "the other session ended");
    assert_eq!(browser.gets(&newer).await.status(), 404, "it works once");
    let unknown = resets(&server.database, &["--email", "nobody@example.com"], "");
    assert!(!unknown.status.success() && unknown.stdout.is_empty(), "{unknown:?}");
}

#[apply(on_both!)]
async fn a_shell_sets_a_password(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let here = Browser::of("Ada", &server.url).await;
    let set = |password: &str| resets(&server.database, &["--email", "ada@example.com", "--password-stdin"], password);
    let weak = set("short\n");
    assert!(!weak.status.success(), "{weak:?}");
    assert_eq!(here.gets("/mine").await.status(), 200, "nothing has changed");
    let done = set("another battery staple\n");
    assert!(done.status.success(), "{done:?}");
    assert_eq!(leads_to(&here.gets("/mine").await), "/sign-in?back=/mine");
    let mut browser = Browser::at(&server);
    let old = browser.signs_in("ada@example.com", PASSWORD, "/mine").await;
    assert_eq!(leads_to(&old), "/sign-in?refused=wrong&back=/mine");
    assert_eq!(leads_to(&browser.signs_in("ada@example.com", "another battery staple", "/mine").await), "/mine");
}

#[apply(on_both!)]
async fn an_address_is_one_however_it_is_written(server: TestServer) {
    server.person("Ada", Role::Admin).await;
    // An earlier version stored the address as the browser had sent it.
    let stored = sqlx::query("update operator set email = 'ada@xn--bcher-kva.example'");
    stored.execute(server.desk.store().writer()).await.expect("an address");
    let server = server.restarted(Span(0)).await;
    let mut admin = Browser::at(&server);
    for email in ["ada@bücher.example", "ADA@XN--BCHER-KVA.EXAMPLE", "ada@bu\u{308}cher.example"] {
        let typed = form(&[("email", email), ("password", PASSWORD), ("back", "/mine")]);
        let answer = admin.posts("/sign-in", &typed, "same-origin").await;
        assert_eq!(leads_to(&answer), "/mine", "{email}");
        admin.keep(&answer);
    }
    for email in ["ada@bücher.example", "ada@xn--bcher-kva.example"] {
        let invitation = admin.invites("viewer").await;
        let newcomer = form(&[("name", "Ada"), ("email", email), ("password", PASSWORD)]);
        let answer = Browser::at(&server).posts(&invitation, &newcomer, "same-origin").await;
        assert_eq!(answer.status(), 422, "{email}");
    }
    assert!(admin.sees(PEOPLE, 200).await.contains("ada@bücher.example"));
}

#[apply(on_both!)]
async fn a_password_is_one_however_its_accents_are_typed(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let typed = ["caf\u{e9} au lait, s'il", "cafe\u{301} au lait, s'il"];
    for chosen in typed {
        let done = resets(&server.database, &["--email", "ada@example.com", "--password-stdin"], chosen);
        assert!(done.status.success(), "{done:?}");
        for password in typed {
            let fields = form(&[("email", "ada@example.com"), ("password", password), ("back", "/mine")]);
            let answer = Browser::at(&server).posts("/sign-in", &fields, "same-origin").await;
            assert_eq!(leads_to(&answer), "/mine", "{chosen:?} {password:?}");
        }
    }
}

#[apply(on_both!)]
async fn who_was_just_added_has_never_signed_in(server: TestServer) {
    server.person("Grace", Role::Admin).await;
    let grace = Browser::of("Grace", &server.url).await;
    let ada = server.person("Ada", Role::Operator).await;
    let page_of_ada = format!("{PEOPLE}/{}", ada.operator.who.id);
    for path in [PEOPLE, &page_of_ada] {
        assert!(grace.sees(path, 200).await.contains("ada@example.com · operator · Never signed in"), "{path}");
    }
    Browser::of("Ada", &server.url).await;
    let page = grace.sees(&page_of_ada, 200).await;
    assert!(page.contains("ada@example.com · operator · Last signed in "), "{page}");
}

#[apply(on_both!)]
async fn a_person_has_at_most_fifty_sessions_and_the_oldest_ends(server: TestServer) {
    let ada = server.person("Ada", Role::Operator).await;
    let first = Browser::of("Ada", &server.url).await;
    server.pass(Span::minutes(2));
    // Sessions are created as a sign-in creates them, but without the password check, which takes a while.
    let mut tx = server.desk.store().begin_write().await.expect("a transaction");
    for n in 0..49_u8 {
        let (digest, who) = ([n; 32], ada.operator.who.id);
        sessions::begin(&mut tx, server.workspace, who, &digest, None, server.now()).await.expect("a session");
    }
    tx.commit().await.expect("a commit");
    assert_eq!(first.gets("/queue").await.status(), 200, "fifty are as many as there may be");
    server.pass(Span::minutes(2));
    let last = Browser::of("Ada", &server.url).await;
    assert_eq!(last.gets("/queue").await.status(), 200);
    let mut ended = 0;
    for n in 0..49_u8 {
        let found = sessions::find(server.desk.store(), &[n; 32], server.now()).await.expect("a read");
        ended += usize::from(found.is_none());
    }
    assert_eq!(ended, 1, "the one that was used least recently");
    assert_eq!(first.gets("/queue").await.status(), 200);
}
