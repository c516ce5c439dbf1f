//! Promise 5: a retry takes effect once, with the same answer. Requests are sent one to five times, in sequence or at
//! once, over a line that is cut before the server has the whole request or after it has done it. Then the log is
//! checked for the effects, and the answers are compared byte by byte.

use std::time::Duration;

use bailout::server::clock::mint;
use futures::{StreamExt, future::join_all, stream};
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        TestServer,
        chance::{Chance, TORTURE},
        ledger::{effects, log},
        proxy::{Fate, Proxy},
        server::Agent,
    },
};

const OPENS: usize = if TORTURE { 5_000 } else { 250 };
const SAYS: usize = if TORTURE { 5_000 } else { 250 };
const CANCELS: usize = 50;
/// The number of requests in flight at a time.
const AT_A_TIME: usize = 16;

/// Cuts a third of the connections within the request and a third within the answer, some before its first byte.
fn bad_line(chance: &mut Chance) -> Fate {
    match chance.below(3) {
        0 => Fate { up: chance.below(700), ..Fate::GOOD },
        1 => Fate { down: if chance.once_in(2) { 1 } else { 1 + chance.below(1_500) }, ..Fate::GOOD },
        _ => Fate::GOOD,
    }
}

/// A request that may be repeated.
#[derive(Clone)]
struct Request {
    path: String,
    /// The mark that the request leaves in the log, unique among all requests.
    mark: String,
    key: Option<String>,
    body: Value,
}

impl Request {
    fn open(key: bool) -> Self {
        let mark = mint().to_string();
        let body = json!({"reason": {"code": "other", "text": "help"}, "metadata": {"mark": mark}});
        let path = "/escalations".to_owned();
        Self { path, key: key.then(|| mark.clone()), mark, body }
    }

    /// Returns a message with its own id; an idempotency key may come in addition.
    fn say(escalation: &str, key: bool) -> Self {
        let mark = mint().to_string();
        let body = json!({"client_message_id": mark, "role": "customer", "text": mark});
        let path = format!("/escalations/{escalation}/messages");
        Self { path, key: key.then(|| mark.clone()), mark, body }
    }

    fn cancel(escalation: &str) -> Self {
        let path = format!("/escalations/{escalation}/cancel");
        Self { path, mark: escalation.to_owned(), key: None, body: json!({"reason": "Never mind."}) }
    }

    /// Sends the request on its own connection and returns the status and the body, when they arrived complete.
    async fn send(&self, bot: &Agent, url: &str) -> Option<(u16, String)> {
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).timeout(Duration::from_secs(20));
        let request = http.build().expect("a client").post(format!("{url}/api/v1{}", self.path)).bearer_auth(&bot.key);
        let request = match &self.key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        let answer = request.json(&self.body).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }

    /// Sends the request this many times over the bad line, then once over a good one, and returns every answer.
    async fn insist(&self, bot: &Agent, line: &str, times: usize, at_once: bool) -> Vec<(u16, String)> {
        let mut answers = vec![];
        if at_once {
            answers.extend(join_all((0..times).map(|_| self.send(bot, line))).await.into_iter().flatten());
        } else {
            for _ in 0..times {
                answers.extend(self.send(bot, line).await);
            }
        }
        answers.push(self.send(bot, &bot.url).await.expect("an answer on a good line"));
        answers
    }
}

/// Sends all requests, each a random number of times, and returns the answers to each.
async fn insist(
    requests: &[Request],
    bot: &Agent,
    line: &str,
    chance: &mut Chance,
) -> Vec<(Request, Vec<(u16, String)>)> {
    let planned = requests.iter().map(|request| (request.clone(), 1 + chance.below(5), chance.once_in(2)));
    let planned: Vec<_> = planned.collect();
    let sent = planned.into_iter().map(|(request, times, at_once)| async move {
        let answers = request.insist(bot, line, times, at_once).await;
        (request, answers)
    });
    stream::iter(sent).buffer_unordered(AT_A_TIME).collect().await
}

#[apply(on_both!)]
async fn however_often_it_is_sent_it_happens_once(server: TestServer) {
    let mut chance = Chance::of("retries");
    let bot = server.agent("billing-bot").await;
    let port = server.url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let line = Proxy::start(port, chance.split(), bad_line).await;

    let opens: Vec<Request> = (0..OPENS).map(|_| Request::open(true)).collect();
    let opened = insist(&opens, &bot, &line.url, &mut chance).await;
    let ids: Vec<String> = opened
        .iter()
        .map(|(_, answers)| {
            let body: Value = serde_json::from_str(&answers[0].1).expect("JSON");
            body["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    let says: Vec<Request> = (0..SAYS).map(|n| Request::say(&ids[n % ids.len()], n % 5 < 2)).collect();
    let said = insist(&says, &bot, &line.url, &mut chance).await;
    let cancels: Vec<Request> = ids[..CANCELS].iter().map(|id| Request::cancel(id)).collect();
    let cancelled = insist(&cancels, &bot, &line.url, &mut chance).await;

    let happened = effects(&log(&server).await);
    let (mut answers_in_all, mut replays) = (0, 0);
    for (request, answers) in opened.iter().chain(&said) {
        assert_eq!(happened.get(&request.mark), Some(&1), "{} {answers:?}", request.path);
        let same = answers.iter().all(|(_, body)| *body == answers[0].1);
        assert!(same, "{} was answered differently: {answers:#?}", request.path);
        // A message whose id is known is answered with 200; with a key the answer is the same.
        let status = |(status, _): &(u16, String)| *status == 201 || request.key.is_none() && *status == 200;
        assert!(answers.iter().all(status), "{answers:?}");
        answers_in_all += answers.len();
        replays += answers.len() - 1;
    }
    // A cancel creates nothing and has no key: it takes effect once, and a repetition gets the outcome.
    for (request, answers) in &cancelled {
        assert_eq!(happened.get(&request.mark), Some(&1));
        let outcomes: Vec<Value> = answers
            .iter()
            .map(|(status, body)| {
                let body: Value = serde_json::from_str(body).expect("JSON");
                assert!(*status == 200 || *status == 409 && body["code"] == "already_closed", "{body}");
                if *status == 200 { body["outcome"].clone() } else { body["current"]["outcome"].clone() }
            })
            .collect();
        assert!(outcomes.iter().all(|outcome| outcome.is_object() && *outcome == outcomes[0]), "{outcomes:?}");
    }
    println!(
        "{:?}: {} keys, {CANCELS} cancels, {} connections cut, {answers_in_all} answers of which {replays} repeat \
             another: each took effect once",
        server.desk.store().dialect(),
        OPENS + SAYS,
        line.cuts()
    );
    assert!(line.cuts() > 200 && replays > 200, "the line was too good to prove anything");

    // The control: without a key, a request that is retried until it is answered takes effect more than once.
    let unnamed: Vec<Request> = (0..60).map(|_| Request::open(false)).collect();
    let sent = insist(&unnamed, &bot, &line.url, &mut chance).await;
    let happened = effects(&log(&server).await);
    let doubles = sent.iter().filter(|(request, _)| happened[&request.mark] > 1).count();
    println!("control, without a key {doubles} of {} happened more than once", unnamed.len());
    assert!(doubles > 0);
}
