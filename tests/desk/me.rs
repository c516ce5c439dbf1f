//! Tests of the operator's own page: names, appearance, keyboard settings, password, sessions.

use std::time::Duration;

use bailout::domain::operator::Role;
use macro_rules_attribute::apply;
use tokio::time::timeout;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, between, leads_to},
        server::PASSWORD,
    },
};

#[apply(on_both!)]
async fn names_and_looks_are_kept_and_every_page_has_them(server: TestServer) {
    server.person("Ada", Role::Viewer).await;
    let ada = Browser::of("Ada", &server.url).await;
    for path in ["/queue", "/me"] {
        assert!(!ada.sees(path, 200).await.contains("data-theme"), "{path}");
    }
    let save = |theme, density| {
        [("do", "save"), ("name", "Ada L."), ("public_name", "A <colleague>"), ("theme", theme), ("density", density)]
    };
    assert!(ada.sends("/me", &save("dark", "compact"), 200).await.contains("Saved."));
    for path in ["/queue", "/me"] {
        let page = ada.sees(path, 200).await;
        assert!(page.contains("<html lang=\"en\" data-theme=\"dark\" data-density=\"compact\">"), "{path}: {page}");
    }
    let me = ada.sees("/me", 200).await;
    assert!(me.contains("value=\"Ada L.\"") && me.contains("A &lt;colleague&gt;"), "{me}");
    assert!(ada.sends("/me", &save("neon", "compact"), 422).await.contains("no such theme"));
    let blank = [("do", "save"), ("name", " "), ("public_name", "A"), ("theme", "dark"), ("density", "compact")];
    assert!(ada.sends("/me", &blank, 422).await.contains("A name must not be empty."));
    assert!(ada.sees("/me", 200).await.contains("value=\"Ada L.\""));
    // Preferences that cannot be parsed, as from another version, do not lock the operator out.
    let broken = "update operator set preferences = '{\"theme\":\"neon\"}'";
    sqlx::query(broken).execute(server.desk.store().writer()).await.expect("an update");
    assert!(!ada.sees("/queue", 200).await.contains("data-theme"));
}

#[apply(on_both!)]
async fn what_keys_do_is_the_operator_s_wish_wherever_they_sign_in(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let (ada, elsewhere) = (Browser::of("Ada", &server.url).await, Browser::of("Ada", &server.url).await);
    let keys = async || {
        let page = elsewhere.sees("/queue", 200).await;
        between(&page, "\"keys\":", "}").to_owned()
    };
    assert_eq!(keys().await, "{\"enter_sends\":null,\"shortcuts_off\":false");
    let prefers =
        async |wish: &str| assert_eq!(ada.calls("prefer", wish).send().await.expect("an answer").status(), 200);
    prefers("shortcuts_off=true").await;
    assert_eq!(keys().await, "{\"enter_sends\":null,\"shortcuts_off\":true");
    prefers("enter_sends=false").await;
    assert_eq!(keys().await, "{\"enter_sends\":false,\"shortcuts_off\":true");
    // The form of the page sets both settings. Saving it leaves `enter_sends` null for an operator who never chose
    // it.
    let form =
        [("do", "save"), ("name", "Ada"), ("public_name", "Ada"), ("theme", "system"), ("density", "comfortable")];
    ada.sends("/me", &form, 200).await;
    assert_eq!(keys().await, "{\"enter_sends\":false,\"shortcuts_off\":false");
    let on = form.into_iter().chain([("enter_sends", "on")]).collect::<Vec<_>>();
    ada.sends("/me", &on, 200).await;
    assert_eq!(keys().await, "{\"enter_sends\":true,\"shortcuts_off\":false");
    server.person("Ana", Role::Operator).await;
    let ana = Browser::of("Ana", &server.url).await;
    ana.sends("/me", &form, 200).await;
    assert!(ana.sees("/queue", 200).await.contains("{\"enter_sends\":null,\"shortcuts_off\":false"));
}

