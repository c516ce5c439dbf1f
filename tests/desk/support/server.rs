//! A whole server in this process, on a loopback port, with a clock that a test moves, and the agents and operators of
//! the tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bailout::{
    domain::{
        ids::{EscalationId, OperatorId, WorkspaceId},
        operator::{Operator, OperatorRef, Role},
        queue::{QueueDefaults, QueueMembers, QueueRef},
        text::Name,
        time::{Span, Timestamp},
    },
    server::{
        self,
        clock::{Clock, mint},
        config::{Cli, RateLimits, Settings},
        connections::{self, ConnectionLimits},
        core::desk::Desk,
        error::Error,
        keys::ApiKey,
        store::{
            agents, operators,
            queues::{self, QueueSettings},
            workspaces,
        },
    },
};
use clap::Parser;
use reqwest::{
    Method, RequestBuilder, Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{
    chance::SOON,
    contract::{self, Described},
    database::{Database, Engine},
    person::Person,
};

/// The password of every operator in the tests.
pub const PASSWORD: &str = "correct horse battery";

/// A separate server for one test.
pub struct TestServer {
    pub desk: Desk,
    pub url: String,
    pub workspace: WorkspaceId,
    pub database: Arc<Database>,
    hands: Arc<AtomicI64>,
    serving: Option<JoinHandle<()>>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.desk.shutdown().cancel();
    }
}

fn settings(url: &str, more: &[&str]) -> Settings {
    let line = ["bailout", "--database-url", url].into_iter().chain(more.iter().copied());
    let mut settings = Cli::try_parse_from(line).expect("settings").settings;
    // Tests do in seconds what takes hours, and all from one address, so the limits are off unless a test sets them.
    if !more.iter().any(|it| it.contains("-per-") || it.contains("reserve")) {
        settings.limits = RateLimits::NONE;
    }
    settings
}

/// Serves a desk at its own port and returns the address and the task.
async fn serve(desk: &Desk, settings: Settings, limits: ConnectionLimits) -> (String, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = server::router::router(desk.clone(), Arc::new(settings));
    (url, tokio::spawn(connections::serve(listener, router, limits, desk.shutdown().clone())))
}

impl TestServer {
    /// Starts on a fresh database, or returns `None` when the engine is not available.
    pub async fn start(engine: Engine) -> Option<Self> {
        let database = tokio::task::spawn_blocking(move || engine.database()).await.expect("a database")?;
        Some(Self::on(Arc::new(database)).await)
    }

    /// Starts on a database that another process, or an earlier run of this one, may have used.
    pub async fn on(database: Arc<Database>) -> Self {
        Self::on_at(database, Span(0)).await
    }

    /// Starts on a database, with a clock that is this far ahead.
    pub async fn on_at(database: Arc<Database>, ahead: Span) -> Self {
        Self::with(database, Arc::new(AtomicI64::new(ahead.0))).await
    }

    /// Shuts down gracefully and starts again, on the same database and by the same clock. `down` passes in the
    /// meantime.
    pub async fn restarted(mut self, down: Span) -> Self {
        self.desk.shutdown().cancel();
        if let Some(serving) = self.serving.take() {
            serving.await.expect("an end in order");
        }
        self.pass(down);
        let (database, hands) = (Arc::clone(&self.database), Arc::clone(&self.hands));
        // The drop releases the last hold on a SQLite file.
        drop(self);
        Self::with(database, hands).await
    }

    async fn with(database: Arc<Database>, hands: Arc<AtomicI64>) -> Self {
        let system = Clock::system();
        let clock = {
            let hands = Arc::clone(&hands);
            Clock::told_by(move || system.now() + Span(hands.load(Ordering::SeqCst)))
        };
        let settings = settings(&database.url, &[]);
        let desk = server::open(&settings, clock).await.expect("the desk opens");
        server::start_workers(&desk).await.expect("the workers start");
        let mut tx = desk.store().begin_write().await.expect("a transaction");
        let workspace = workspaces::default(&mut tx, desk.clock().now()).await.expect("the workspace");
        tx.commit().await.expect("a commit");
        let (url, serving) = serve(&desk, settings, ConnectionLimits::of_process()).await;
        Self { desk, url, workspace, database, hands, serving: Some(serving) }
    }

    /// Serves the same desk at another address, with more options.
    pub async fn also_with(&self, more: &[&str]) -> String {
        serve(&self.desk, settings(&self.database.url, more), ConnectionLimits::of_process()).await.0
    }

    /// Serves the same desk at another address, with other connection limits.
    pub async fn also_within(&self, limits: ConnectionLimits) -> String {
        serve(&self.desk, settings(&self.database.url, &[]), limits).await.0
    }

