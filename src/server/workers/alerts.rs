//! Alerts: a call outside the console when somebody has waited too long for a human. One POST an escalation, in the form
//! that Slack's incoming webhooks take. Each is taken in the database before it is sent, so that several servers send it
//! once. A receiver that fails is called again a few times, and what came of it is noted in the log. One is called for at a
//! time, and nothing waits for that but the next alert, in the database: a server that stops forgets one at most.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode, header::CONTENT_TYPE},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
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
        store::escalations,
    },
};

/// How long an escalation waits before somebody is called.
pub const AFTER: Span = Span::seconds(60);
/// How often to look.
const EVERY: Duration = Duration::from_secs(1);
/// How many to take up at a look.
const GULP: i64 = 100;
/// How long a receiver may take to answer. One that does not may have taken the alert, so it is not called again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after each call that failed until the next. A receiver that starts again has the time to, and the next alert
/// does not wait for long.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// Whom to call.
pub struct AlertSender {
    url: AlertUrl,
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

/// Why a receiver was not told.
struct Failed {
    why: String,
    /// Whether it may be otherwise in a moment.
    passes: bool,
}

impl AlertSender {
    /// Calls at this address from now on. The client follows no redirect.
    pub fn new(url: AlertUrl) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider).map_err(io::Error::other)?;
        let client = Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().build());
        Ok(Self { url, client })
    }

    /// Calls for every escalation that has waited long enough and was not called for yet.
    pub async fn send_due(&self, desk: &Desk) -> Result<(), Error> {
        let now = desk.clock().now();
        for (workspace, id) in escalations::to_alert(desk.store(), now + Span(-AFTER.0), GULP).await? {
            if desk.shutdown().is_cancelled() {
                return Ok(());
            }
            // Another server has it, or an operator.
            let Some(it) = escalations::take_alert(desk.store(), workspace, id, now).await? else { continue };
            if let Err(Failed { why, .. }) = self.call(desk, workspace, &it).await {
                tracing::warn!(escalation = %id, why, "nobody was called for an escalation that waits");
            }
        }
        Ok(())
    }

    /// Calls for one, and again while the receiver fails and nobody has come.
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

    /// What went wrong is told without the address, which is a secret.
    async fn post(&self, text: &str) -> Result<(), Failed> {
        let body = serde_json::json!({ "text": text }).to_string();
        let request = Request::post(self.url.uri()).header(CONTENT_TYPE, "application/json").body(Body::from(body));
        let failed = |passes, why| Failed { why, passes };
        let request = request.map_err(|_| failed(false, "the request could not be made".to_owned()))?;
        let answer = match timeout(PATIENCE, self.client.request(request)).await {
            Err(_) => {
                return Err(failed(false, format!("the receiver did not answer within {} s", PATIENCE.as_secs())));
            }
            // Of one that was reached nobody knows how far it read.
            Ok(Err(error)) => return Err(failed(error.is_connect(), format!("the receiver did not answer: {error}"))),
            Ok(Ok(answer)) => answer.status(),
        };
        if answer.is_success() {
            return Ok(());
        }
        // Whoever says no would say it again.
        let passes = answer.is_server_error() || answer == StatusCode::TOO_MANY_REQUESTS;
        Err(failed(passes, format!("the receiver answered {}", answer.as_u16())))
    }
}

/// Who waits, why, and where to help. What agents and customers wrote is cut short and becomes no markup.
fn text(it: &Escalation, now: Timestamp, links: &Links) -> String {
    let (who, queue) = (escaped(&it.opening.title()), escaped(it.queue.name.as_str()));
    let reason = &it.opening.reason;
    let (code, why) = (escaped(&reason.in_words()), escaped(reason.text.as_str()));
    let (since, link) = ((now - it.opened_at).in_short(), links.public(&format!("/e/{}", it.id)));
    format!("{who} has waited {since} for a human in the queue {queue}: {code}.\n{why}\n{link}")
}

/// The three letters that Slack's markup begins with, written as it wants them.
fn escaped(text: &str) -> String {
    short(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Calls until the server stops.
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
        let facts =
            ConversationFacts { external_id: None, total_messages: 0, received_messages: 0, customer: Some(customer) };
        said.conversation = Some(facts);
        let id = stage.open_as(said, Default::default()).unwrap();
        let links = Links { public_url: Some("https://desk.example".into()) };
        let text = text(stage.of(id), MORNING + Span::seconds(61), &links);
        assert!(!text.contains(['<', '>']), "{text}");
        assert!(text.starts_with("&lt;@U1&gt; has waited 1m for a human in the queue "), "{text}");
        assert!(text.contains("&lt;!channel&gt; &amp; &lt;https://evil.example|here&gt;"), "{text}");
        assert!(text.ends_with(&format!("\nhttps://desk.example/e/{id}")), "{text}");
    }
}
