//! Authenticates the calling agent by the API key in the request. The key is read from the database for every request,
//! so that revoking a key takes effect at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    extract::{FromRequestParts, Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::Response,
};

use super::{
    accept,
    problem::{Problem, ProblemCode},
};
use crate::{
    domain::{
        agent::AgentRef,
        ids::{EscalationId, QueueId, WorkspaceId},
        presence::AgentContact,
        seq::Seq,
        time::Timestamp,
    },
    server::{
        connections::when_left,
        contract::AtDesk,
        core::{
            command::{ActorVerb, AgentVerb, Command, CommandResult, IdempotentRequest, SystemVerb},
            desk::Desk,
            open_streams::{Credential, OpenStream},
        },
        error::{CurrentState, Error},
        keys::ApiKey,
        rates::{LimitStatus, RateLimiters, RequestKind, usage::day_of},
        request_memory::{KeyShare, MemoryPermit},
        store::{agents, escalations::load, usage::UsageKey},
    },
};

/// Header of draft-ietf-httpapi-ratelimit-headers-10.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many streams and waits a key may have open.
const MOST_STREAMS: usize = 1_000;
/// How many uploads a key may have open in addition, so that an app with many waits can still write.
const MOST_UPLOADS: usize = 100;

/// The authenticated agent of a request, and its access to the [`Desk`].
#[derive(Clone)]
pub struct CallingAgent {
    pub desk: Desk,
    pub workspace: WorkspaceId,
    pub agent: AgentRef,
    key: String,
    notes: ResponseNotes,
}

impl FromRequestParts<Desk> for CallingAgent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        let shown = bearer(&parts.headers).and_then(ApiKey::parse);
        let Some(shown) = shown else {
            return Err(stranger(
                parts,
                ProblemCode::Unauthenticated,
                "Show an API key: `Authorization: Bearer blt_…`.",
            ));
        };
        let stored = agents::key(desk.store(), shown.public_id()).await?;
        let Some(stored) = stored.filter(|stored| shown.is(&stored.secret_sha256)) else {
            return Err(stranger(parts, ProblemCode::Unauthenticated, "This API key is not known here."));
        };
        let now = desk.clock().now();
        if stored.revoked_at.is_some_and(|ends| ends <= now) {
            return Err(stranger(parts, ProblemCode::KeyRevoked, "This API key was revoked."));
        }
        let key = (stored.workspace, shown.public_id().to_owned());
        let notes: ResponseNotes = parts.extensions.get().cloned().unwrap_or_default();
        // The request is counted before its body is read.
        count(parts, desk, &key, &notes, now)?;
        if !accepts(&parts.headers, parts.uri.path().ends_with("/events")) {
            return Err(Problem::from(ProblemCode::NotAcceptable));
        }
        let (_, key) = key;
        if agents::is_due(stored.used_at, now) {
            let (store, workspace, key) = (desk.store().clone(), stored.workspace, key.clone());
            // A background task writes this, so that the request does not wait for the single writer.
            desk.background_tasks().spawn(async move {
                if let Err(error) = agents::used(&store, workspace, &key, now).await {
                    tracing::warn!(%error, "cannot note that a key was used");
                }
            });
        }
        let caller = Self { desk: desk.clone(), workspace: stored.workspace, agent: stored.agent, key, notes };
        // The extractor that reads the body needs the caller.
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// Returns whether the caller accepts JSON or, on a stream, server-sent events.
fn accepts(headers: &HeaderMap, is_stream: bool) -> bool {
    accept::ranges(headers).next().is_none()
        || accept::quality(headers, &accept::JSON) > 0.0
        || (is_stream && accept::quality(headers, &accept::EVENT_STREAM) > 0.0)
}

impl CallingAgent {
    /// Runs one command. A refusal that carries a closed escalation delivers its outcome, too.
    pub async fn run(
        &self,
        escalation: EscalationId,
        verb: AgentVerb,
        once: Option<IdempotentRequest>,
        room: MemoryPermit,
    ) -> Result<CommandResult, Problem> {
        let verb = ActorVerb::Agent(self.agent.clone(), verb);
        let done = self.desk.run_in(Command { workspace: self.workspace, escalation, verb, once }, room).await;
        let Err(Error::Refused { current: Some(current), .. }) = &done else { return Ok(done?) };
        self.record_delivery_of(current);
        let at_desk = self.at_desk(current).await?;
        done.map_err(|refused| Problem::from(refused).at(at_desk))
    }