    /// Moves the clock on.
    pub fn pass(&self, span: Span) {
        self.hands.fetch_add(span.0, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        self.desk.clock().now()
    }

    /// Adds an agent.
    pub async fn agent(&self, name: &str) -> Agent {
        self.agent_with(name, ApiKey::mint(false).expect("a key")).await
    }

    /// Adds a test agent, which Robot answers.
    pub async fn test_agent(&self, name: &str) -> Agent {
        self.agent_with(name, ApiKey::mint(true).expect("a key")).await
    }

    async fn agent_with(&self, name: &str, key: ApiKey) -> Agent {
        let name = Name::parse(name).expect("a name");
        let mut tx = self.desk.store().begin_write().await.expect("a transaction");
        let added = agents::add(&mut tx, self.workspace, &name, &key, self.now()).await.expect("an agent");
        added.unwrap_or_else(|why| panic!("{name}: {why}"));
        tx.commit().await.expect("a commit");
        Agent { url: self.url.clone(), key: key.reveal(), http: reqwest::Client::new() }
    }

    /// Adds a queue with these members and defaults. An empty list means every operator.
    pub async fn queue(&self, name: &str, members: &[&Person], defaults: QueueDefaults) -> QueueSettings {
        let name = Name::parse(name).expect("a name");
        let mut tx = self.desk.store().begin_write().await.expect("a transaction");
        let id = queues::add(&mut tx, self.workspace, &name, self.now()).await.expect("a queue");
        tx.commit().await.expect("a commit");
        let members = QueueMembers(members.iter().map(|it| it.operator.who.id).collect());
        let queue = QueueSettings { itself: QueueRef { id, name }, defaults, members };
        self.settles(&queue).await.expect("its settings");
        queue
    }

    /// Changes the settings of a queue.
    pub async fn settles(&self, queue: &QueueSettings) -> Result<(), Error> {
        let mut tx = self.desk.store().begin_write().await?;
        queues::change(&mut tx, self.workspace, queue).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Adds an operator and returns them at this server.
    pub async fn person(&self, name: &str, role: Role) -> Person {
        let name = Name::parse(name).expect("a name");
        let who = OperatorRef { id: OperatorId::new(mint()), name: name.clone(), public_name: name.clone() };
        let email = format!("{}@example.com", name.to_string().to_lowercase()).parse().expect("an address");
        let operator = Operator { who, role };
        let hash = bailout::server::password::hash(PASSWORD).expect("a hash");
        let mut tx = self.desk.store().begin_write().await.expect("a transaction");
        let added = operators::add(&mut tx, self.workspace, &operator, &email, &hash, self.now()).await;
        added.expect("a person");
        tx.commit().await.expect("a commit");
        self.employs(operator)
    }

    /// Returns the same operator at this server.
    pub fn employs(&self, operator: Operator) -> Person {
        Person { desk: self.desk.clone(), workspace: self.workspace, operator }
    }
}

/// An agent, over HTTP.
#[derive(Clone)]
pub struct Agent {
    pub url: String,
    pub key: String,
    pub http: reqwest::Client,
}

/// An answer: the status, whether it was replayed, and the body.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub replayed: bool,
    pub body: Value,
    pub text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let replayed = response.headers().contains_key("idempotency-replayed");
        let text = response.text().await.expect("a body");
        Self { status, replayed, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// Returns the body, after checking the status.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Returns the code of a problem, after checking the status.
    #[track_caller]
    pub fn refused(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Agent {
    /// Returns the same agent at another server.
    pub fn at(&self, server: &TestServer) -> Self {
        Self { url: server.url.clone(), ..self.clone() }
    }

    /// Sends a request as this agent, with `headers` in pairs. The contract must describe the answer.
    pub async fn asks(&self, method: Method, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let (headers, answer) = self.sends(method.clone(), path, body, headers).await;
        let kind = headers.get(CONTENT_TYPE).map_or("", |kind| kind.to_str().expect("text"));
        let names: Vec<String> = headers.keys().map(ToString::to_string).collect();
        let told = Described { status: answer.status, headers: &names, kind, body: &answer.body };
        let described = contract::undescribed(&method, path, &told);
        described.unwrap_or_else(|why| panic!("the contract lacks this: {why}"));
        answer
    }

    /// Sends a request, and returns the headers and the answer.
    pub async fn sends(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> (HeaderMap, Answer) {
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        (response.headers().clone(), Answer::of(response).await)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.asks(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.asks(Method::POST, path, Some(body), &[]).await
    }

    /// Opens an escalation with these fields in addition to the reason, and returns its id.
    pub async fn escalates(&self, more: Value) -> String {
        let mut body = json!({"reason": {"code": "policy_limit", "text": "Refund over limit"}});
        let (Some(all), Some(more)) = (body.as_object_mut(), more.as_object()) else { panic!("an object is meant") };
        all.extend(more.clone());
        let opened = self.post("/escalations", body).await.ok(201);
        opened["id"].as_str().expect("an id").to_owned()
    }

    /// Opens an escalation for a chat with a customer and returns its id.
    pub async fn hands_over(&self, conversation: &str) -> String {
        let messages =
            json!([{"role": "customer", "text": "I was charged twice."}, {"role": "agent", "text": "Let me see."}]);
        let conversation = json!({"id": conversation, "messages": messages, "customer": {"name": "Dana"}});
        self.escalates(json!({"conversation": conversation})).await
    }

    /// Returns the events of an escalation so far.
    pub async fn events_of(&self, id: &str) -> Vec<Value> {
        let (mut events, mut after) = (vec![], String::new());
        loop {
            let page = self.get(&format!("/escalations/{id}/events?limit=200&after={after}")).await.ok(200);
            after = page["cursor"].as_str().expect("a cursor").to_owned();
            match page["items"].as_array().expect("events") {
                items if items.is_empty() => return events,
                items => events.extend(items.iter().cloned()),
            }
        }
    }

    /// Asks for a stream of events.
    pub fn listens(&self, path: &str) -> RequestBuilder {
        let request = self.http.get(format!("{}/api/v1{path}", self.url)).bearer_auth(&self.key);
        request.header("accept", "text/event-stream")
    }

    /// Sends a message with this role.
    pub async fn says(&self, id: &str, role: &str, text: &str) -> Answer {
        let client_message_id = mint().to_string();
        let body = json!({"client_message_id": client_message_id, "role": role, "text": text});
        self.post(&format!("/escalations/{id}/messages"), body).await
    }
}

/// Parses the id of an escalation, which must be valid.
pub fn id(text: &str) -> EscalationId {
    text.parse().expect("an escalation's id")
}

/// Waits for a condition that must soon become true, and panics with its name when it does not.
pub async fn soon<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let until = std::time::Instant::now() + SOON;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(std::time::Instant::now() < until, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
