//! `bailout approve` and `bailout ask`: put a question to a human and wait for the answer. Their exit codes are a contract with
//! scripts.

use std::{
    io::IsTerminal,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use axum::http::Method;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::time::{Instant, sleep, timeout};

use super::{
    api_client::{ApiCallError, ApiClient},
    demo_file,
};
use crate::{
    domain::{ask::AskKind, disposition::Disposition, hidden::runs},
    server::{
        StopSignal,
        clock::mint,
        config::{ApproveSettings, AskSettings, Origin, QuestionSettings},
        keys::ApiKey,
    },
};

/// The path of the API.
const ESCALATIONS: &str = "/api/v1/escalations";
/// The timeout of a request that does not wait.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one request waits for the outcome, in seconds: the longest that the API allows.
const WAITS: u64 = 55;
/// How long the first request is repeated while the server cannot be reached.
const OPENS_WITHIN: Duration = Duration::from_secs(15);
/// How long the command waits after the deadline for the server to say so.
const GRACE: Duration = Duration::from_secs(60);
/// The pause before a request is repeated, unless the server names another, and the longest one.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The result of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    /// Approved, with an action to run, or answered.
    Done = 0,
    /// The command line or the key is wrong.
    Usage = 2,
    /// A human decided otherwise.
    Declined = 3,
    NobodyCame = 4,
    Unreachable = 5,
    /// 128 and the number of SIGINT, as shells have it.
    Interrupted = 130,
}

/// An escalation, as far as these commands read it.
#[derive(Deserialize)]
struct OpenedQuestion {
    id: String,
    outcome: Option<ReceivedOutcome>,
    links: QuestionLinks,
}

#[derive(Deserialize)]
struct QuestionLinks {
    console: String,
}

#[derive(Deserialize)]
struct ReceivedOutcome {
    disposition: Disposition,
    /// True if Robot made the outcome up, for a test.
    #[serde(default)]
    test: bool,
    answer: Option<String>,
    actions_to_run: Vec<ApprovedAction>,
    briefing: String,
}

#[derive(Deserialize)]
struct ApprovedAction {
    /// The arguments as the server sent them.
    arguments: Box<RawValue>,
}

/// Runs `bailout approve`: prints the arguments to run, and succeeds only if the action was approved and is still to be run.
pub async fn approve(settings: ApproveSettings) -> ExitCode {
    let ApproveSettings { prompt, action, arguments, question } = settings;
    let ask = json!({
        "kind": AskKind::Decision.as_str(), "prompt": prompt,
        // The text of the arguments reaches the operator as it was written.
        "actions": [{"id": "1", "name": action, "arguments": arguments.0}],
    });
    put(&question, "needs_approval", &prompt, ask, approved).await
}

/// Runs `bailout ask`: prints the answer.
pub async fn ask(settings: AskSettings) -> ExitCode {
    let AskSettings { prompt, options, question } = settings;
    let mut ask = json!({"kind": AskKind::Question.as_str(), "prompt": prompt});
    if !options.is_empty() {
        ask["options"] = json!(options);
    }
    put(&question, "knowledge_gap", &prompt, ask, answered).await
}

/// Reads an outcome: returns the line to print, and how the command ends.
type ReadOutcome = fn(&ReceivedOutcome) -> (Option<String>, Exit);

fn approved(outcome: &ReceivedOutcome) -> (Option<String>, Exit) {
    match outcome.actions_to_run.first() {
        Some(action) => (Some(action.arguments.get().to_owned()), Exit::Done),
        None => (None, not_done(outcome)),
    }
}

fn answered(outcome: &ReceivedOutcome) -> (Option<String>, Exit) {
    match (&outcome.answer, outcome.disposition) {
        (Some(answer), Disposition::Answered) => (Some(answer.clone()), Exit::Done),
        _ => (None, not_done(outcome)),
    }
}

fn not_done(outcome: &ReceivedOutcome) -> Exit {
    if outcome.disposition == Disposition::Unanswered { Exit::NobodyCame } else { Exit::Declined }
}

