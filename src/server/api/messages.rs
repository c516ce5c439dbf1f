//! Handles messages that agents add to an open escalation, and returns its transcript.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Page,
    body::{SayRequest, SayRole},
    checks::Checks,
    documented::{InPath, MessageProblems, RetryKey, TranscriptProblems},
    idempotency,
    json::ApiJson,
    json_answer,
    key_auth::{CallingAgent, EscalationInPath},
    lenient::{ModelText, whole_characters},
    params::{AFTER_ITEM, LIMIT, ParamValues, QueryParam, QueryParams, names, query_params},
    problem::{Problem, ProblemCode},
    transcript::TranscriptReader,
};
use crate::{
    domain::{
        conversation::Control,
        escalation::by_agent::NewMessage,
        field_problem::FieldProblem,
        ids::MessageId,
        message::{Author, MessageRole},
        seq::Seq,
        text::TextProblem,
        transcript::openai_chat::{self, APART},
    },
    server::{
        clock::mint,
        contract::{AnyJson, MessageBody, parse_rfc3339, written},
        core::command::{AgentVerb, CommandResult, RenderAnswer, RenderedAnswer},
        store::{messages, portion::ANSWER},
    },
};

/// The most bytes of a message.
const MOST_BYTES: usize = 256 * 1024;

/// Adds a message to the conversation.
///
/// Pass on what the customer wrote since the open, or what you wrote yourself. While a human is in control, a message of
/// your own is refused: do not send it to the customer either. The same `client_message_id` again is the same message, and
/// answers 200.
#[utoipa::path(
    post, path = "/api/v1/escalations/{id}/messages", tag = "Messages", operation_id = "add_message", params(InPath, RetryKey),
    request_body(content = SayRequest, example = json!({
        "client_message_id": "chat-88-12", "role": "customer", "text": "It was order A-4721.",
    })),
    responses(
        (status = 201, description = "The message was added.", body = SaidBody),
        (status = 200, description = "The message was there already.", body = SaidBody),
        MessageProblems,
    ),
)]
pub async fn say(
    caller: CallingAgent,
    EscalationInPath(escalation): EscalationInPath,
    uri: Uri,
    headers: HeaderMap,
    request: ApiJson<SayRequest>,
) -> Result<Response, Problem> {
    QueryParams::of(&uri, &[])?;
    let mut checks = request.checks;
    let message = new_message(&caller, request.body, &mut checks)?;
    let warnings = checks.into_warnings();
    let answer: RenderAnswer = Arc::new(move |done| said(done, &warnings));
    let once = idempotency::once(&caller, &headers, &uri, request.sha256, answer.clone())?;
    let done = caller.run(escalation, AgentVerb::Say { message }, once, request.room).await?;
    Ok(idempotency::answered(done, &answer))
}

fn new_message(caller: &CallingAgent, request: SayRequest, checks: &mut Checks) -> Result<NewMessage, Problem> {
    let client_message_id = checks.required("/client_message_id", request.client_message_id);
    let role = checks.given("/role", request.role);
    let (pointer, text) = match (request.text, request.content) {
        (None, Some(content)) => ("/content", Some(in_words(content))),
        (text, None) => ("/text", text),
        (Some(_), Some(_)) => {
            checks.refuse("/content", "says the same as text: send one of them");
            ("/content", None)
        }
    };
    let text = checks.given(pointer, text).and_then(|text| checks.model(pointer, Some(within_bytes(text))));
    if text.is_none() && !checks.has_problem_at(pointer) {
        checks.refuse(pointer, TextProblem::Empty.to_string());
    }
    let at = request.at.filter(|at| !at.is_empty()).and_then(|at| {
        let moment = parse_rfc3339(&at);
        if moment.is_none() {
            checks.refuse("/at", "must be a moment as in RFC 3339");
        }
        moment
    });
    if request.attachments.is_some_and(|attachments| !attachments.is_empty()) {
        checks.refuse("/attachments", "no attachments are taken here");
    }
    checks.verdict()?;
    let (Some(client_message_id), Some(role), Some(text)) = (client_message_id, role, text) else {
        return Err(Problem::from(ProblemCode::InvalidField));
    };
    let (role, author) = match role {
        SayRole::Customer => (MessageRole::Customer, None),
        SayRole::System => (MessageRole::System, None),
        SayRole::Agent => {
            let name = caller.agent.name.to_string();
            let author = Author { id: Some(caller.agent.id.to_string()), name: name.clone(), public_name: name };
            (MessageRole::Agent, Some(author))
        }
    };
    Ok(NewMessage { id: MessageId::new(mint()), client_message_id, role, text, at, author })
}

/// Returns content as text, also when it comes in parts, as in OpenAI's messages.
fn in_words(content: ModelText) -> ModelText {
    let parts = (!content.is_text).then(|| serde_json::from_str::<Vec<Value>>(&whole_characters(&content.text)).ok());
    match parts.flatten() {
        Some(parts) => {
            let text = openai_chat::in_words(&parts).replace('\0', "\u{FFFD}");
            ModelText { text, changes: vec![], ..content }
        }
        None => content,
    }
}