    /// Returns an escalation of this agent. An escalation of another agent is answered like one that does not exist.
    pub async fn current(&self, id: EscalationId) -> Result<CurrentState, Problem> {
        let current = self.desk.current_of_agent(self.workspace, self.agent.id, id).await?;
        current.ok_or_else(|| no_escalation(&id.to_string()))
    }

    /// Returns the availability of operators for an escalation, or `None` once it is closed.
    pub async fn at_desk(&self, current: &CurrentState) -> Result<Option<AtDesk>, Problem> {
        let all = self.desk.at_desk(self.workspace, &[&current.escalation]).await?;
        Ok(all.into_values().next())
    }

    /// Returns the availability of operators for an escalation that is about to be opened in a queue.
    pub async fn at_desk_of_queue(&self, queue: QueueId) -> Result<AtDesk, Problem> {
        if self.agent.test {
            return Ok(AtDesk::ROBOT);
        }
        Ok(self.desk.at_desk_of_queue(self.workspace, queue).await?)
    }

    /// Adds the bytes of a request to the key's daily usage.
    pub fn wrote(&self, bytes: usize) {
        let key = (self.workspace, self.key.clone());
        self.desk.usage().wrote(&key, bytes, self.desk.clock().now());
    }

    /// Returns the share of request memory that this key may use.
    pub fn share(&self) -> KeyShare {
        self.desk.request_memory().share(&self.key)
    }

    /// Opens one more stream or wait of this key. Dropping the returned value closes it.
    pub fn enter(&self) -> Result<OpenStream, Problem> {
        self.register(MOST_STREAMS)
    }

    /// Opens one more upload of this key. Dropping the returned value closes it.
    pub fn begin_upload(&self) -> Result<OpenStream, Problem> {
        self.register(MOST_STREAMS + MOST_UPLOADS)
    }

    fn register(&self, most: usize) -> Result<OpenStream, Problem> {
        let open_stream = self.desk.open_streams().register(Credential::Key(self.key.clone()), most);
        open_stream.ok_or_else(|| Problem::from(ProblemCode::TooManyStreams))
    }

    /// Records that the agent is listening, to one escalation or to all of its own, and has received events up to
    /// `reached`.
    pub fn heard(&self, escalation: Option<EscalationId>, reached: Seq) {
        let heard = AgentContact { at: self.desk.clock().now(), reached };
        self.desk.hints().agent_listens(self.workspace, self.agent.id, escalation, heard);
    }

    /// Notes that the response carries this escalation. If the escalation is closed, its outcome is recorded as
    /// delivered once the response has been sent.
    pub fn record_delivery_of(&self, current: &CurrentState) {
        if is_undelivered(current) {
            self.notes.lock().handed.push((self.workspace, current.escalation.id));
        }
    }

    /// Notes the same of these escalations, which are closed.
    pub async fn record_deliveries_of(&self, ended: Vec<EscalationId>) -> Result<(), Problem> {
        if ended.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = ended.into_iter().map(|id| (self.workspace, id)).collect();
        let reader = self.desk.store().reader();
        let read = reader.read(move |connection| Box::pin(async move { load(connection, &keys).await }));
        let undelivered = read.await?.into_iter().filter(|(_, (it, _))| it.delivered_at.is_none());
        self.notes.lock().handed.extend(undelivered.map(|(workspace, (it, _))| (workspace, it.id)));
        Ok(())
    }

    /// Notes that the agent already has the current state of this escalation. If it is closed, a background task
    /// records its outcome as delivered. Only the first delivery counts.
    pub fn has(&self, current: &CurrentState) {
        if is_undelivered(current) {
            deliver(&self.desk, self.workspace, current.escalation.id);
        }
    }
}

fn no_escalation(id: &str) -> Problem {
    Problem::new(ProblemCode::NotFound, format!("This agent has no escalation with the id {id}."))
}

fn is_undelivered(current: &CurrentState) -> bool {
    !current.escalation.status.is_open() && current.escalation.delivered_at.is_none()
}

fn deliver(desk: &Desk, workspace: WorkspaceId, escalation: EscalationId) {
    let working = desk.clone();
    desk.background_tasks().spawn(async move {
        let command = Command::new(workspace, escalation, ActorVerb::System(SystemVerb::Deliver));
        if let Err(error) = working.run(command).await {
            tracing::error!(%error, %escalation, "an outcome that left was not recorded as delivered");
        }
    });
}

