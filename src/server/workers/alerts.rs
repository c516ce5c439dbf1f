//! Sends alerts outside the console if an escalation has waited too long for a human: one POST per escalation, in the
//! format of Slack's incoming webhooks. Each alert is taken in the database before it is sent, so that several servers
//! send it once. If the receiver fails, the POST is retried a few times, and a final failure is logged. Alerts are sent
//! one at a time, and the others stay in the database, so a server that stops loses one at most.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode, header::CONTENT_TYPE},
};
use tokio::time::{sleep, timeout};

use crate::{
    domain::{
        escalation::Escalation,
        ids::WorkspaceId,
        time::{Span, Timestamp},
    },
    server::{
        config::AlertUrl,
        contract::{Links, short},
        core::desk::Desk,
        error::Error,
        https::{self, HttpsClient},
        store::escalations,
    },
};

/// How long an escalation waits before its alert is sent.
pub const AFTER: Span = Span::seconds(60);
/// How often to check for due alerts.
const EVERY: Duration = Duration::from_secs(1);
/// The most alerts of one check.
const READ_BATCH: i64 = 100;
/// The timeout of a POST. A receiver that does not answer in time may have received the alert, so there is no retry.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pauses before each retry: long enough for a receiver to restart, and short enough that the next alert does not
/// wait for long.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// The address of the alert receiver, and the HTTP client.
pub struct AlertSender {
    url: AlertUrl,
    client: HttpsClient,
}

/// The reason why an alert was not delivered.
struct Failed {
    why: String,
    /// True if a retry may succeed.
    passes: bool,
}

impl AlertSender {
    /// Creates a sender for this address.
    pub fn new(url: AlertUrl) -> io::Result<Self> {
        Ok(Self { url, client: https::client()? })
    }

    /// Sends an alert for each escalation that has waited long enough and has had none.
    pub async fn send_due(&self, desk: &Desk) -> Result<(), Error> {
        let now = desk.clock().now();
        for (workspace, id) in escalations::alerts_due(desk.store(), now + Span(-AFTER.0), READ_BATCH).await? {
            if desk.shutdown().is_cancelled() {
                return Ok(());
            }
            // Another server has taken the alert, or an operator has claimed the escalation.
            let Some(it) = escalations::claim_alert(desk.store(), workspace, id, now).await? else { continue };
            if let Err(Failed { why, .. }) = self.call(desk, workspace, &it).await {
                tracing::warn!(escalation = %id, why, "nobody was called for an escalation that waits");
            }
        }
        Ok(())
    }

    /// Sends an alert, with retries while the receiver fails and the escalation still waits.
    async fn call(&self, desk: &Desk, workspace: WorkspaceId, it: &Escalation) -> Result<(), Failed> {
        let post = async || self.post(&text(it, desk.clock().now(), desk.links())).await;
        let mut done = post().await;
        for pause in PAUSES {
            if !matches!(done, Err(Failed { passes: true, .. }))
                || desk.shutdown().run_until_cancelled(sleep(pause)).await.is_none()
            {
                break;
            }
            if let Ok(Some(now)) = desk.current(workspace, it.id).await
                && !now.escalation.is_waiting()
            {
                return Ok(());
            }
            done = post().await;
        }
        done
    }

    /// Posts the text once. The error does not contain the address, which is a secret.
    async fn post(&self, text: &str) -> Result<(), Failed> {
        let body = serde_json::json!({ "text": text }).to_string();
        let request = Request::post(self.url.uri()).header(CONTENT_TYPE, "application/json").body(Body::from(body));
        let failed = |passes, why| Failed { why, passes };
        let request = request.map_err(|_| failed(false, "the request could not be made".to_owned()))?;
        let answer = match timeout(PATIENCE, self.client.request(request)).await {
            Err(_) => {
                return Err(failed(false, format!("the receiver did not answer within {} s", PATIENCE.as_secs())));
            }
            // After a connection was made, the receiver may have read the request, so only connect errors are retried.
            Ok(Err(error)) => return Err(failed(error.is_connect(), format!("the receiver did not answer: {error}"))),
            Ok(Ok(answer)) => answer.status(),
        };
        if answer.is_success() {
            return Ok(());
        }
        // A receiver that refuses the request would refuse a retry, too.
        let passes = answer.is_server_error() || answer == StatusCode::TOO_MANY_REQUESTS;
        Err(failed(passes, format!("the receiver answered {}", answer.as_u16())))
    }
}

/// Renders the alert: the escalation, its waiting time, queue and reason, and a link. Text of agents and customers is
/// truncated and escaped.
fn text(it: &Escalation, now: Timestamp, links: &Links) -> String {
    let (who, queue) = (escaped(&it.opening.title()), escaped(it.queue.name.as_str()));
    let reason = &it.opening.reason;
    let (code, why) = (escaped(&reason.in_words()), escaped(reason.text.as_str()));
    let (since, link) = ((now - it.opened_at).in_short(), links.public(&format!("/e/{}", it.id)));
    format!("{who} has waited {since} for a human in the queue {queue}: {code}.\n{why}\n{link}")
}

/// Escapes the three characters that Slack's markup uses, and truncates the text.
fn escaped(text: &str) -> String {
    short(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Sends alerts until the server stops.
pub async fn work(desk: Desk, alerts: Arc<AlertSender>) {
    while desk.shutdown().run_until_cancelled(sleep(EVERY)).await.is_some() {
        if let Err(error) = alerts.send_due(&desk).await {
            tracing::error!(%error, "could not look for escalations that wait too long; looking again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ask::AskKind,
        opening::{ConversationFacts, Customer},
        stage::{MORNING, Simulation, opening},
        text::Text,
    };

    #[test]
    fn what_strangers_wrote_is_no_markup() {
        let mut stage = Simulation::new();
        let mut said = opening(AskKind::Takeover, Some("chat"));
        said.reason.text = Text::parse("<!channel> & <https://evil.example|here>").unwrap();
        let customer = Customer { name: Some(Text::parse("<@U1>").unwrap()), ..Customer::default() };
        let facts = ConversationFacts { id: None, total_messages: 0, received_messages: 0, customer: Some(customer) };
        said.conversation = Some(facts);
        let id = stage.open_as(said, Default::default());
        let links = Links { public_url: Some("https://desk.example".into()) };
        let text = text(stage.of(id), MORNING + Span::seconds(61), &links);
        assert!(!text.contains(['<', '>']), "{text}");
        assert!(text.starts_with("&lt;@U1&gt; has waited 1m for a human in the queue "), "{text}");
        assert!(text.contains("&lt;!channel&gt; &amp; &lt;https://evil.example|here&gt;"), "{text}");
        assert!(text.ends_with(&format!("\nhttps://desk.example/e/{id}")), "{text}");
    }
}
