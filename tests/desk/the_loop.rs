//! Tests that the loop of the agents' documentation, examples/python/the_loop.py, runs as written, with a scripted
//! customer, a scripted model and an operator.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bailout::domain::{
    disposition::Disposition, message::ReceiptState, operator::Role, outcome::Resolution, text::NoteText,
};
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::timeout,
};

use crate::{
    on_both,
    support::{
        Person, TestServer, accepted,
        server::{Agent, id, soon},
    },
};

/// The example, running as a process.
struct App {
    child: Child,
    stdin: ChildStdin,
    told: mpsc::UnboundedReceiver<Value>,
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl App {
    /// Starts the example as this agent. Returns `None` when Python is not installed, except in CI, where that fails.
    async fn start(bot: &Agent) -> Option<Self> {
        Self::start_with(bot, "").await
    }

    /// Starts the example, which keeps what a restart needs in this file.
    async fn start_with(bot: &Agent, kept: &str) -> Option<Self> {
        if Command::new("python3").arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "python3 is needed for this story; bin/setup installs it");
            eprintln!("no python3 on this machine: the story of the loop is not told");
            return None;
        }
        let mut command = Command::new("python3");
        command.arg("tests/desk/the_loop.py").env("BAILOUT_URL", &bot.url).env("BAILOUT_KEY", &bot.key);
        command.env("THE_LOOP_FILE", kept);
        // Python's bytecode must not be written into the repository.
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the app starts");
        let stdin = child.stdin.take().expect("its input");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let (tell, told) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            lines.map(|line| serde_json::from_str(&line).expect("JSON")).try_for_each(|it| tell.send(it)).ok()
        });
        let mut app = Self { child, stdin, told };
        assert_eq!(app.hears("ready").await, true);
        Some(app)
    }

    fn tell(&mut self, what: Value) {
        writeln!(self.stdin, "{what}").expect("the app listens");
    }

    /// Returns the next action of the app, which must be this one.
    #[track_caller]
    fn hears<'a>(&'a mut self, what: &'a str) -> impl Future<Output = Value> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let told = timeout(Duration::from_secs(20), self.told.recv()).await;
            let mut told = told.unwrap_or_else(|_| panic!("{place}: nothing came where `{what}` was expected"));
            let told = told.as_mut().unwrap_or_else(|| panic!("{place}: the app has ended"));
            assert!(told.get(what).is_some(), "{place}: {told} came where `{what}` was expected");
            told[what].take()
        }
    }

    /// Sends a message from the customer and returns the history that the model is asked with.
    async fn customer_says(&mut self, text: &str) -> Value {
        self.tell(json!({"customer": text}));
        self.hears("model").await
    }

    /// Answers as the model and checks that the customer reads it.
    async fn model_says(&mut self, text: &str) {
        self.tell(json!({"model": {"says": text}}));
        assert_eq!(self.hears("customer").await, text);
    }

    /// Makes the model ask for a human and returns the escalation's id.
    async fn model_escalates(&mut self, bot: &Agent) -> String {
        self.tell(json!({"model": {"says": "I have asked a colleague.", "call": call()}}));
        assert_eq!(self.hears("customer").await, "I have asked a colleague.");
        let open = bot.get("/escalations?status=open").await.ok(200);
        open["items"][0]["id"].as_str().expect("an open escalation").to_owned()
    }

    /// Returns the history once the app is idle. The app reports everything that it did before that first.
    async fn history(&mut self) -> Value {
        self.tell(json!({}));
        self.hears("history").await
    }
}

/// A wire to the server that can be cut, and counts the connections made by it: the example makes one for each request.
struct Wire {
    url: String,
    cut: watch::Sender<bool>,
    connections: Arc<AtomicUsize>,
}

async fn wire(server: &TestServer) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (cut, is_cut) = watch::channel(false);
    let server = server.url.trim_start_matches("http://").to_owned();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let (server, mut is_cut) = (server.clone(), is_cut.clone());
            tokio::spawn(async move {
                let carried = async { copy_bidirectional(&mut near, &mut TcpStream::connect(server).await?).await };
                tokio::select! {
                    biased;
                    _ = is_cut.wait_for(|cut| *cut) => {}
                    _ = carried => {}
                }
            });
        }
    });
    Wire { url, cut, connections }
}

fn call() -> Value {
    let arguments = json!({"reason_code": "policy_limit", "reason": "Over my limit."}).to_string();
    json!({"id": "call_9", "type": "function", "function": {"name": "escalate_to_human", "arguments": arguments}})
}

