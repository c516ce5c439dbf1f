//! Promise 16: secrets never leak. Operators sign in, agents send keys, and both make mistakes, on the real program
//! with its log at the most verbose level. Then the database with its log files, a backup of it, the program's log,
//! every answer and the files that browsers download are searched for the passwords, keys and sessions, in plain text,
//! hex and base64.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    sync::Mutex,
};

use bailout::server::{clock::mint, keys::ApiKey};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection, Row};

use crate::{
    restore::backs_up,
    support::{
        Engine,
        browser::{Browser, between, form, session_cookie, shown},
        database::{Database, free_port},
        program::{Program, add_agent, add_operator, bailout},
    },
};

/// A secret, and what kind of secret it is.
struct Canary {
    what: &'static str,
    text: String,
}

fn canary(what: &'static str, text: impl Into<String>) -> Canary {
    Canary { what, text: text.into() }
}

impl Canary {
    /// Returns whether the secret is in a place, in any form in which a search would find it.
    fn is_in(&self, place: &str) -> bool {
        let bytes = self.text.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let listed = format!("{bytes:?}");
        let base64 = [STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)];
        let forms = [self.text.as_str(), &hex, &hex.to_uppercase(), listed.trim_matches(['[', ']'])];
        forms.into_iter().chain(base64.iter().map(String::as_str)).any(|form| place.contains(form))
    }
}

/// Every place that somebody could read, with its name.
struct Places(Vec<(String, String)>);

impl Places {
    fn add(&mut self, name: impl Into<String>, bytes: &[u8]) {
        self.0.push((name.into(), String::from_utf8_lossy(bytes).into_owned()));
    }

    /// Returns the names of the places that contain a secret.
    fn with(&self, canary: &Canary) -> Vec<&str> {
        self.0.iter().filter(|(_, place)| canary.is_in(place)).map(|(name, _)| name.as_str()).collect()
    }

    /// Adds the files of a SQLite database, or every row of every table of a PostgreSQL one.
    async fn add_database(&mut self, database: &Database) {
        if let Some(file) = database.url.strip_prefix("sqlite://") {
            let folder = Path::new(file).parent().expect("a folder");
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                self.add(format!("database: {name}"), &fs::read(entry.path()).expect("a file"));
            }
            return;
        }
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&database.url).await.expect("a connection");
        let tables = "select cast(string_agg('select cast(it as text) from ' || table_name || ' it', ' union all ') as text) \
                      from information_schema.tables where table_schema = 'public'";
        let sql: String = sqlx::query(tables).fetch_one(&mut connection).await.expect("tables").get(0);
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("rows");
        let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        self.add("database: every table", rows.join("\n").as_bytes());
    }
}

/// A client that keeps every answer: the status, the headers except the cookie that brings a session to its owner, and
/// the body.
struct Asking<'a> {
    url: String,
    kept: &'a Mutex<String>,
}

impl Asking<'_> {
    async fn keep(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.send().await.expect("an answer");
        let mut headers = answer.headers().clone();
        headers.remove("set-cookie");
        let head = format!("{} {headers:?}\n", answer.status());
        let body = answer.text().await.expect("a body");
        self.kept.lock().expect("answers").push_str(&(head + &body + "\n"));
        serde_json::from_str(&body).unwrap_or_default()
    }

    async fn api(&self, method: Method, path: &str, authorization: &str, body: impl Into<reqwest::Body>) -> Value {
        let request = reqwest::Client::new().request(method, format!("{}/api/v1{path}", self.url));
        let request = request.header("authorization", authorization).header("content-type", "application/json");
        self.keep(request.body(body)).await
    }
}