/// Puts a question and waits for its end.
async fn put(
    settings: &QuestionSettings,
    code: &str,
    prompt: &str,
    ask: serde_json::Value,
    read: ReadOutcome,
) -> ExitCode {
    let client = match client(settings) {
        Ok(client) => client,
        Err(sentence) => return ended(Exit::Usage, &sentence),
    };
    eprintln!("Asking {}.", client.described());
    let body = json!({
        "reason": {"code": code, "text": prompt}, "ask": ask,
        "deadlines": {"expire_after_seconds": settings.wait.as_secs()},
    });
    // The key is the same for the whole run, so that a request that is repeated opens no second escalation.
    let question =
        Question { client, body: body.to_string(), once: mint().to_string(), is_open: AtomicBool::new(false) };
    let mut stop = match StopSignal::listen() {
        Ok(stop) => stop,
        Err(error) => return ended(Exit::Usage, &format!("cannot listen for signals: {error}")),
    };
    let outcome = tokio::select! {
        outcome = question.outcome(settings.wait) => outcome,
        () = stop.wait() => return question.cancelled().await,
    };
    match outcome {
        Ok(Some(outcome)) => {
            if outcome.test {
                eprintln!("This was a test. No human was asked.");
            }
            match read(&outcome) {
                (Some(line), exit) => {
                    println!("{}", if std::io::stdout().is_terminal() { shown(&line) } else { line });
                    ExitCode::from(exit as u8)
                }
                (None, exit) => ended(exit, &outcome.briefing),
            }
        }
        Ok(None) => {
            question.withdraw("The time of the question is over.").await;
            ended(Exit::NobodyCame, "The server has not ended the question in time.")
        }
        Err(ApiCallError::Unreachable(why, _)) => {
            // The server may have opened it, and nobody waits for its answer any more.
            question.withdraw("The command that asked has given up.").await;
            ended(Exit::Unreachable, &why)
        }
        Err(ApiCallError::Refused(why)) => {
            if question.is_open.load(Ordering::Relaxed) {
                question.withdraw("The command that asked has given up.").await;
            }
            ended(Exit::Usage, &why)
        }
    }
}

fn ended(exit: Exit, sentence: &str) -> ExitCode {
    eprintln!("{}", shown(sentence));
    ExitCode::from(exit as u8)
}

/// Returns a text of the server or of an operator without the characters that control a terminal or hide in a text.
fn shown(text: &str) -> String {
    let is_plain = |letter: &char| !letter.is_control() || matches!(letter, '\n' | '\t');
    let visible = runs(text).into_iter().map(|(plain, _)| plain);
    visible.flat_map(|plain| plain.chars().filter(is_plain)).collect()
}

/// Returns the client by the settings or, without them, of a demo on this machine. The error is a sentence.
fn client(settings: &QuestionSettings) -> Result<ApiClient, String> {
    let (server, key) = match (&settings.server, &settings.key) {
        (Some(server), Some(key)) => (server.clone(), key.clone()),
        (None, None) => {
            let access = demo_file::running().ok_or(
                "There is no server to ask. Set BAILOUT_URL and BAILOUT_KEY, or start `bailout demo` in another terminal.",
            )?;
            let unreadable = "The file of the running demo cannot be read. Start the demo again.";
            let server = Origin::parse(&access.url).map_err(|_| unreadable)?;
            eprintln!("BAILOUT_URL and BAILOUT_KEY are not set, so a demo on this machine is asked.");
            (server, ApiKey::parse(&access.key).ok_or(unreadable)?)
        }
        (Some(_), None) => return Err("BAILOUT_URL is set; set BAILOUT_KEY, too.".to_owned()),
        (None, Some(_)) => return Err("BAILOUT_KEY is set; set BAILOUT_URL, too.".to_owned()),
    };
    ApiClient::new(server, key).map_err(|error| format!("Cannot make a client: {error}."))
}

