//! Promise 19, first half: a backup taken under load is complete, and after a restore every page starts over and shows
//! the content of the database. On PostgreSQL the test runs the commands that the program prints.

use std::{
    path::Path,
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};

use bailout::{
    app::actions::Bootstrap,
    domain::{
        inbox::{Frame, Inbox},
        operator::Role,
    },
};
use futures::StreamExt;
use macro_rules_attribute::apply;
use sqlx::{AnyConnection, Connection, Row};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    on_both,
    snapshots::agree,
    support::{
        Engine, TestServer,
        browser::Browser,
        chance::Chance,
        database::{Database, free_port},
        program::{Program, add_agent, add_operator, bailout},
        server::{PASSWORD, soon},
        sse::{self, Pieces},
        writers::Writers,
    },
};

const PAGES: usize = 20;
/// The number of events before the backup, and again after it. The restored database does not have the latter.
const EVENTS: i64 = 120;

/// A page that shows the closed escalations, with the state that the console keeps.
#[derive(Clone)]
struct Page {
    browser: Arc<Browser>,
    epoch: String,
    inbox: Inbox,
    resets: usize,
}

impl Page {
    async fn open(browser: &Arc<Browser>) -> Self {
        let start = started(browser).await.expect("a page");
        Self { browser: Arc::clone(browser), epoch: start.epoch, inbox: start.inbox, resets: 0 }
    }