/// Sends everything that operators and agents do with their secrets, correctly and incorrectly.
async fn everyone_acts(
    asking: &Asking<'_>,
    password: &str,
    wrong: &Canary,
    key: &str,
    bad_keys: &[String],
) -> Vec<Canary> {
    let bearer = |key: &str| format!("Bearer {key}");
    let opening = json!({
        "reason": {"code": "other", "text": "help"},
        "conversation": {"messages": [{"role": "customer", "text": "Where is my order?"}]},
    });
    let opened = asking.api(Method::POST, "/escalations", &bearer(key), opening.to_string()).await;
    let it = opened["id"].as_str().expect("an id").to_owned();
    for (method, path) in [
        (Method::GET, format!("/escalations/{it}")),
        (Method::GET, format!("/escalations/{it}/transcript")),
        (Method::GET, format!("/escalations/{it}?wait=0&after=9999")),
        (Method::GET, "/escalations?limit=x".to_owned()),
        (Method::DELETE, "/escalations".to_owned()),
        (Method::GET, "/nowhere".to_owned()),
        (Method::POST, format!("/escalations/{it}/acknowledge")),
        (Method::POST, format!("/escalations/{it}/messages")),
    ] {
        for key in std::iter::once(key).chain(bad_keys.iter().map(String::as_str)) {
            for authorization in [bearer(key), format!("Basic {key}"), key.to_owned()] {
                asking.api(method.clone(), &path, &authorization, "{\"role\":").await;
            }
        }
    }
    let mut sessions = vec![];
    for form in [
        format!("email=ada@example.com&password={password}"),
        format!("email=ada@example.com&password={password}&back=/mine"),
        format!("email=ada@example.com&password={}", wrong.text),
        format!("email=nobody@example.com&password={}", wrong.text),
        // A password typed into the wrong field, as happens.
        format!("email={}&password=x", wrong.text),
        format!("password={}", wrong.text),
        format!("email=ada@example.com&password={}&password=%ff", wrong.text),
    ] {
        let mut browser = Browser::new(&asking.url);
        let request = browser.submits("/sign-in", &form, "same-origin");
        let answer = request.try_clone().expect("a form").send().await.expect("an answer");
        let cookie = answer.headers().get("set-cookie").and_then(|it| it.to_str().ok()?.split(';').next());
        browser.cookie = cookie.map(str::to_owned);
        let body = answer.text().await.expect("a body");
        asking.kept.lock().expect("answers").push_str(&body);
        asking.keep(browser.submits("/sign-in", &form, "cross-site")).await;
        let Some(cookie) = browser.cookie.clone() else { continue };
        sessions.push(canary("a session", cookie.split_once('=').expect("a cookie").1));
        for path in ["/queue", "/nowhere", "/sign-in", &format!("/e/{it}")] {
            asking.keep(browser.asks(path)).await;
        }
        for (function, arguments) in
            [("claim", format!("id={it}")), ("thread", "id=nothing".into()), ("inbox", "view=queue".into())]
        {
            asking.keep(browser.calls(function, &arguments)).await;
        }
    }
    assert_eq!(sessions.len(), 2, "nobody is signed in");
    // The first session signs out, and its cookie, which is no longer valid, is sent again.
    let browser = Browser { cookie: Some(session_cookie(&asking.url, &sessions[0].text)), ..Browser::new(&asking.url) };
    asking.keep(browser.submits("/sign-out", "", "same-origin")).await;
    asking.keep(browser.asks("/queue")).await;
    sessions
}

/// Sets the installation up by the link that was printed, then invites, resets and creates keys. An answer that shows a
/// secret once is not kept. Every other answer is, so a secret in one of those would be found.
async fn lets_people_in(asking: &Asking<'_>, set_up: &str, password: &str) -> Vec<Canary> {
    let mut grace = Browser::new(asking.url.trim_end_matches('/'));
    let path = format!("/set-up/{set_up}");
    let newcomer =
        |name: &str| form(&[("name", name), ("email", &format!("{name}@example.com")), ("password", password)]);
    asking.keep(grace.asks(&path)).await;
    asking.keep(grace.submits(&path, "name=Grace&password=short", "same-origin")).await;
    let done = grace.posts(&path, &newcomer("Grace"), "same-origin").await;
    assert_eq!(done.status(), 200);
    grace.keep(&done);
    let first_key = shown(&done.text().await.expect("a page"), "key").to_owned();
    asking.keep(grace.submits(&path, &newcomer("Grace"), "same-origin")).await;
    asking.keep(grace.asks(&path)).await;

    let (used, unused) = (grace.invites("operator").await, grace.invites("viewer").await);
    let mut joined = Browser::new(&grace.url);
    asking.keep(joined.asks(&used)).await;
    let done = joined.posts(&used, &newcomer("Ana"), "same-origin").await;
    joined.keep(&done);
    for path in [&used, &unused, "/me", "/queue"] {
        asking.keep(joined.asks(path)).await;
    }
    let people = grace.sees("/settings/people", 200).await;
    let person = format!("/settings/people/{}", between(&people, "href=\"/settings/people/", "\""));
    let page = grace.sends(&person, &[("do", "reset")], 200).await;
    let reset = grace.link(&page, "/reset/");
    asking.keep(grace.asks(&reset)).await;
    let agents = grace.sees("/settings/agents", 200).await;
    let agent = between(&agents, "name=\"agent\" value=\"", "\"");
    let rotate = [("do", "rotate"), ("agent", agent), ("overlap", "1")];
    let second_key = shown(&grace.sends("/settings/agents", &rotate, 200).await, "key").to_owned();
    for path in ["/settings/people", &person, "/settings/agents", "/me", "/queue"] {
        asking.keep(grace.asks(path)).await;
    }
    let token = |path: &str| path.rsplit('/').next().expect("a token").to_owned();
    let session =
        |browser: &Browser| browser.cookie.clone().expect("a cookie").split_once('=').expect("a cookie").1.to_owned();
    vec![
        canary("a set-up link", set_up),
        canary("an invitation that was used", token(&used)),
        canary("an invitation that was not used", token(&unused)),
        canary("a link to a new password", token(&reset)),
        canary("the first agent's key", &first_key[17..47]),
        canary("its next key", &second_key[17..47]),
        canary("an admin's session", session(&grace)),
        canary("a newcomer's session", session(&joined)),
    ]
}