#[apply(on_both!)]
async fn two_pages_that_change_different_things_both_do(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let ada = Browser::of("Ada", &server.url).await;
    let names = ["name", "public_name", "theme", "density", "enter_sends", "shortcuts_off"];
    // Returns the form of a page as it was rendered, with some fields changed.
    let form = |page: &str, typed: &[(&'static str, &'static str)]| {
        let mut fields = vec![("do".to_owned(), "save".to_owned())];
        for name in names {
            let was = between(page, &format!("name=\"was_{name}\" value=\""), "\"").to_owned();
            let now = typed.iter().find(|(typed, _)| *typed == name).map_or(was.clone(), |(_, now)| (*now).to_owned());
            fields.extend([(format!("was_{name}"), was), (name.to_owned(), now)]);
        }
        fields
    };
    let sends = async |fields: Vec<(String, String)>| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        ada.sends("/me", &fields, 200).await
    };
    let drawn = ada.sees("/me", 200).await;
    sends(form(&drawn, &[("theme", "dark"), ("name", "Ada L.")])).await;
    ada.calls("prefer", "enter_sends=true").send().await.expect("an answer");
    // Another page, rendered before those changes, still shows the old values.
    let answer = sends(form(&drawn, &[("density", "compact"), ("public_name", "A."), ("shortcuts_off", "on")])).await;
    for page in [answer, ada.sees("/me", 200).await] {
        assert!(page.contains("data-theme=\"dark\" data-density=\"compact\""), "{page}");
        assert!(page.contains("value=\"Ada L.\"") && page.contains("value=\"A.\""), "{page}");
        assert_eq!(page.matches("checked").count(), 2, "{page}");
    }
    // The control: without the old values (`was_`), the server saves every field of the form.
    let all: Vec<_> = form(&drawn, &[]).into_iter().filter(|(name, _)| !name.starts_with("was_")).collect();
    let page = sends(all).await;
    assert!(!page.contains("data-theme") && page.contains("value=\"Ada\"") && !page.contains("checked"), "{page}");
}

#[apply(on_both!)]
async fn two_wishes_at_once_are_both_kept(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let ada = Browser::of("Ada", &server.url).await;
    // The first change is still uncommitted when the second arrives.
    let mut tx = server.desk.store().begin_write().await.expect("a transaction");
    let one = r#"update operator set preferences = '{"keys":{"enter_sends":true,"shortcuts_off":false}}'"#;
    sqlx::query(one).execute(&mut *tx).await.expect("an update");
    let mut other = tokio::spawn(ada.calls("prefer", "shortcuts_off=true").send());
    assert!(timeout(Duration::from_millis(300), &mut other).await.is_err(), "it did not wait");
    tx.commit().await.expect("a commit");
    assert_eq!(other.await.expect("a task").expect("an answer").status(), 200);
    let page = ada.sees("/queue", 200).await;
    assert!(page.contains("{\"enter_sends\":true,\"shortcuts_off\":true"), "{page}");
}

#[apply(on_both!)]
async fn a_new_password_asks_the_old_one_and_ends_the_other_sessions(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let (mut ada, elsewhere) = (Browser::of("Ada", &server.url).await, Browser::of("Ada", &server.url).await);
    let new = "another battery staple";
    let change = |old, new| [("do", "password"), ("old_password", old), ("new_password", new)];
    assert!(ada.sends("/me", &change("not the password", new), 422).await.contains("The password is wrong."));
    assert!(ada.sends("/me", &change(PASSWORD, "short"), 422).await.contains("at least 12 characters"));
    assert_eq!(elsewhere.gets("/queue").await.status(), 200);
    let done = ada.sends("/me", &change(PASSWORD, new), 200).await;
    assert!(done.contains("Your password is changed") && !done.contains(new), "{done}");
    assert_eq!(ada.gets("/queue").await.status(), 200);
    assert_eq!(elsewhere.gets("/live").await.status(), 401);
    let wrong = ada.signs_in("ada@example.com", PASSWORD, "/mine").await;
    assert_eq!(leads_to(&wrong), "/sign-in?refused=wrong&back=/mine");
    assert_eq!(leads_to(&ada.signs_in("ada@example.com", new, "/mine").await), "/mine");
}

#[apply(on_both!)]
async fn one_ends_one_s_own_sessions_and_nobody_else_s(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    server.person("Ana", Role::Operator).await;
    let (ada, ana) = (Browser::of("Ada", &server.url).await, Browser::of("Ana", &server.url).await);
    let session = |page: &str| between(page, "name=\"session\" value=\"", "\"").to_owned();
    let (hers, mine) = (session(&ana.sees("/me", 200).await), session(&ada.sees("/me", 200).await));
    // The session's name in the page is no secret: the cookie is not in the page.
    assert!(!ada.cookie.as_deref().expect("a cookie").contains(&mine));
    ada.sends("/me", &[("do", "end"), ("session", &hers)], 303).await;
    assert_eq!(ana.gets("/queue").await.status(), 200, "somebody else's session was ended");
    ada.sends("/me", &[("do", "end"), ("session", &mine)], 303).await;
    assert_eq!(leads_to(&ada.gets("/queue").await), "/sign-in?back=/queue");
    assert_eq!(ana.gets("/queue").await.status(), 200);
}
