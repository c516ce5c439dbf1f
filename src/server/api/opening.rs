//! Validates every field of an open request and converts the request into the domain's types.

use serde_json::{Value, value::RawValue};

use super::{
    body::{
        ActionRequest, AskRequest, ContextRequest, ConversationRequest, CustomerRequest, DeadlinesRequest, MOST_TRIED,
        OpenRequest, ReasonRequest, ResumeRequest, TranscriptFormat,
    },
    checks::Checks,
    json_words,
    lenient::{self, ModelNumber, ModelText, ModelTexts},
    problem::{Problem, ProblemCode},
    schemas::{find_faults, unusable},
    strict_object::StrictObject,
    transcript::{self, TranscriptReader},
};
use crate::{
    domain::{
        ask::{Action, Ask, AskKind, Verdict},
        deadline::{LONGEST, RequestedDeadlines, SHORTEST},
        field_problem::FieldProblem,
        json::{LARGEST_NUMBER, too_deep},
        json_text::JsonText,
        message::Message,
        opening::{ContextItem, ConversationFacts, Customer, Opening, Resume},
        queue::Urgency,
        reason::{Reason, ReasonCode},
        text::Text,
        time::Span,
    },
    server::{schema::Schemas, store::escalations::LONGEST_ID},
};

/// The most bytes of an object that is returned unchanged.
const MOST_OBJECT: usize = 16 * 1024;
/// The most bytes of `resume.state`.
const MOST_STATE: usize = 1024 * 1024;
/// The most bytes of the other fields of `resume`.
const MOST_NAME: usize = 64 * 1024;
/// The most characters of a word that a model chose from a list.
const MOST_CODE: usize = 100;
/// The most actions of a decision.
const MOST_ACTIONS: usize = 20;
/// The most words of `accepts`.
const MOST_ACCEPTED: usize = 20;
/// The most bytes of all fields together, without the transcript, the state to resume with and the texts of the model.
pub const MOST_BESIDE_MESSAGES: usize = 256 * 1024;

/// A validated open request. Its queue is not checked yet, because that needs the database; the warnings are still in
/// [`Checks`].
pub struct CheckedOpening {
    pub opening: Opening,
    pub transcript: Vec<Message>,
    pub urgency: Option<Urgency>,
    pub within: RequestedDeadlines,
    /// The queue's name, as given.
    pub queue: Option<String>,
}

/// Checks an open request whose body had `length` bytes. A refusal names all problems found.
pub fn check(
    schemas: &Schemas,
    request: OpenRequest,
    length: usize,
    checks: &mut Checks,
) -> Result<CheckedOpening, Problem> {
    let by_the_model = written_by_the_model(&request);
    let conversation = request.conversation.map(|StrictObject(it)| it);
    let messages = conversation.iter().flat_map(|it| it.messages.iter().flatten());
    let apart = messages.chain(request.resume.iter().flat_map(|StrictObject(it)| &it.state));
    let apart: usize = apart.map(|raw| raw.get().len()).sum();
    if length.saturating_sub(apart + by_the_model) > MOST_BESIDE_MESSAGES {
        let detail = format!(
            "must have at most {MOST_BESIDE_MESSAGES} bytes beside conversation.messages, resume.state and texts of the model"
        );
        checks.refuse("", detail);
        // So large a request is not looked at any further.
        checks.verdict()?;
    }
    let reason = reason(request.reason.map(|StrictObject(it)| it), checks);
    let kind = if conversation.is_some() { AskKind::Takeover } else { AskKind::Question };
    let ask = ask(request.ask.map(|StrictObject(it)| it), kind, checks);
    let metadata = request.metadata.map(|metadata| checks.object("/metadata", metadata, MOST_OBJECT));
    let queue = request.routing.and_then(|StrictObject(it)| it.queue);
    let queue = queue.filter(|queue| !queue.is_empty());
    if let Some(queue) = &queue {
        checks.opaque("/routing/queue", queue, MOST_OBJECT);
    }
    let urgency = urgency(request.urgency, checks);
    let within = request.deadlines.map(|StrictObject(it)| within(&it, checks)).unwrap_or_default();
    let summary = checks.model("/summary", request.summary);
    let tried = tried(request.tried, checks);
    let customer_told = checks.model("/customer_told", request.customer_told);
    let context = context(request.context.unwrap_or_default(), checks);
    let on_expiry_note = request.on_expiry.and_then(|StrictObject(it)| it.note_to_agent);
    let on_expiry_note = checks.optional("/on_expiry/note_to_agent", on_expiry_note);
    let resume = request.resume.map(|StrictObject(it)| resume(it, checks));
    let said = Opening { summary, tried, customer_told, context, on_expiry_note, resume, ..Opening::new(reason, ask) };
    let mut opening = Opening { metadata, accepts: accepts(request.accepts, checks), ..said };
    let (facts, transcript) = conversation.map(|it| read(it, checks)).unzip();
    let found = unusable(schemas, &opening.ask, checks);
    // A fault of the schemas or of the format alone has a code of its own. Beside others it is one more fault.
    let (transcript, wrong_format) = match transcript {
        Some(Ok(transcript)) => (transcript, None),
        Some(Err(wrong)) => (vec![], Some(wrong)),
        None => (vec![], None),
    };
    match (checks.is_refused(), found.is_empty(), wrong_format) {
        (false, true, None) => {}
        (false, false, None) => return Err(Problem::fields(ProblemCode::SchemaInvalid, found)),
        (false, true, Some(wrong)) => return Err(Problem::fields(ProblemCode::WrongFormat, vec![wrong])),
        (_, _, wrong) => found.into_iter().chain(wrong).for_each(|it| checks.refuse(it.pointer, it.detail)),
    }
    checks.verdict()?;
    find_faults(schemas, &mut opening.ask, checks);
    opening.conversation = facts;
    Ok(CheckedOpening { opening, transcript, urgency, within, queue })
}