/// Makes a backup as an admin does, and returns it uncompressed.
fn backup(engine: Engine, database: &Database, file: &Path) -> Vec<u8> {
    backs_up(engine, database, &file.display().to_string());
    match engine {
        Engine::Sqlite => fs::read(file).expect("a backup"),
        // The backup is compressed, so a search would miss its content.
        Engine::Postgres => {
            let plain = Command::new("pg_restore").arg("--file=-").arg(file).output().expect("pg_restore runs");
            assert!(plain.status.success(), "{plain:?}");
            plain.stdout
        }
    }
}

async fn story(engine: Engine) {
    let Some(mut database) = tokio::task::spawn_blocking(move || engine.database()).await.expect("a database") else {
        return;
    };
    let database_password = mint().simple().to_string();
    database.url = database.url.replace("postgres@", &format!("postgres:{database_password}@"));
    let (password, wrong) = (mint().simple().to_string(), canary("a wrong password", mint().simple().to_string()));
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut command = bailout(&database);
    command.env("BAILOUT_LOG", "trace").env("NO_COLOR", "1");
    // The set-up link is for the admin who started the program, so it is printed, apart from the log.
    let printed = folder.path().join("printed");
    command.stdout(File::create(&printed).expect("a file")).stderr(File::create(&log).expect("a log"));
    let mut program = Program::run(command, free_port()).await;
    let kept = Mutex::new(String::new());
    let asking = Asking { url: program.url(""), kept: &kept };
    let printed = fs::read_to_string(&printed).expect("what was printed");
    let set_up = between(&printed, "/set-up/", "\n");
    let mut let_in = lets_people_in(&asking, set_up, &password).await;
    add_operator(&database, "Ada", "operator", &password);
    let key = add_agent(&database, "billing-bot");
    let revoked = add_agent(&database, "former-bot");
    let done = bailout(&database).args(["admin", "agent", "revoke", "--name", "former-bot"]).status().expect("an end");
    assert!(done.success());
    let unknown = ApiKey::mint(false).expect("a key").reveal();
    let bad_keys = [revoked.clone(), unknown.clone(), format!("{key}0"), key[..key.len() - 1].to_owned()];
    let_in.extend(everyone_acts(&asking, &password, &wrong, &key, &bad_keys).await);

    let mut places = Places(vec![]);
    // The database is read while the program runs, when the write-ahead log is full, and after a graceful shutdown.
    places.add_database(&database).await;
    places.add("a backup", &backup(engine, &database, &folder.path().join("a backup")));
    program.stop();
    places.add_database(&database).await;
    places.add("the program's log", &fs::read(&log).expect("a log"));
    places.add("what else was printed", printed.replace(set_up, "").as_bytes());
    places.add("the answers", kept.into_inner().expect("answers").as_bytes());
    for entry in fs::read_dir("target/site/pkg").into_iter().flatten().flatten() {
        places.add(format!("download: {}", entry.file_name().display()), &fs::read(entry.path()).expect("a file"));
    }

    let secret = |key: &str| key[17..47].to_owned();
    let mut canaries = vec![
        canary("a password", password),
        wrong,
        canary("a key", secret(&key)),
        canary("a revoked key", secret(&revoked)),
        canary("a key nobody has", secret(&unknown)),
        canary("the database's password", database_password),
    ];
    canaries.extend(let_in);
    let downloads = || places.0.iter().filter(|(name, _)| name.starts_with("download"));
    for word in ["secret_sha256", "password_hash", "argon2", "insert into"] {
        assert!(downloads().all(|(_, place)| !place.contains(word)), "browsers download the server's {word}");
    }
    for canary in &canaries {
        assert!(places.with(canary).is_empty(), "{} is in {:?}", canary.what, places.with(canary));
    }

    // The control: a text that should be in a place is found there, so a secret would be, too.
    let found = |text: &str| places.with(&canary("no secret", text));
    let public_id = &key[4..16];
    assert!(
        found("Where is my order?").iter().any(|it| it.starts_with("database")),
        "{:?}",
        found("Where is my order?")
    );
    assert!(found("Where is my order?").contains(&"the answers"));
    for kept in ["Where is my order?", public_id, "$argon2id$"] {
        assert!(found(kept).contains(&"a backup"), "{kept} is not in the backup: {:?}", found(kept));
    }
    assert!(found(public_id).iter().any(|it| it.starts_with("database")), "a key's public half is in the database");
    assert!(downloads().next().is_none() || found("/live?after=").iter().any(|it| it.starts_with("download")));
    assert!(found("TRACE").contains(&"the program's log") && found("stopping").contains(&"the program's log"));
    for canary in &canaries {
        for form in [canary.text.clone(), URL_SAFE_NO_PAD.encode(&canary.text), format!("{:?}", canary.text.as_bytes())]
        {
            let mut planted = Places(vec![]);
            planted.add("somewhere", format!("before {form} after").as_bytes());
            assert_eq!(planted.with(canary), ["somewhere"]);
        }
    }
    let bytes: usize = places.0.iter().map(|(_, place)| place.len()).sum();
    println!(
        "{engine:?}: {} secrets in none of {} places with {bytes} bytes, {} of them what browsers download",
        canaries.len(),
        places.0.len(),
        downloads().count()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_secret_is_anywhere_on_sqlite() {
    story(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_secret_is_anywhere_on_postgres() {
    story(Engine::Postgres).await;
}