fn says(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

/// Waits for the receipt of a message, as the operator's page shows it.
async fn receipt(ada: &Person, it: &str, message: &str) -> (ReceiptState, Option<String>) {
    soon("a receipt", async || {
        let thread = ada.desk.thread(ada.workspace, id(it)).await.expect("a read").expect("a thread");
        let shown = thread.messages.into_iter().rfind(|shown| shown.message.text.as_deref() == Some(message))?;
        let receipt = shown.message.receipt?;
        Some((receipt.state, receipt.detail.map(String::from)))
    })
    .await
}

#[apply(on_both!)]
async fn an_app_that_runs_the_loop_gives_its_chat_away_and_gets_it_back(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let Some(mut app) = App::start(&bot).await else { return };
    app.customer_says("I was charged twice.").await;
    let it = app.model_escalates(&bot).await;

    // While the escalation waits, the agent still answers the customer.
    app.customer_says("Are you there?").await;
    app.model_says("A colleague will be with you.").await;

    // An operator claims while the model is thinking, so the model's answer is dropped.
    app.customer_says("Hello?").await;
    let fence = ada.claims(&it).await.expect("a claim");
    app.tell(json!({"model": {"says": "One moment."}}));
    app.history().await;

    // The operator's message reaches the customer, and the operator sees whether it was shown.
    ada.replies(&it, fence, "Hello Dana, Ada here.").await.expect("a reply");
    assert_eq!(app.hears("customer").await, "Hello Dana, Ada here.");
    assert_eq!(receipt(&ada, &it, "Hello Dana, Ada here.").await, (ReceiptState::Shown, None));
    ada.replies(&it, fence, "This cannot be shown.").await.expect("a reply");
    assert_eq!(app.hears("customer").await, "This cannot be shown.");
    assert_eq!(receipt(&ada, &it, "This cannot be shown.").await, (ReceiptState::Failed, None));

    // The customer answers the operator; the model is not asked.
    app.tell(json!({"customer": "When do I get it?"}));
    soon("the customer's answer", async || {
        let said = bot.get(&format!("/escalations/{it}/transcript?since=open")).await.ok(200);
        let last = said["items"].as_array().and_then(|said| said.last().cloned());
        last.filter(|last| last["text"] == "When do I get it?")
    })
    .await;
    ada.replies(&it, fence, "Within 3 days.").await.expect("a reply");
    assert_eq!(app.hears("customer").await, "Within 3 days.");

    // The outcome is added to the history, and the model continues from there.
    let note = NoteText::parse("She gets 250 EUR back.").expect("a note");
    let said = Resolution { note_to_agent: Some(note), ..Resolution::bare(Disposition::Handled) };
    ada.resolves(&it, Some(fence), said).await.expect("a resolve");
    let asked = app.hears("model").await;
    let outcome = bot.get(&format!("/escalations/{it}")).await.ok(200)["outcome"].take();
    assert!(outcome["briefing"].as_str().expect("a briefing").contains("She gets 250 EUR back."));
    let history = [
        says("system", "You help customers with their bills."),
        says("user", "I was charged twice."),
        says("assistant", "I have asked a colleague."),
        says("user", "Are you there?"),
        says("assistant", "A colleague will be with you."),
        says("user", "Hello?"),
        says("assistant", "[Ada, human operator] Hello Dana, Ada here."),
        says("assistant", "[Ada, human operator] This cannot be shown."),
        says("user", "When do I get it?"),
        says("assistant", "[Ada, human operator] Within 3 days."),
        json!({"role": "assistant", "content": null, "tool_calls": [call()]}),
        json!({"role": "tool", "tool_call_id": "call_9", "content": outcome["briefing"]}),
    ];
    assert_eq!(asked, json!(history));
    accepted(&history).expect("a history that OpenAI takes");
    app.model_says("Is there anything else?").await;

    // The customer talks to the model again.
    let asked = app.customer_says("No, thank you!").await;
    assert_eq!(asked.as_array().expect("a history").last(), Some(&says("user", "No, thank you!")));
    app.model_says("Good bye.").await;
}

#[apply(on_both!)]
async fn a_turn_without_a_human_makes_no_request(server: TestServer) {
    // Nothing cuts the wire while `_cut` is there.
    let Wire { url, cut: _cut, connections } = wire(&server).await;
    let bot = server.agent("billing-bot").await;
    let Some(mut app) = App::start(&Agent { url, ..bot.clone() }).await else { return };
    let listening = connections.load(Ordering::SeqCst);
    for turn in 0..3 {
        app.customer_says(&format!("Question {turn}")).await;
        app.model_says(&format!("Answer {turn}")).await;
    }
    app.history().await;
    assert_eq!(connections.load(Ordering::SeqCst), listening, "only the stream of events is open");
    // The control: a call for a human is a request.
    app.customer_says("I was charged twice.").await;
    app.model_escalates(&bot).await;
    assert!(connections.load(Ordering::SeqCst) > listening);
}

#[apply(on_both!)]
async fn an_app_that_was_cut_off_goes_on_where_it_was(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let Wire { url, cut, .. } = wire(&server).await;
    let Some(mut app) = App::start(&Agent { url, ..bot.clone() }).await else { return };
    app.customer_says("I was charged twice.").await;
    let it = app.model_escalates(&bot).await;
    let fence = ada.claims(&it).await.expect("a claim");
    ada.replies(&it, fence, "One.").await.expect("a reply");
    assert_eq!(app.hears("customer").await, "One.");
    receipt(&ada, &it, "One.").await;

    cut.send_replace(true);
    // Every connection holds a receiver, and so does the accepting task.
    soon("the cut", async || (cut.receiver_count() == 1).then_some(())).await;
    ada.replies(&it, fence, "Two.").await.expect("a reply");
    ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("a resolve");
    cut.send_replace(false);
    // Nothing is missed, and nothing comes twice.
    assert_eq!(app.hears("customer").await, "Two.");
    let asked = app.hears("model").await;
    let words: Vec<&str> =
        asked.as_array().expect("a history").iter().filter_map(|it| it["content"].as_str()).collect();
    assert_eq!(words[3..5], ["[Ada, human operator] One.", "[Ada, human operator] Two."]);
    app.model_says("Is there anything else?").await;
    assert_eq!(receipt(&ada, &it, "Two.").await, (ReceiptState::Shown, None));
    app.history().await;
}

#[apply(on_both!)]
async fn an_app_that_is_restarted_between_open_and_claim_misses_nothing(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("kept.json").display().to_string();
    let Some(mut app) = App::start_with(&bot, &kept).await else { return };
    app.customer_says("I was charged twice.").await;
    let it = app.model_escalates(&bot).await;
    app.history().await;
    drop(app);
    let fence = ada.claims(&it).await.expect("a claim");
    ada.replies(&it, fence, "Said while it was down.").await.expect("a reply");
    let mut app = App::start_with(&bot, &kept).await.expect("Python is there");
    assert_eq!(app.hears("customer").await, "Said while it was down.");
    ada.replies(&it, fence, "Said afterwards.").await.expect("a reply");
    assert_eq!(app.hears("customer").await, "Said afterwards.");
    ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("a resolve");
    let asked = app.hears("model").await;
    accepted(asked.as_array().expect("a history")).expect("a history that OpenAI takes");
    assert!(asked.to_string().contains("[Ada, human operator] Said while it was down."), "{asked}");
    app.model_says("Is there anything else?").await;
    drop(app);
    // The control: an app that keeps nothing misses what was said while it was down.
    let Some(mut app) = App::start(&bot).await else { return };
    app.customer_says("A human, please.").await;
    let it = app.model_escalates(&bot).await;
    drop(app);
    let fence = ada.claims(&it).await.expect("a claim");
    ada.replies(&it, fence, "Said while it was down.").await.expect("a reply");
    let mut app = App::start(&bot).await.expect("Python is there");
    ada.replies(&it, fence, "Said afterwards.").await.expect("a reply");
    assert_eq!(app.hears("customer").await, "Said afterwards.");
}

#[apply(on_both!)]
async fn what_the_customer_says_while_it_ends_is_in_the_history_once(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let Some(mut app) = App::start(&bot).await else { return };
    for round in 0..12 {
        app.customer_says("A human, please.").await;
        let it = app.model_escalates(&bot).await;
        let fence = ada.claims(&it).await.expect("a claim");
        ada.replies(&it, fence, "Done.").await.expect("a reply");
        assert_eq!(app.hears("customer").await, "Done.");
        // The app takes some milliseconds to forward the message: sometimes the message comes first, sometimes the
        // end.
        let said = format!("One more thing, {round}.");
        app.tell(json!({"customer": said}));
        tokio::time::sleep(Duration::from_millis(round)).await;
        ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("a resolve");
        // In both orders the model gets the message once, and its answer to that comes last.
        let times = |asked: &Value| {
            let asked = asked.as_array().expect("a history");
            accepted(asked).expect("a history that OpenAI takes");
            asked.iter().filter(|it| it["content"] == said.as_str()).count()
        };
        let mut asked = app.hears("model").await;
        if times(&asked) == 0 {
            // The app received the end before it received the customer's message.
            app.model_says("Anything else?").await;
            asked = app.hears("model").await;
        }
        assert_eq!(times(&asked), 1, "{asked}");
        app.model_says("You are welcome.").await;
        let history = app.history().await;
        assert_eq!(history.as_array().expect("a history").last(), Some(&says("assistant", "You are welcome.")));
    }
}
