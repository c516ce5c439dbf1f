//! Renders escalations for agents.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    AgentBody, At, Links, OperatorBody, as_rendered,
    outcome::OutcomeBody,
    path_of,
    schemas::{AnyJson, AnyObject, Reserved},
    written,
};
use crate::{
    domain::{
        ask::{Action, Ask, AskKind, Verdict},
        conversation::Control,
        escalation::{Escalation, Status},
        field_problem::FieldProblem,
        ids::EscalationId,
        json_text::JsonText,
        opening::{ContextItem, ConversationFacts, Customer, Opening, Resume},
        queue::Urgency,
        reason::{Reason, ReasonCode},
        seq::Seq,
        text::{Name, Text},
    },
    server::error::CurrentState,
};

/// The availability of operators at the moment of a response; a fact, not a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DeskAvailability)]
pub struct AtDesk {
    /// The operators who may claim, serve the queue, are connected and not away.
    pub operators_available: i64,
    /// The operators who serve the queue and are connected, also those who are away.
    pub reachable: i64,
    /// How many escalations in the queue have waited longer; counting stops at 1,000.
    pub waiting_ahead: i64,
    /// The median time that recently claimed escalations of the queue had waited; null if none was claimed.
    pub median_claim_seconds: Option<i64>,
}

impl AtDesk {
    /// The availability of Robot, which test agents are told: Robot is always there.
    pub const ROBOT: Self =
        Self { operators_available: 1, reachable: 1, waiting_ahead: 0, median_claim_seconds: Some(1) };
}

/// An escalation, as it is now or was at an event.
#[derive(Serialize, ToSchema)]
#[schema(as = Escalation)]
pub struct EscalationBody<'a> {
    id: EscalationId,
    status: Status,
    /// The side that speaks to the customer.
    control: Control,
    /// The seq of its newest event.
    seq: Seq,
    agent: AgentBody<'a>,
    /// True for a test, which Robot answers. Left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    test: Option<bool>,
    queue: &'a Name,
    urgency: Urgency,
    reason: ReasonBody<'a>,
    summary: Option<&'a Text<4_000>>,
    tried: &'a [Text<500>],
    customer_told: Option<&'a Text<2_000>>,
    ask: AskBody<'a>,
    conversation: Option<ConversationBody<'a>>,
    context: &'a [ContextItem],
    opened_at: At,
    claimed_at: Option<At>,
    claimed_by: Option<OperatorBody<'a>>,
    closed_at: Option<At>,
    delivered_at: Option<At>,
    acknowledged_at: Option<At>,
    deadlines: DeadlinesBody,
    /// Null while the escalation is open. Left out of the events after the closing event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OutcomeBody<'a>>)]
    outcome: Option<Option<&'a RawValue>>,
    resume: Option<ResumeBody<'a>>,
    /// The metadata of the open request, unchanged.
    #[schema(value_type = Option<AnyObject>)]
    metadata: Option<&'a RawValue>,
    /// The kinds of later requests that the agent takes, as it named them at the open.
    accepts: &'a [Text<100>],
    /// The escalation that this one follows up. Reserved: always null.
    follow_up_of: Option<EscalationId>,
    /// The page for the customer. Reserved: always null.
    #[schema(value_type = Reserved)]
    customer_page: Option<()>,
    /// The places that were read otherwise than they were sent: by the open or, in the answer to a `PATCH`, by that.
    warnings: &'a [FieldProblem],
    /// True if the agent asked for a takeover that was open already. Only the answer to an open request has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    already_open: Option<bool>,
    /// The availability of operators. Null once the escalation is closed, and in an answer with `already_open: true`. Events do
    /// not carry this field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AtDesk>)]
    desk: Option<Option<AtDesk>>,
    links: LinksBody,
}

/// Why the agent asked for a human.
#[derive(Serialize, ToSchema)]
#[schema(as = Reason)]
struct ReasonBody<'a> {
    code: ReasonCode,
    /// The agent's own word, if it is none of the codes.
    label: Option<&'a str>,
    text: &'a Text<2_000>,
    #[schema(value_type = Option<AnyObject>)]
    evidence: Option<&'a RawValue>,
    /// From 0 to 1.
    confidence: Option<f64>,
}

impl<'a> From<&'a Reason> for ReasonBody<'a> {
    fn from(it: &'a Reason) -> Self {
        Self {
            code: it.code,
            label: it.label.as_deref(),
            text: &it.text,
            evidence: it.evidence.as_ref().and_then(rendered),
            confidence: it.confidence,
        }
    }
}