/// Cuts a text to the most bytes of a message, between two characters.
fn within_bytes(mut it: ModelText) -> ModelText {
    if it.text.len() > MOST_BYTES {
        it.text.truncate(it.text.floor_char_boundary(MOST_BYTES));
        it.changes.push("was cut to 256 KiB");
    }
    it
}

/// A message that was added, and who is in control now.
#[derive(Serialize, ToSchema)]
#[schema(as = AddedMessage)]
struct SaidBody<'a> {
    message: Option<MessageBody<'a>>,
    control: Control,
    seq: Option<Seq>,
    warnings: &'a [FieldProblem],
}

/// Renders the message as it is stored, and the current control.
fn said(done: &CommandResult, warnings: &[FieldProblem]) -> RenderedAnswer {
    let status = if done.repeated { StatusCode::OK } else { StatusCode::CREATED };
    let message = done.message.as_ref();
    let body = SaidBody {
        message: message.map(MessageBody::from),
        control: Control::of(done.current.held_by),
        seq: message.and_then(|message| message.seq),
        warnings,
    };
    (status.as_u16(), written(&body).into_bytes())
}

/// The formats in which a transcript is returned.
const FORMATS: [(&str, TranscriptReader); 2] =
    [("native", TranscriptReader::Native), ("openai.chat", TranscriptReader::OpenaiChat)];

/// A page of messages.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the schema is used: the answer is a `Page`")]
struct TranscriptPage<'a> {
    items: Vec<TranscriptMessage<'a>>,
    /// The `after` of the next page; null if this is the last one.
    next: Option<String>,
}

/// A message in the form that was asked for. `openai.chat` has the fields of OpenAI's messages.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used")]
enum TranscriptMessage<'a> {
    Native(MessageBody<'a>),
    OpenaiChat {
        role: String,
        #[schema(value_type = Option<AnyJson>)]
        content: Option<Value>,
        #[schema(value_type = Vec<AnyJson>)]
        tool_calls: Vec<Value>,
        tool_call_id: String,
    },
}

/// The values of the `since` parameter: whether the messages begin at the open.
const SINCE: [(&str, bool); 2] = [("start", false), ("open", true)];

const SINCE_WORD: QueryParam = QueryParam {
    name: "since",
    about: "Where the messages begin: at the `start` of the conversation (the default), or at the `open`.",
    values: ParamValues::Words(&names(&SINCE)),
};
const FORMAT: QueryParam = QueryParam {
    name: "format",
    about: "The form of the messages: `native` (the default), or `openai.chat`, ready for a model's history.",
    values: ParamValues::Words(&names(&FORMATS)),
};

query_params! { struct TranscriptParams: SINCE_WORD, FORMAT, LIMIT, AFTER_ITEM; }

/// Reads the messages of the conversation.
#[utoipa::path(
    get, path = "/api/v1/escalations/{id}/transcript", tag = "Messages", operation_id = "get_transcript",
    params(InPath, TranscriptParams),
    responses((status = 200, description = "A page of messages, in the form that `format` names.", body = TranscriptPage), TranscriptProblems),
)]
pub async fn transcript(
    caller: CallingAgent,
    EscalationInPath(id): EscalationInPath,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = QueryParams::of(&uri, TranscriptParams::ALL)?;
    let since_open = params.word("since", &SINCE)?.unwrap_or(false);
    let form = params.word("format", &FORMATS)?.unwrap_or(TranscriptReader::Native);
    let limit = params.limit()?;
    let after = match params.text("after") {
        Some(text) => Some(position(text)?),
        None => None,
    };
    caller.current(id).await?;
    let (desk, workspace) = (&caller.desk, caller.workspace);
    let json = match form {
        TranscriptReader::Native => {
            let read = desk.messages(workspace, id, since_open, after, limit + 1, ANSWER).await?;
            let page = Page::of(read, limit, |(message, _)| message.position.to_string());
            written(&page.map(|(message, _)| MessageBody::from(message)))
        }
        TranscriptReader::OpenaiChat => {
            // The content of a page depends on tool calls before it and on their results after it.
            let (from, of) = (after.unwrap_or(-1), (workspace, id));
            let reader = desk.store().reader();
            let read = reader.read(move |connection| {
                Box::pin(messages::around(connection, of, since_open, from, (limit, APART), ANSWER))
            });
            let read = read.await?;
            let items = openai_chat::write(&read.messages, from.saturating_add(1)..=read.last);
            written(&Page { items, next: read.has_more.then(|| read.last.to_string()) })
        }
    };
    Ok(json_answer(StatusCode::OK, json))
}

fn position(cursor: &str) -> Result<i64, Problem> {
    let position = cursor.parse::<i64>().ok().filter(|position| *position >= 0);
    position.ok_or_else(|| Problem::new(ProblemCode::BadCursor, "`after` is not a cursor of this transcript."))
}