/// Counts a request of a key, and refuses it if the key is over its limits.
fn count(parts: &Parts, desk: &Desk, key: &UsageKey, notes: &ResponseNotes, now: Timestamp) -> Result<(), Problem> {
    // Some routers have no limits, as in tests of a single handler.
    let Some(rates) = parts.extensions.get::<Arc<RateLimiters>>() else { return Ok(()) };
    let kind = match parts.method {
        Method::GET | Method::HEAD => RequestKind::Read,
        _ if parts.uri.path() == "/api/v1/escalations" => RequestKind::Open,
        _ => RequestKind::Write,
    };
    if kind == RequestKind::Open && desk.free_space().has_less_than(rates.limits().reserve()) {
        let detail = "There is hardly any space left on the disk of the database, so nothing new is opened. What is open can \
                      still be answered and ended.";
        return Err(Problem::new(ProblemCode::StorageFull, detail));
    }
    let (_, tomorrow) = day_of(now);
    let is_full = rates.limits().bytes_per_day().is_some_and(|most| desk.usage().bytes(key, now) >= most);
    if kind != RequestKind::Read && is_full {
        let most = rates.limits().megabytes_per_day;
        let detail =
            format!("This key has written {most} MiB today, which is what it may. The day ends at midnight UTC.");
        desk.usage().limited(key, now);
        return Err(Problem::rate_limited(detail, tomorrow));
    }
    let standing = rates.of_key(kind, &key.1);
    notes.lock().standing = standing;
    match standing.filter(|it| !it.is_allowed) {
        None => Ok(()),
        Some(LimitStatus { policy, seconds, .. }) => {
            desk.usage().limited(key, now);
            let detail = format!("This key makes more {policy} than it may. Try again in {seconds} s.");
            Err(Problem::rate_limited(detail, seconds))
        }
    }
}

/// Returns the problem for a request without a valid key. Such requests are counted by their address.
fn stranger(parts: &Parts, code: ProblemCode, detail: &str) -> Problem {
    let standing = parts.extensions.get::<Arc<RateLimiters>>().and_then(|rates| rates.of_stranger(parts));
    match standing.filter(|it| !it.is_allowed) {
        None => Problem::new(code, detail),
        Some(LimitStatus { seconds, .. }) => {
            let detail = format!("Too many requests without a good API key came from this address. {detail}");
            Problem::rate_limited(detail, seconds)
        }
    }
}

/// Notes that handlers leave for the middleware [`response_notes`]; stored as a request extension.
#[derive(Clone, Default)]
struct ResponseNotes(Arc<Mutex<NotedDuringRequest>>);

#[derive(Default)]
struct NotedDuringRequest {
    /// The escalations whose outcomes the response carries.
    handed: Vec<(WorkspaceId, EscalationId)>,
    /// The key's current status against its rate limit.
    standing: Option<LimitStatus>,
}

impl ResponseNotes {
    fn lock(&self) -> MutexGuard<'_, NotedDuringRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Middleware that adds the rate-limit headers, and records outcomes as delivered once the responses that carry them
/// have been sent.
pub async fn response_notes(State(desk): State<Desk>, mut request: Request, next: Next) -> Response {
    let notes = ResponseNotes::default();
    request.extensions_mut().insert(notes.clone());
    let mut response = next.run(request).await;
    let NotedDuringRequest { handed, standing } = std::mem::take(&mut *notes.lock());
    if let Some(LimitStatus { policy, burst, window, remaining, seconds, .. }) = standing {
        let told = [
            (RATE_LIMIT_POLICY, format!("\"{policy}\";q={burst};w={window}")),
            (RATE_LIMIT, format!("\"{policy}\";r={remaining};t={seconds}")),
        ];
        let told = told.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)));
        response.headers_mut().extend(told);
    }
    if !handed.is_empty() {
        when_left(&mut response, move || {
            handed.into_iter().for_each(|(workspace, escalation)| deliver(&desk, workspace, escalation));
        });
    }
    response
}

/// The id of the escalation in the path. An invalid id is answered with `not_found`.
pub struct EscalationInPath(pub EscalationId);

impl FromRequestParts<Desk> for EscalationInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        let named = Path::<String>::from_request_parts(parts, desk).await;
        let named = named.map(|Path(named)| named).unwrap_or_default();
        named.parse().map(Self).map_err(|_| no_escalation(&named))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::ACCEPT;

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
