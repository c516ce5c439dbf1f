//! Tests of a password that is changed while it is being checked, which takes a while: nothing starts with the old
//! password.

use std::time::Duration;

use bailout::{
    domain::{ids::OperatorId, operator::Role, time::Span},
    server::{
        core::desk::Desk,
        error::Error,
        password,
        store::{operators, people, sessions},
    },
};
use macro_rules_attribute::apply;
use sqlx::Row;
use tokio::{task::JoinSet, time::timeout};

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, leads_to},
        person::Person,
        server::{PASSWORD, soon},
    },
};

const NEW: &str = "another battery staple";
/// The number of checks queued first: no more than an address may make freely, two at a time.
const BUSY: i64 = 16;

/// Changes a password and ends every session in one transaction, as a password-reset link does.
async fn changes(desk: Desk, person: Person, hash: String) {
    let (workspace, id): (_, OperatorId) = (person.workspace, person.operator.who.id);
    let write = desk.store().write(move |tx| {
        Box::pin(async move {
            people::set_password(tx, workspace, id, &hash).await?;
            Ok::<_, Error>(sessions::end_all(tx, workspace, id, None).await?)
        })
    });
    write.await.expect("another password");
}

/// Waits until this many attempts have come from this machine.
async fn tried(server: &TestServer, so_many: i64) {
    soon("the tries", async || {
        let sql = "select failures from sign_in_attempt where subject like 'address:%'";
        let row = sqlx::query(sql).fetch_optional(server.desk.store().reader()).await.expect("a count");
        row.is_some_and(|row| row.get::<i64, _>(0) == so_many).then_some(())
    })
    .await;
}

/// Submits a password behind many other attempts and changes it before its turn comes. Returns the answer to the
/// request.
async fn meanwhile(server: &TestServer, ada: &Person, shown: reqwest::RequestBuilder) -> reqwest::Response {
    let hash = password::hash(NEW).expect("a hash");
    let (stranger, mut guesses) = (Browser::at(server), JoinSet::new());
    for n in 0..BUSY {
        let form = format!("email=nobody{n}@example.com&password={n}");
        guesses.spawn(stranger.submits("/sign-in", &form, "same-origin").send());
    }
    tried(server, BUSY).await;
    let shown = tokio::spawn(shown.send());
    tried(server, BUSY + 1).await;
    changes(server.desk.clone(), ada.clone(), hash).await;
    assert!(!shown.is_finished(), "the password was not changed while it was checked");
    let answer = shown.await.expect("a task").expect("an answer");
    guesses.join_all().await;
    answer
}

async fn sessions_of(server: &TestServer, ada: &Person) -> usize {
    let open = sessions::open(server.desk.store(), server.workspace, ada.operator.who.id, server.now()).await;
    open.expect("sessions").len()
}

#[apply(on_both!)]
async fn a_sign_in_with_it_begins_no_session(server: TestServer) {
    let ada = server.person("Ada", Role::Operator).await;
    let mut browser = Browser::at(&server);
    let form = format!("email=ada@example.com&password={}&back=/mine", PASSWORD.replace(' ', "+"));
    let answer = meanwhile(&server, &ada, browser.submits("/sign-in", &form, "same-origin")).await;
    assert_eq!(leads_to(&answer), "/sign-in?refused=wrong&back=/mine");
    assert!(answer.headers().get("set-cookie").is_none(), "{answer:?}");
    assert_eq!(sessions_of(&server, &ada).await, 0);
    assert_eq!(leads_to(&browser.signs_in("ada@example.com", NEW, "/mine").await), "/mine");
}

#[apply(on_both!)]
async fn nothing_sensitive_is_done_with_it(server: TestServer) {
    let ada = server.person("Ada", Role::Admin).await;
    let browser = Browser::of("Ada", &server.url).await;
    server.pass(Span::minutes(16));
    let form = format!("do=invite&role=admin&confirm_password={}", PASSWORD.replace(' ', "+"));
    let answer = meanwhile(&server, &ada, browser.submits("/settings/people", &form, "same-origin")).await;
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.expect("a page").contains("The password is wrong."));
    let invited =
        sqlx::query("select 1 from one_time_link").fetch_all(server.desk.store().reader()).await.expect("links");
    assert!(invited.is_empty(), "somebody was invited");
}

#[apply(on_both!)]
async fn of_two_new_ones_in_its_place_one_is_taken(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let (browser, old) = (Browser::of("Ada", &server.url).await, PASSWORD.replace(' ', "+"));
    let mut changes = JoinSet::new();
    for n in 0..4 {
        let form = format!("do=password&old_password={old}&new_password=number+{n}+of+four+passwords");
        let change = browser.submits("/me", &form, "same-origin");
        changes.spawn(async move { change.send().await.expect("an answer").text().await.expect("a page") });
    }
    let said = changes.join_all().await;
    let taken = said.iter().filter(|page| page.contains("Your password is changed")).count();
    assert_eq!(taken, 1, "of {} changes by one password", said.len());
}

#[apply(on_both!)]
async fn a_session_that_begins_first_is_there_to_be_ended(server: TestServer) {
    let (ada, store) = (server.person("Ada", Role::Operator).await, server.desk.store());
    let email = "ada@example.com".parse().expect("an address");
    let account = operators::account(store, &email).await.expect("a read").expect("an account");
    let mut tx = store.begin_write().await.expect("a transaction");
    assert!(operators::lock_if_unchanged(&mut tx, &account).await.expect("an answer"));
    let mut change = tokio::spawn(changes(server.desk.clone(), ada.clone(), "another".to_owned()));
    let passed = timeout(Duration::from_millis(300), &mut change).await.is_ok();
    sessions::begin(&mut tx, account.workspace, account.operator, &[7; 32], None, server.now())
        .await
        .expect("a session");
    tx.commit().await.expect("a commit");
    assert!(!passed, "the password was changed while a session began");
    change.await.expect("a change");
    assert_eq!(sessions_of(&server, &ada).await, 0);
    // A check that comes after the change learns that the password changed.
    let mut tx = store.begin_write().await.expect("a transaction");
    assert!(!operators::lock_if_unchanged(&mut tx, &account).await.expect("an answer"));
}