    /// Follows the stream while the line is up, and reopens it whenever it ends.
    async fn follow(page: Arc<Mutex<Self>>, line: watch::Receiver<bool>) {
        loop {
            let (browser, after) = {
                let page = page.lock().expect("a page");
                (Arc::clone(&page.browser), format!("/live?after={}.{}", page.epoch, page.inbox.seq))
            };
            if *line.borrow()
                && let Ok(response) = browser.asks(&after).send().await
                && response.status() == 200
            {
                let (mut pieces, mut bytes) = (Pieces::default(), response.bytes_stream());
                while let Ok(Some(Ok(piece))) = timeout(Duration::from_secs(30), bytes.next()).await {
                    for heard in pieces.add(&piece) {
                        match heard.event.as_str() {
                            "frame" => {
                                let frame: Frame = serde_json::from_str(&heard.data).expect("a frame");
                                page.lock().expect("a page").inbox.apply(&frame);
                            }
                            "reset" => {
                                let Some(start) = started(&browser).await else { break };
                                let mut page = page.lock().expect("a page");
                                (page.epoch, page.inbox) = (start.epoch, start.inbox);
                                page.resets += 1;
                            }
                            _ => {}
                        }
                    }
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Returns the data that a page starts from, or `None` when the server is down.
async fn started(browser: &Browser) -> Option<Bootstrap> {
    let answer = browser.calls("bootstrap", "listing=/closed").send().await.ok()?;
    serde_json::from_str(&answer.text().await.ok()?).ok()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs an admin command that must succeed.
fn admin(database: &Database, arguments: &[&str]) {
    let output = bailout(database).arg("admin").args(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
}

/// Runs the command that the program prints for PostgreSQL in place of an admin command, word for word.
fn told(database: &Database, arguments: &[&str], begin: &str) {
    let output = bailout(database).arg("admin").args(arguments).output().expect("the program runs");
    let (told, folder) = (said(&output), Path::new(env!("CARGO_BIN_EXE_bailout")).parent().expect("a folder"));
    let command = &told[told.find(begin).unwrap_or_else(|| panic!("no command in {told}"))..];
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("a PATH"));
    let mut shell = Command::new("sh");
    let ran = shell.args(["-c", command]).env("PATH", path).env("BAILOUT_DATABASE_URL", &database.url).output();
    let ran = ran.expect("a shell runs");
    assert!(ran.status.success() && !output.status.success(), "{command}: {}", said(&ran));
}

/// Backs up as the program does it, or as it prints how to.
pub fn backs_up(engine: Engine, database: &Database, file: &str) {
    match engine {
        Engine::Sqlite => admin(database, &["backup", "--to", file]),
        Engine::Postgres => told(database, &["backup", "--to", file], "pg_dump"),
    }
}

fn restores(engine: Engine, database: &Database, file: &str) {
    if engine == Engine::Sqlite {
        return admin(database, &["restore", "--from", file]);
    }
    let (cluster, name) = database.url.rsplit_once('/').expect("a database's name");
    for sql in [format!("drop database {name}"), format!("create database {name}")] {
        let made = Command::new("psql").args([&format!("{cluster}/postgres"), "-qc", &sql]).status();
        assert!(made.is_ok_and(|status| status.success()), "{sql}");
    }
    told(database, &["restore", "--from", file], "pg_restore");
}

async fn connection(database: &Database) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(&database.url).await.expect("a connection")
}

/// Returns the head, after checking that the log has every number up to it once.
async fn head(database: &Database) -> i64 {
    let mut connection = connection(database).await;
    let sql = "select head, (select count(*) from event), (select max(seq) from event) from workspace";
    let row = sqlx::query(sql).fetch_one(&mut connection).await.expect("a head");
    let (head, events, last): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert_eq!((events, last), (head, head), "the log has gaps");
    head
}

/// Runs the test. With `epoch_stays` the backup was restored by hand and the epoch was kept: the control.
async fn story(engine: Engine, epoch_stays: bool) {
    let Some(database) = tokio::task::spawn_blocking(move || engine.database()).await.expect("a database") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a backup").display().to_string();
    let mut chance = Chance::of("restore");
    let key = [add_agent(&database, "billing-bot")];
    add_operator(&database, "Ada", "operator", PASSWORD);
    let mut program = Program::start(&database, free_port()).await;
    let ada = Arc::new(Browser::of("Ada", &program.url("")).await);
    let (line, is_up) = watch::channel(true);
    let (mut pages, mut following) = (vec![], JoinSet::new());
    for _ in 0..PAGES {
        let page = Arc::new(Mutex::new(Page::open(&ada).await));
        following.spawn(Page::follow(Arc::clone(&page), is_up.clone()));
        pages.push(page);
    }
    let old_epoch = pages[0].lock().expect("a page").epoch.clone();

    let writers = Writers::start(&program.url(""), &key, &ada, &mut chance);
    let reached = writers.reached();
    soon("events", async || (*reached.borrow() >= EVENTS).then_some(())).await;
    let before = *reached.borrow();
    backs_up(engine, &database, &file);
    let after = *reached.borrow();
    soon("more events", async || (*reached.borrow() >= after + EVENTS).then_some(())).await;
    writers.stop().await;
    // Commits of requests that were in flight when a writer stopped may still come.
    program.stop();
    line.send_replace(false);
    let lost = head(&database).await;

    restores(engine, &database, &file);
    let restored = head(&database).await;
    assert!((before..lost).contains(&restored), "backed up between {before} and {after}, restored {restored}");
    if epoch_stays {
        // A page's cursor names the log, and after that the version that its lists are built from.
        let (log, _) = old_epoch.split_once('~').expect("the name of a log");
        let put_back = sqlx::query("update installation set epoch = $1").bind(log.to_owned());
        put_back.execute(&mut connection(&database).await).await.expect("the old epoch");
    }
    // Other events happen than before, and more of them, before any page reconnects.
    program = Program::start(&database, program.port).await;
    let writers = Writers::start(&program.url(""), &key, &ada, &mut chance);
    let reached = writers.reached();
    soon("other events", async || (*reached.borrow() > lost).then_some(())).await;
    line.send_replace(true);
    sleep(Duration::from_millis(300)).await;
    writers.stop().await;

    let fresh = soon("one quiet look", async || {
        let fresh = started(&ada).await?;
        sleep(Duration::from_millis(500)).await;
        (started(&ada).await?.inbox.seq == fresh.inbox.seq).then_some(fresh)
    })
    .await;
    let mut wrong = 0;
    for page in &pages {
        soon("a page that is up to date", async || {
            (page.lock().expect("a page").inbox.seq == fresh.inbox.seq).then_some(())
        })
        .await;
        let page = page.lock().expect("a page").clone();
        assert_eq!(page.epoch == old_epoch, epoch_stays);
        assert_eq!(page.resets > 0, !epoch_stays);
        wrong += usize::from(!agree(&page.inbox, &fresh.inbox));
    }
    let (lost, now) = (lost - restored, fresh.inbox.seq);
    println!(
        "{engine:?}: {lost} events undone, {now} now; of {PAGES} pages {wrong} are wrong; epoch stays: {epoch_stays}"
    );
    assert_eq!(wrong, if epoch_stays { PAGES } else { 0 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_page_starts_over_after_a_restore_on_sqlite() {
    story(Engine::Sqlite, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_page_starts_over_after_a_restore_on_postgres() {
    story(Engine::Postgres, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn control_with_the_old_epoch_every_page_is_wrong_and_does_not_know() {
    story(Engine::Sqlite, true).await;
}

#[apply(on_both!)]
async fn a_running_server_notices_that_its_history_has_another_name(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Operator).await;
    let it = bot.hands_over("conv_1").await;
    let ada = Browser::of("Ada", &server.url).await;
    let old = server.desk.store().epoch();
    let cursor = format!("/live?after={old}.1");
    let open = [ada.gets(&cursor).await, bot.listens("/events").send().await.expect("a stream")];
    admin(&server.database, &["new-epoch"]);
    // Each stream ends by itself, …
    for stream in open {
        timeout(Duration::from_secs(5), stream.bytes()).await.expect("an end").expect("in order");
    }
    // … and a client that reconnects is told to start over, with the new epoch of the log.
    let reset = sse::read(ada.gets(&cursor).await, 1).await.remove(0);
    let named = reset.json()["epoch"].as_str().expect("an epoch").to_owned();
    assert!(reset.event == "reset" && named != *old, "{reset:?}");
    let stream = ada.gets(&format!("/live?after={named}.0")).await;
    bot.says(&it, "customer", "Hello?").await.ok(201);
    let ids: Vec<_> = sse::read(stream, 2).await.into_iter().map(|heard| heard.id).collect();
    assert_eq!(ids, [Some(format!("{named}.1")), Some(format!("{named}.2"))]);
}

/// Runs an admin command that must be refused, and returns why.
fn refused(database: &Database, arguments: &[&str]) -> String {
    let output = bailout(database).arg("admin").args(arguments).output().expect("the program runs");
    assert!(!output.status.success(), "{arguments:?} went well");
    said(&output)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_overwritten_and_nothing_else_is_restored() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    assert!(refused(&database, &["backup", "--to", &at("none")]).contains("unable to open"), "of no database");
    let names = || std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(names(), 0, "a failed backup leaves nothing");
    add_agent(&database, "billing-bot");
    admin(&database, &["backup", "--to", &at("good")]);
    assert!(refused(&database, &["backup", "--to", &at("good")]).contains("not overwritten"));
    add_agent(&database, "later-bot");

    // An invalid backup is refused, and the database stays as it is.
    let whole = std::fs::read(at("good")).expect("a backup");
    let mut torn = whole.clone();
    torn[whole.len() / 2..].fill(0x5a);
    for (name, bytes) in
        [("text", b"hello".as_slice()), ("empty", b""), ("torn", &torn), ("half", &whole[..whole.len() / 2])]
    {
        std::fs::write(at(name), bytes).expect("a file");
        assert!(refused(&database, &["restore", "--from", &at(name)]).contains("no backup of Bailout"), "{name}");
    }
    assert!(refused(&database, &["restore", "--from", &at("nowhere")]).contains("No such file"));
    let file = database.url.trim_start_matches("sqlite://").to_owned();
    let folder_of = Path::new(&file).parent().expect("a folder");
    let beside = || {
        let names = std::fs::read_dir(folder_of).expect("a folder").map(|it| it.expect("a file").file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(beside(), ["bailout.db", "bailout.db.lock"]);

    // A restore under a running server is refused too. Then the valid backup is restored, and the other database is
    // kept.
    let mut program = Program::start(&database, free_port()).await;
    assert!(refused(&database, &["restore", "--from", &at("good")]).contains("another Bailout server"));
    // A killed server leaves its write-ahead log next to the file. The log is kept with that file and not applied to
    // another.
    add_agent(&database, "last-bot");
    program.kill();
    assert!(refused(&database, &["restore", "--from", &file]).contains("in use"), "of itself");
    admin(&database, &["restore", "--from", &at("good")]);
    let agents = async |url: &str| {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(url).await.expect("a connection");
        let rows =
            sqlx::query("select name from agent order by name").fetch_all(&mut connection).await.expect("agents");
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    assert_eq!(agents(&database.url).await, ["billing-bot"]);
    let kept = beside().into_iter().find(|name| name.starts_with("bailout.db.replaced-")).expect("the old file");
    let kept = agents(&format!("sqlite://{}", folder_of.join(kept).display())).await;
    assert_eq!(kept, ["billing-bot", "last-bot", "later-bot"]);
    let _ready = Program::start(&database, free_port()).await;
}