/// Returns how many bytes of the body are texts of the model, which are cut and not refused.
fn written_by_the_model(request: &OpenRequest) -> usize {
    let reason = request.reason.iter().flat_map(|StrictObject(it)| [&it.code, &it.text]);
    let ask = request.ask.iter().flat_map(|StrictObject(it)| [&it.prompt, &it.suggested_reply]);
    let alone = [&request.summary, &request.customer_told, &request.urgency].into_iter().chain(reason).chain(ask);
    alone.flatten().map(|text| text.length).chain(request.tried.as_ref().map(|tried| tried.length)).sum()
}

/// Reads the reason, which a model wrote: only a missing one is refused.
fn reason(it: Option<ReasonRequest>, checks: &mut Checks) -> Reason {
    let ReasonRequest { code, text, evidence, confidence } = checks.given("/reason", it).unwrap_or_default();
    let word = checks.model::<MOST_CODE>("/reason/code", code);
    let (code, label) = word.as_ref().map_or((ReasonCode::Other, None), |word| Reason::code_of(word.as_str()));
    if label.is_some() {
        checks.warn("/reason/code", "is none of the known codes and was taken as `other`, with it as label");
    }
    let evidence = evidence.map(|evidence| checks.object("/reason/evidence", evidence, MOST_OBJECT));
    let confidence = confidence.and_then(|ModelNumber(number)| {
        let number = number.filter(|number| (0.0..=1.0).contains(number));
        if number.is_none() {
            checks.warn("/reason/confidence", "is no number from 0 to 1 and was left out");
        }
        number
    });
    let text = checks.model("/reason/text", text).unwrap_or_else(|| Text::from_static(Reason::NOT_GIVEN));
    Reason { code, label, text, evidence, confidence }
}

/// Reads the urgency, which a model wrote.
pub fn urgency(word: Option<ModelText>, checks: &mut Checks) -> Option<Urgency> {
    let word: Text<MOST_CODE> = checks.model("/urgency", word)?;
    let (urgency, is_known) = lenient::urgency(word.as_str());
    if !is_known {
        let words = Urgency::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
        checks.warn("/urgency", format!("was taken as `{}`; the words are {words}", urgency.as_str()));
    }
    Some(urgency)
}

fn accepts(words: Option<Vec<String>>, checks: &mut Checks) -> Vec<Text<100>> {
    let words = words.unwrap_or_default();
    if words.len() > MOST_ACCEPTED {
        checks.refuse("/accepts", format!("must have at most {MOST_ACCEPTED} words"));
        return vec![];
    }
    words.into_iter().enumerate().filter_map(|(i, word)| checks.exact(&format!("/accepts/{i}"), word)).collect()
}

