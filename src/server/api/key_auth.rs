//! Who calls: the agent whose key the request shows. The key is read from the database for every request, so that a
//! revoked one is worth nothing from that moment on.

use axum::{
    extract::{FromRequestParts, Path},
    http::{
        HeaderMap,
        header::{ACCEPT, AUTHORIZATION},
        request::Parts,
    },
};

use tokio::sync::OwnedSemaphorePermit;

use super::problem::{Code, Problem};
use crate::{
    domain::{
        agent::AgentRef,
        event::Seq,
        ids::{EscalationId, WorkspaceId},
        presence::Heard,
    },
    server::{
        contract::AtDesk,
        desk::{Command, Desk, Done, Once, Verb},
        doors::{Credential, Door},
        error::{Current, Error},
        keys::ApiKey,
        store::agents,
    },
};

/// How many streams and waits a key may have open.
const MOST_STREAMS: usize = 1_000;

/// The agent that calls, and what it can do at the desk.
#[derive(Clone)]
pub struct Caller {
    pub desk: Desk,
    pub workspace: WorkspaceId,
    pub agent: AgentRef,
    key: String,
}

impl FromRequestParts<Desk> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        let shown = bearer(&parts.headers).and_then(ApiKey::parse);
        let shown = shown
            .ok_or_else(|| Problem::new(Code::Unauthenticated, "Show an API key: `Authorization: Bearer blt_…`."))?;
        let stored = agents::key(desk.store(), shown.public_id()).await?;
        let stored = stored.filter(|stored| shown.is(&stored.secret_sha256));
        let stored = stored.ok_or_else(|| Problem::new(Code::Unauthenticated, "There is no such API key."))?;
        let now = desk.clock().now();
        if stored.revoked_at.is_some_and(|ends| ends <= now) {
            return Err(Problem::from(Code::KeyRevoked));
        }
        if !accepts(&parts.headers, parts.uri.path().ends_with("/events")) {
            return Err(Problem::from(Code::NotAcceptable));
        }
        let key = shown.public_id().to_owned();
        if agents::is_due(stored.used_at, now) {
            let (store, workspace, key) = (desk.store().clone(), stored.workspace, key.clone());
            // Beside the request, which need not wait for the one writer.
            desk.beside().spawn(async move {
                if let Err(error) = agents::used(&store, workspace, &key, now).await {
                    tracing::warn!(%error, "cannot note that a key was used");
                }
            });
        }
        Ok(Self { desk: desk.clone(), workspace: stored.workspace, agent: stored.agent, key })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// Whether the caller can read JSON or, on a stream, server-sent events.
fn accepts(headers: &HeaderMap, is_stream: bool) -> bool {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges =
        ranges.flat_map(|text| text.split(',')).map(str::trim).filter(|range| !range.is_empty()).peekable();
    let sent = ["*/*", "application/*", "application/json"].into_iter();
    let sent: Vec<&str> = sent.chain(["text/*", "text/event-stream"].into_iter().filter(|_| is_stream)).collect();
    ranges.peek().is_none()
        || ranges.any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let refused = parts.filter_map(|part| part.strip_prefix("q=")).any(|q| q.parse::<f32>() == Ok(0.0));
            !refused && sent.iter().any(|sent| sent.eq_ignore_ascii_case(kind))
        })
}

impl Caller {
    /// Does one thing at the desk. A refusal that shows a closed escalation hands over its outcome, too.
    pub async fn run(
        &self,
        verb: Verb,
        once: Option<Once>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Done, Problem> {
        let done = self.desk.run_in(Command { workspace: self.workspace, verb, once }, room).await;
        let Err(Error::Refused { current: Some(current), .. }) = &done else { return Ok(done?) };
        self.handed(current);
        let at_desk = self.at_desk(current).await?;
        done.map_err(|refused| Problem::from(refused).at(at_desk))
    }

    /// An escalation of this agent; of a foreign one it learns as much as of none.
    pub async fn current(&self, id: EscalationId) -> Result<Current, Problem> {
        let current = self.desk.current_of_agent(self.workspace, self.agent.id, id).await?;
        current.ok_or_else(|| Problem::from(Code::NotFound))
    }

    /// What the desk looks like to an escalation; none once it is closed.
    pub async fn at_desk(&self, current: &Current) -> Result<Option<AtDesk>, Problem> {
        let all = self.desk.at_desk(self.workspace, &[&current.escalation]).await?;
        Ok(all.into_values().next())
    }

    /// One more stream or wait of this key, for as long as the door is kept.
    pub fn enter(&self) -> Result<Door, Problem> {
        let door = self.desk.doors().enter(Credential::Key(self.key.clone()), MOST_STREAMS);
        door.ok_or_else(|| Problem::from(Code::TooManyStreams))
    }

    /// The agent listens, to one escalation or to all of its own, and has been given what happened up to `reached`.
    pub fn heard(&self, escalation: Option<EscalationId>, reached: Seq) {
        let heard = Heard { at: self.desk.clock().now(), reached };
        self.desk.hints().heard(self.workspace, self.agent.id, escalation, heard);
    }

    /// An answer with this escalation leaves. If it is closed, its outcome does, which is recorded beside the answer:
    /// that does not wait for it. Only the first time counts.
    pub fn handed(&self, current: &Current) {
        if current.escalation.status.is_open() || current.escalation.delivered_at.is_some() {
            return;
        }
        let (desk, workspace, escalation) = (self.desk.clone(), self.workspace, current.escalation.id);
        self.desk.beside().spawn(async move {
            let command = Command { workspace, verb: Verb::Deliver { escalation }, once: None };
            if let Err(error) = desk.run(command).await {
                tracing::error!(%error, %escalation, "an outcome that left was not recorded as delivered");
            }
        });
    }
}

/// The escalation that the path names. What is no id names none.
pub struct Which(pub EscalationId);

impl FromRequestParts<Desk> for Which {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        let named = Path::<String>::from_request_parts(parts, desk).await.ok();
        let id = named.and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::from(Code::NotFound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_excludes_json_is_not_acceptable() {
        for (accept, json, stream) in [
            ("", true, true),
            ("*/*", true, true),
            ("application/json", true, true),
            ("text/html, application/*;q=0.8", true, true),
            ("text/event-stream", false, true),
            ("text/html", false, false),
            ("application/json;q=0", false, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!((accepts(&headers, false), accepts(&headers, true)), (json, stream), "{accept}");
        }
        assert!(accepts(&HeaderMap::new(), false));
    }

    #[test]
    fn the_key_is_a_bearer_of_any_case() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "bearer blt_x".parse().unwrap());
        assert_eq!(bearer(&headers), Some("blt_x"));
        headers.insert(AUTHORIZATION, "Basic blt_x".parse().unwrap());
        assert_eq!(bearer(&headers), None);
    }
}