/// A question that is put once.
struct Question {
    client: ApiClient,
    /// The request that opens it.
    body: String,
    /// The idempotency key of that request.
    once: String,
    /// True once the server has said that it is open.
    is_open: AtomicBool,
}

impl Question {
    /// Opens the question, and waits until it has ended. Returns none when the server has not ended it in time.
    async fn outcome(&self, wait: Duration) -> Result<Option<ReceivedOutcome>, ApiCallError> {
        let began = Instant::now();
        let opened = self.opened(began + OPENS_WITHIN).await?;
        eprintln!("Waiting for a human at {}", self.client.address(&opened.links.console));
        let path = format!("{ESCALATIONS}/{}?wait={WAITS}&until=outcome", opened.id);
        let until = began + wait + GRACE;
        loop {
            let patience = Duration::from_secs(WAITS) + PATIENCE;
            match self.client.call(Method::GET, &path, String::new(), None, patience).await {
                Ok(text) => {
                    let outcome = parsed::<OpenedQuestion>(&text)?.outcome;
                    if outcome.is_some() || Instant::now() >= until {
                        return Ok(outcome);
                    }
                }
                // The server may be restarting. The question is stored there.
                Err(ApiCallError::Unreachable(_, pause)) if Instant::now() + PAUSE < until => {
                    pause_before(pause, until).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Opens the question, or returns it if it is open. Repeats the request until a moment while the server cannot be reached.
    async fn opened(&self, until: Instant) -> Result<OpenedQuestion, ApiCallError> {
        loop {
            let call = self.client.call(Method::POST, ESCALATIONS, self.body.clone(), Some(&self.once), PATIENCE);
            match call.await {
                Err(ApiCallError::Unreachable(_, pause)) if Instant::now() + PAUSE < until => {
                    pause_before(pause, until).await;
                }
                done => {
                    let opened = parsed(&done?)?;
                    self.is_open.store(true, Ordering::Relaxed);
                    return Ok(opened);
                }
            }
        }
    }

    /// Cancels the question after Ctrl-C.
    async fn cancelled(&self) -> ExitCode {
        eprintln!("Cancelling the question.");
        self.withdraw("The command that asked was interrupted.").await;
        ExitCode::from(Exit::Interrupted as u8)
    }

    /// Cancels the question. Its id may not be known yet: the open request is then repeated, under the same key. Says so when the
    /// question has ended meanwhile, or cannot be cancelled.
    async fn withdraw(&self, reason: &str) {
        let cancel = async {
            let opened = self.opened(Instant::now()).await?;
            let path = format!("{ESCALATIONS}/{}", opened.id);
            let body = json!({"reason": reason}).to_string();
            match self.client.call(Method::POST, &format!("{path}/cancel"), body, None, PATIENCE).await {
                // It has ended.
                Err(ApiCallError::Refused(_)) => {
                    let now = self.client.call(Method::GET, &path, String::new(), None, PATIENCE).await?;
                    Ok(parsed::<OpenedQuestion>(&now)?.outcome)
                }
                done => done.map(|_| None),
            }
        };
        match timeout(PATIENCE, cancel).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(outcome))) => eprintln!("It has ended meanwhile. {}", shown(&outcome.briefing)),
            _ => eprintln!("The question could not be cancelled. If it was opened, it expires by itself."),
        }
    }
}

/// Pauses before a request is repeated, as the server asks, but not beyond a moment.
async fn pause_before(asked: Option<Duration>, until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    sleep(asked.unwrap_or(PAUSE).clamp(PAUSE, LONGEST_PAUSE).min(left)).await;
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ApiCallError> {
    let wrong = |error| ApiCallError::Refused(format!("the server does not answer as Bailout does: {error}"));
    serde_json::from_str(text).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_commands_from_a_text() {
        assert_eq!(shown("yes\u{1b}]0;x\u{7}\n\u{9b}31m\tno\u{202e}"), "yes]0;x\n31m\tno");
    }
}