/// Reads the steps that the agent has tried, which a model wrote.
pub fn tried(tried: Option<ModelTexts<MOST_TRIED>>, checks: &mut Checks) -> Vec<Text<500>> {
    let ModelTexts { texts, is_cut, .. } = tried.unwrap_or_default();
    if is_cut {
        checks.warn("/tried", format!("only the first {MOST_TRIED} were taken"));
    }
    texts.into_iter().filter_map(|(i, text)| checks.model(&format!("/tried/{i}"), Some(text))).collect()
}

/// Reads an ask, whose kind is `default` where the request does not say.
pub fn ask(it: Option<AskRequest>, default: AskKind, checks: &mut Checks) -> Ask {
    let Some(it) = it else { return Ask::bare(default) };
    if let Some(schema) = &it.response_schema {
        checks.value("/ask/response_schema", schema);
    }
    let options = it.options.map(|options| {
        let options = options.into_iter().enumerate();
        options.filter_map(|(i, text)| checks.exact(&format!("/ask/options/{i}"), text)).collect()
    });
    let mut actions = it.actions.unwrap_or_default();
    if actions.len() > MOST_ACTIONS {
        checks.refuse("/ask/actions", format!("must have at most {MOST_ACTIONS} actions"));
        actions.truncate(MOST_ACTIONS);
    }
    let actions = actions.into_iter().enumerate();
    let actions =
        actions.filter_map(|(i, StrictObject(it))| action(it, &format!("/ask/actions/{i}"), checks)).collect();
    let ask = Ask {
        kind: it.kind.unwrap_or(default),
        prompt: checks.model("/ask/prompt", it.prompt),
        suggested_reply: checks.model("/ask/suggested_reply", it.suggested_reply),
        options,
        response_schema: it.response_schema.as_ref().map(JsonText::from),
        actions,
        form_since: 0,
        revision: 0,
    };
    for problem in ask.problems() {
        let pointer = format!("/ask{}", problem.pointer);
        // An action that cannot be read is not missing.
        if !checks.has_problem_at(&pointer) {
            checks.refuse(pointer, problem.detail);
        }
    }
    ask
}

fn action(it: ActionRequest, pointer: &str, checks: &mut Checks) -> Option<Action> {
    let arguments =
        arguments(it.arguments.as_deref().map_or("{}", RawValue::get), &format!("{pointer}/arguments"), checks);
    if let Some(schema) = &it.arguments_schema {
        checks.value(&format!("{pointer}/arguments_schema"), schema);
    }
    let id = checks.required(&format!("{pointer}/id"), it.id);
    let name = checks.required(&format!("{pointer}/name"), it.name);
    let allowed = it.allowed.unwrap_or_else(|| Verdict::DEFAULT.to_vec());
    Some(Action {
        id: id?,
        name: name?,
        arguments,
        arguments_schema: it.arguments_schema.as_ref().map(JsonText::from),
        allowed,
        faults: vec![],
        since: 0,
    })
}

/// Validates proposed arguments and keeps them as they were sent: an object, or the text of one, as models write it.
fn arguments(json: &str, pointer: &str, checks: &mut Checks) -> JsonText {
    let within = serde_json::from_str::<String>(json);
    let text = match within.as_deref() {
        Ok(text) if text.trim().is_empty() => "{}",
        Ok(text) => text,
        Err(_) => json,
    };
    let taken = match JsonText::parse(text) {
        Ok(taken) => taken,
        // Parsing also fails on a duplicate name, because different parsers would read different values.
        Err(error) => {
            let said = error.to_string();
            let known = json_words::broken_text(&said)
                .map(str::to_owned)
                .or_else(|| said.starts_with(&too_deep()).then(too_deep));
            let wanted = || "must be an object, or the JSON text of one, without a name twice".to_owned();
            checks.refuse(pointer, known.unwrap_or_else(wanted));
            return JsonText::default();
        }
    };
    match taken.value() {
        Value::Object(object) => drop(checks.object(pointer, object, MOST_BESIDE_MESSAGES)),
        _ if taken.json().has_number_beyond() => checks.refuse(pointer, "has a number beyond ±2^53: send it as text"),
        _ => checks.refuse(pointer, "must be an object"),
    }
    taken
}