/// The request to the human: to take over, to answer, or to decide.
#[derive(Serialize, ToSchema)]
#[schema(as = Ask)]
struct AskBody<'a> {
    kind: AskKind,
    /// The version of the ask, from 1. Each change by `PATCH` raises it.
    version: i64,
    prompt: Option<&'a Text<2_000>>,
    suggested_reply: Option<&'a Text<4_000>>,
    options: &'a [Text<200>],
    /// The JSON Schema (draft 2020-12) of `outcome.data`.
    #[schema(value_type = Option<AnyJson>)]
    response_schema: Option<&'a RawValue>,
    actions: Vec<ActionBody<'a>>,
}

/// A proposed action, for a human to decide.
#[derive(Serialize, ToSchema)]
#[schema(as = ProposedAction)]
struct ActionBody<'a> {
    id: &'a Text<100>,
    name: &'a Text<200>,
    #[schema(value_type = AnyObject)]
    arguments: Option<&'a RawValue>,
    #[schema(value_type = Option<AnyJson>)]
    arguments_schema: Option<&'a RawValue>,
    /// The verdicts that an operator may give.
    allowed: &'a [Verdict],
}

fn rendered(json: &JsonText) -> Option<&RawValue> {
    as_rendered(json.as_str())
}

impl<'a> From<&'a Action> for ActionBody<'a> {
    fn from(it: &'a Action) -> Self {
        Self {
            id: &it.id,
            name: &it.name,
            arguments: rendered(&it.arguments),
            arguments_schema: it.arguments_schema.as_ref().and_then(rendered),
            allowed: &it.allowed,
        }
    }
}

impl<'a> From<&'a Ask> for AskBody<'a> {
    fn from(ask: &'a Ask) -> Self {
        Self {
            kind: ask.kind,
            version: ask.version(),
            prompt: ask.prompt.as_ref(),
            suggested_reply: ask.suggested_reply.as_ref(),
            options: ask.options.as_deref().unwrap_or_default(),
            response_schema: ask.response_schema.as_ref().and_then(rendered),
            actions: ask.actions.iter().map(ActionBody::from).collect(),
        }
    }
}

/// The conversation with the customer.
#[derive(Serialize, ToSchema)]
#[schema(as = Conversation)]
struct ConversationBody<'a> {
    /// The agent's own id of the conversation.
    id: Option<&'a Text<255>>,
    /// How many messages the conversation had at the open, by the agent's count.
    total_messages: i64,
    /// How many of them came with the escalation.
    received_messages: i64,
    customer: Option<CustomerBody<'a>>,
}

impl<'a> From<&'a ConversationFacts> for ConversationBody<'a> {
    fn from(it: &'a ConversationFacts) -> Self {
        Self {
            id: it.id.as_ref(),
            total_messages: it.total_messages,
            received_messages: it.received_messages,
            customer: it.customer.as_ref().map(CustomerBody::from),
        }
    }
}

/// The customer, as the agent knows them.
#[derive(Serialize, ToSchema)]
#[schema(as = Customer)]
struct CustomerBody<'a> {
    /// The agent's own id of the customer.
    id: Option<&'a Text<255>>,
    name: Option<&'a Text<200>>,
    email: Option<&'a Text<320>>,
    /// A BCP 47 language tag.
    locale: Option<&'a Text<35>>,
}

impl<'a> From<&'a Customer> for CustomerBody<'a> {
    fn from(it: &'a Customer) -> Self {
        let Customer { id, name, email, locale } = it;
        Self { id: id.as_ref(), name: name.as_ref(), email: email.as_ref(), locale: locale.as_ref() }
    }
}

/// The deadlines of an escalation.
#[derive(Serialize, ToSchema)]
#[schema(as = Deadlines)]
struct DeadlinesBody {
    /// When the escalation expires if nobody has claimed it.
    claim_by: Option<At>,
    /// When colleagues are warned. Nothing ends.
    resolve_by: Option<At>,
    /// When the escalation expires, claimed or not.
    expires_at: Option<At>,
}

/// Paths of this API, and the page of the console for a human: a URL if the server knows its public address, else a path.
#[derive(Serialize, ToSchema)]
#[schema(as = Links)]
struct LinksBody {
    #[serde(rename = "self")]
    itself: String,
    events: String,
    messages: String,
    receipts: String,
    transcript: String,
    cancel: String,
    acknowledge: String,
    console: String,
}

/// The data of the open request with which the agent resumes.
#[derive(Serialize, ToSchema)]
#[schema(as = Resume)]
struct ResumeBody<'a> {
    tool_call_id: Option<&'a str>,
    run_id: Option<&'a str>,
    /// Up to 1 MiB, so it is sent only where an agent resumes: by `GET /escalations/{id}`, and in closing events.
    state: Option<&'a str>,
}

impl<'a> From<&'a Resume> for ResumeBody<'a> {
    fn from(it: &'a Resume) -> Self {
        Self { tool_call_id: it.tool_call_id.as_deref(), run_id: it.run_id.as_deref(), state: None }
    }
}

impl<'a> EscalationBody<'a> {
    /// Builds the body for a response, with the availability of operators while the escalation is open.
    pub fn in_answer(current: &'a CurrentState, desk: Option<AtDesk>, links: &Links) -> Self {
        let body = Self::without_state(&current.escalation, current.held_by, links);
        Self {
            outcome: Some(current.outcome.as_deref().and_then(as_rendered)),
            desk: Some(desk.filter(|_| current.escalation.status.is_open())),
            ..body
        }
    }

    /// Says whether the agent has asked for an escalation that was open already.
    #[must_use]
    pub fn already_open(self, is_open: bool) -> Self {
        Self { already_open: Some(is_open), ..self }
    }

    /// Says how the request was read, in place of how the open was.
    #[must_use]
    pub fn with_warnings(self, warnings: &'a [FieldProblem]) -> Self {
        Self { warnings, ..self }
    }

    /// Adds the state with which the agent resumes.
    #[must_use]
    pub fn with_state(self, opening: &'a Opening) -> Self {
        let state = opening.resume.as_ref().and_then(|it| it.state.as_deref());
        Self { resume: self.resume.map(|it| ResumeBody { state, ..it }), ..self }
    }

    /// Builds the body as part of an event. The closing event has the outcome, included as it was rendered, and the
    /// state with which the agent resumes.
    pub fn in_event(
        it: &'a Escalation,
        held_by: Option<EscalationId>,
        outcome: Option<&'a str>,
        links: &Links,
    ) -> Self {
        let body = Self::without_state(it, held_by, links);
        match outcome {
            Some(outcome) => Self { outcome: Some(as_rendered(outcome)), ..body }.with_state(&it.opening),
            None => Self { outcome: it.status.is_open().then_some(None), ..body },
        }
    }

    fn without_state(it: &'a Escalation, held_by: Option<EscalationId>, links: &Links) -> Self {
        let opening = &*it.opening;
        let path = path_of(it.id);
        Self {
            id: it.id,
            status: it.status,
            control: Control::of(held_by),
            seq: it.seq,
            agent: AgentBody::from(&it.agent),
            test: it.agent.test.then_some(true),
            queue: &it.queue.name,
            urgency: it.urgency,
            reason: ReasonBody::from(&opening.reason),
            summary: opening.summary.as_ref(),
            tried: &opening.tried,
            customer_told: opening.customer_told.as_ref(),
            ask: AskBody::from(&opening.ask),
            conversation: opening.conversation.as_ref().map(ConversationBody::from),
            context: &opening.context,
            opened_at: At(it.opened_at),
            claimed_at: it.claim.as_ref().map(|claim| At(claim.at)),
            claimed_by: it.claim.as_ref().map(|claim| OperatorBody::from(&claim.operator)),
            closed_at: it.closed_at.map(At),
            delivered_at: it.delivered_at.map(At),
            acknowledged_at: it.acknowledged_at.map(At),
            deadlines: DeadlinesBody {
                claim_by: it.deadlines.claim_by.map(At),
                resolve_by: it.deadlines.resolve_by.map(At),
                expires_at: it.deadlines.expires_at.map(At),
            },
            outcome: None,
            resume: opening.resume.as_ref().map(ResumeBody::from),
            metadata: opening.metadata.as_ref().and_then(rendered),
            accepts: &opening.accepts,
            follow_up_of: None,
            customer_page: None,
            warnings: &opening.warnings,
            already_open: None,
            desk: None,
            links: LinksBody {
                events: format!("{path}/events"),
                messages: format!("{path}/messages"),
                receipts: format!("{path}/receipts"),
                transcript: format!("{path}/transcript"),
                cancel: format!("{path}/cancel"),
                acknowledge: format!("{path}/acknowledge"),
                console: links.public(&format!("/e/{}", it.id)),
                itself: path,
            },
        }
    }
}

/// Renders an escalation for a response, without the state with which the agent resumes.
pub fn escalation_json(current: &CurrentState, desk: Option<AtDesk>, links: &Links) -> String {
    written(&EscalationBody::in_answer(current, desk, links))
}