/// Reads the facts of a conversation, and its messages if any of them can be read in the declared format.
fn read(it: ConversationRequest, checks: &mut Checks) -> (ConversationFacts, Result<Vec<Message>, FieldProblem>) {
    let raw = it.messages.unwrap_or_default();
    let form = match it.format {
        None | Some(TranscriptFormat::Native) => Ok(TranscriptReader::Native),
        Some(TranscriptFormat::OpenaiChat) => Ok(TranscriptReader::OpenaiChat),
        // An empty list of messages is valid in any format.
        Some(_) if raw.is_empty() => Ok(TranscriptReader::Native),
        Some(_) => Err("is not taken: set `native` or `openai.chat` and send the messages in that".to_owned()),
    };
    let transcript = form.and_then(|form| transcript::read(&raw, form, checks));
    let wrong = |detail: String| FieldProblem::new("/conversation/format", detail);
    let (sent, received) = (raw.len() as i64, transcript.as_ref().map_or(0, Vec::len) as i64);
    let total = it.total_messages.unwrap_or(sent);
    if !(0..=LARGEST_NUMBER as i64).contains(&total) {
        checks.refuse("/conversation/total_messages", "must be a count");
    } else if total < sent {
        checks.warn("/conversation/total_messages", format!("is less than the {sent} messages that came"));
    }
    let facts = ConversationFacts {
        id: checks.optional("/conversation/id", it.id),
        total_messages: total.max(sent),
        received_messages: received,
        customer: it.customer.map(|StrictObject(it)| customer(it, "/conversation/customer", checks)),
    };
    (facts, transcript.map_err(wrong))
}

/// Reads what is known of the customer, at a place in the request.
pub fn customer(it: CustomerRequest, pointer: &str, checks: &mut Checks) -> Customer {
    let at = |name: &str| format!("{pointer}/{name}");
    Customer {
        id: checks.known(&at("id"), it.id),
        name: checks.known(&at("name"), it.name),
        email: checks.known(&at("email"), it.email),
        locale: checks.known(&at("locale"), it.locale),
    }
}

/// Reads the facts and links for the operator.
pub fn context(items: Vec<StrictObject<ContextRequest>>, checks: &mut Checks) -> Vec<ContextItem> {
    let mut item = |(i, StrictObject(it)): (usize, StrictObject<ContextRequest>)| {
        let at = |name: &str| format!("/context/{i}/{name}");
        let url: Option<Text<2_000>> = checks.optional(&at("url"), it.url);
        // The URL becomes a link on the operator's screen.
        let is_link = |url: &Text<2_000>| {
            ["https://", "http://"]
                .iter()
                .any(|scheme| url.as_str().get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        };
        if url.as_ref().is_some_and(|url| !is_link(url)) {
            checks.refuse(at("url"), "must begin with https:// or http://");
        }
        let value = checks.optional(&at("value"), it.value);
        Some(ContextItem { label: checks.required(&at("label"), it.label)?, value, url })
    };
    items.into_iter().enumerate().filter_map(&mut item).collect()
}

fn within(it: &DeadlinesRequest, checks: &mut Checks) -> RequestedDeadlines {
    let range = SHORTEST.0 / 1_000..=LONGEST.0 / 1_000;
    let mut span = |name: &str, seconds: Option<i64>| {
        let seconds = seconds?;
        if !range.contains(&seconds) {
            checks.refuse(
                format!("/deadlines/{name}"),
                format!("must be from {} to {} seconds", range.start(), range.end()),
            );
            return None;
        }
        Some(Span::seconds(seconds))
    };
    RequestedDeadlines {
        claim: span("claim_within_seconds", it.claim_within_seconds),
        resolve: span("resolve_within_seconds", it.resolve_within_seconds),
        expire: span("expire_after_seconds", it.expire_after_seconds),
    }
}

fn resume(it: ResumeRequest, checks: &mut Checks) -> Resume {
    let state = it.state.and_then(|json| match serde_json::from_str::<String>(json.get()) {
        Ok(state) => Some(state),
        Err(error) => {
            let half = json_words::broken_text(&error.to_string());
            checks.refuse("/resume/state", half.unwrap_or("must be text"));
            None
        }
    });
    let texts = [
        ("tool_call_id", &it.tool_call_id, MOST_NAME),
        ("run_id", &it.run_id, MOST_NAME),
        ("state", &state, MOST_STATE),
    ];
    for (name, text, most) in texts {
        checks.opaque(&format!("/resume/{name}"), text.as_deref().unwrap_or_default(), most);
    }
    if it.tool_call_id.as_ref().is_some_and(|id| id.chars().count() > LONGEST_ID) {
        let detail = format!("has over {LONGEST_ID} characters, so lists do not find the escalation by it");
        checks.warn("/resume/tool_call_id", detail);
    }
    Resume { tool_call_id: it.tool_call_id, run_id: it.run_id, state }
}
