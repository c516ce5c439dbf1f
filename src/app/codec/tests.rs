//! Tests that the browser reads every type that crosses to it, as the server wrote it.

use std::{collections::BTreeSet, fmt::Debug};

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Number, json};
use uuid::Uuid;

use super::*;
use crate::{
    app::{
        actions::Bootstrap,
        parts::{
            filled::FormValues,
            resolution::{CardDraft, ResolutionDraft},
        },
        problem::CallError,
    },
    domain::{
        ask::{AskKind, Verdict},
        claim::Claim,
        disposition::Disposition,
        draft::{Draft, DraftMode},
        event::EventType,
        field_problem::FieldProblem,
        follow_tests::{CHATS, eventful, inbox, query, thread, told},
        ids::{EscalationId, MessageId},
        inbox::{FilterChoice, FilterChoices, Frame, Inbox, ListPage, View},
        message::{Author, Message, MessageRole, Receipt, ReceiptState, ToolCall, ToolResult},
        message_part::{MessagePart, TruncatedPart},
        operator::{KeyPreferences, Operator, Role},
        presence::{AgentContact, Colleague, Hint, Presence, TransferChoices, Viewer},
        refusal::Refusal,
        rich::{Block, Inline, ListItem},
        seq::Seq,
        stage::{MORNING, SimulatedWorld, ada, ana, billing_bot, eve, grace, queue, text, turns::turn},
        thread::{RenderedMessage, Thread},
        transcript::outcome::ToolOutcome,
    },
};

/// Lists a value of every variant of an enum. It does not compile when a variant is missing.
macro_rules! every {
    ($($variant:pat => $value:expr,)+) => {{
        let values = vec![$($value),+];
        for value in &values {
            match value {
                $($variant => {})+
            }
        }
        values
    }};
}

/// Checks that the browser reads what the server writes, and that the server reads what the browser writes.
fn crosses<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let written = serde_json::to_vec(value).unwrap();
    let in_browser = read::<T>(&written).unwrap_or_else(|_| panic!("{value:?} is not read"));
    assert_eq!(in_browser, *value);
    let written_back = serde_json::to_vec(&in_browser).unwrap();
    assert_eq!(serde_json::from_slice::<T>(&written_back).unwrap(), *value);
}

fn escalation() -> EscalationId {
    EscalationId::new(Uuid::from_u128(7))
}

fn hints() -> Vec<Hint> {
    let (agent, escalation, at) = (billing_bot().id, escalation(), MORNING);
    let heard = AgentContact { at, reached: Seq(3) };
    let viewer = Viewer { operator: ada().who, at, typing: true };
    let mut all = every! {
        Hint::Heard { .. } => Hint::Heard { agent, escalation: Some(escalation), heard },
        Hint::Seen { .. } => Hint::Seen { operator: ada().who.id, at },
        Hint::Viewing { .. } => Hint::Viewing { agent, escalation, viewer },
        Hint::CustomerTyping { .. } => Hint::CustomerTyping { escalation, at },
    };
    all.push(Hint::Heard { agent, escalation: None, heard });
    all
}

fn refusals() -> Vec<Refusal> {
    let (open, by, at) = (escalation(), ada().who, MORNING);
    every! {
        Refusal::HumanInControl => Refusal::HumanInControl,
        Refusal::AgentInControl => Refusal::AgentInControl,
        Refusal::AlreadyClosed => Refusal::AlreadyClosed,
        Refusal::NotClosed => Refusal::NotClosed,
        Refusal::AlreadyClaimed { .. } => Refusal::AlreadyClaimed { by: by.clone(), at },
        Refusal::NotClaimed => Refusal::NotClaimed,
        Refusal::ClaimedByAnother { .. } => Refusal::ClaimedByAnother { by },
        Refusal::NotAMember { .. } => Refusal::NotAMember { queue: queue("billing").name },
        Refusal::StaleFence => Refusal::StaleFence,
        Refusal::ConversationHeld { .. } => Refusal::ConversationHeld { by: open },
        Refusal::NotDue => Refusal::NotDue,
        Refusal::NotExpired => Refusal::NotExpired,
        Refusal::AlreadyATakeover => Refusal::AlreadyATakeover,
        Refusal::NoCustomer => Refusal::NoCustomer,
        Refusal::InvalidFields { .. } => Refusal::InvalidFields { problems: vec![FieldProblem::new("/a", "is wrong")] },
        Refusal::AskChanged => Refusal::AskChanged,
        Refusal::NotCheckedInTime => Refusal::NotCheckedInTime,
        Refusal::IdempotencyKeyReused => Refusal::IdempotencyKeyReused,
        Refusal::NotFound => Refusal::NotFound,
        Refusal::IsTest => Refusal::IsTest,
        Refusal::TooManyOpen => Refusal::TooManyOpen,
        Refusal::Forbidden { .. } => Refusal::Forbidden { need: Role::Supervisor },
    }
}

fn call_errors() -> Vec<CallError> {
    every! {
        CallError::SignedOut => CallError::SignedOut,
        CallError::Forbidden { .. } => CallError::Forbidden { need: Role::Admin },
        CallError::NotFound => CallError::NotFound,
        CallError::Fault { .. } => CallError::Fault { request_id: "req_1".into() },
        CallError::Unavailable => CallError::Unavailable,
        CallError::Bad(_) => CallError::Bad("Reload the page.".into()),
    }
}

fn blocks() -> Vec<Block> {
    let words = || vec![Inline::Text("a".into())];
    let inlines = every! {
        Inline::Text(_) => Inline::Text("é \u{1F600} \"".into()),
        Inline::Strong(_) => Inline::Strong(words()),
        Inline::Emphasis(_) => Inline::Emphasis(words()),
        Inline::Strike(_) => Inline::Strike(words()),
        Inline::Code(_) => Inline::Code("let a;".into()),
        Inline::Link { .. } => Inline::Link { url: "https://a.example/".into(), host: "a.example".into(), content: words() },
        Inline::Break => Inline::Break,
    };
    let item = ListItem { number: "3.".into(), blocks: vec![Block::Code("x".into())] };
    every! {
        Block::Paragraph(_) => Block::Paragraph(inlines.clone()),
        Block::Heading(_) => Block::Heading(words()),
        Block::List(_) => Block::List(vec![item.clone()]),
        Block::Quote(_) => Block::Quote(vec![Block::Paragraph(inlines)]),
        Block::Code(_) => Block::Code("{}".into()),
        Block::Table { .. } => Block::Table { head: vec![words()], rows: vec![vec![words()]] },
    }
}

/// Returns a message with every field, and every part of it truncated.
fn rendered_message() -> RenderedMessage {
    let parts = every! {
        MessagePart::Text => MessagePart::Text,
        MessagePart::Raw => MessagePart::Raw,
        MessagePart::Reasoning => MessagePart::Reasoning,
        MessagePart::Arguments => MessagePart::Arguments,
        MessagePart::Result => MessagePart::Result,
        MessagePart::Calls => MessagePart::Calls,
    };
    let outcomes = every! {
        ToolOutcome::Failed => ToolOutcome::Failed,
        ToolOutcome::Succeeded => ToolOutcome::Succeeded,
        ToolOutcome::Unknown => ToolOutcome::Unknown,
    };
    let outcomes = outcomes.into_iter().map(Some).chain([None]).cycle();
    let cuts = parts.into_iter().zip(outcomes);
    let cuts = cuts.map(|(part, outcome)| TruncatedPart { position: 4, part, index: 1, length: 70_000, outcome });
    let message = Message {
        seq: Some(Seq(9)),
        client_message_id: Some(text("msg-1")),
        text: Some("**Hello**".into()),
        at: Some(MORNING),
        author: Some(Author::from(&ada().who)),
        tool_calls: vec![ToolCall {
            id: Some("call_1".into()),
            name: "refund".into(),
            arguments: json!({"amount": 10.5}),
        }],
        tool_result: Some(ToolResult { call_id: Some("call_1".into()), ..ToolResult::of_text("done".into()) }),
        unreadable: true,
        raw: Some(json!({"role": "odd", "n": [1, -2.5, null]})),
        receipt: Some(Receipt { state: ReceiptState::Failed, detail: Some(text("The socket was closed.")) }),
        ..Message::empty(MessageId::new(Uuid::from_u128(5)), 4, MessageRole::Operator)
    };
    RenderedMessage { message, blocks: blocks(), cuts: cuts.collect() }
}

fn presence() -> Presence {
    Presence {
        heard: Some(AgentContact { at: MORNING, reached: Seq(1) }),
        seen: vec![(ada().who.id, MORNING), (ana().who.id, MORNING)],
        viewers: vec![Viewer { operator: grace().who, at: MORNING, typing: false }],
        customer_typing: Some(MORNING),
    }
}

fn drafts() -> Vec<Draft> {
    let draft = |mode| Draft {
        escalation: escalation(),
        mode,
        client_message_id: text("draft-1"),
        text: "Dear Dana,\n".into(),
    };
    DraftMode::ALL.into_iter().map(draft).collect()
}

fn choices() -> FilterChoices {
    let of = |value: &str| vec![FilterChoice { value: value.into(), label: format!("{value} (label)") }];
    FilterChoices { agents: of("agt_1"), queues: of("que_1"), people: of("op_1") }
}

/// Checks all that a page receives of a world: every frame, each list with its next page, each thread, and the whole page.
fn world_crosses(world: &SimulatedWorld) {
    world.frames.iter().for_each(crosses::<Frame>);
    let lists: Vec<Inbox> = View::ALL.map(|view| inbox(world, query(view, ada().who.id), 2)).into();
    lists.iter().for_each(crosses::<Inbox>);
    for Inbox { seq, rows, bound, .. } in &lists {
        crosses(&ListPage { seq: *seq, rows: rows.clone(), bound: *bound });
    }
    for it in &world.escalations {
        let thread: Thread = thread(world, it.id, 0);
        crosses(&Some((thread.clone(), presence())));
        crosses(&Ok::<Option<Claim>, Refusal>(it.claim.clone()));
        crosses(&Bootstrap {
            me: grace(),
            keys: KeyPreferences { enter_sends: Some(true), shortcuts_off: true },
            away: true,
            now: MORNING,
            epoch: "e1~4".into(),
            inbox: lists[0].clone(),
            choices: choices(),
            thread: Some(thread),
            presence: presence(),
            drafts: drafts(),
            reads: vec![(it.id, Seq(2))],
            missing: false,
        });
    }
}

proptest! {
    #[test]
    fn pages_and_frames_of_any_world_are_read_as_they_were_written(
        turns in prop::collection::vec(turn(CHATS), 0..30),
    ) {
        world_crosses(&told(turns, vec![]).0);
    }
}

#[test]
fn every_type_of_event_crosses() {
    let mut crossed = BTreeSet::new();
    let mut run = |world: &SimulatedWorld| {
        world_crosses(world);
        crossed.extend(world.frames.iter().map(|frame| frame.event.kind.event_type()));
    };
    run(&eventful().1);
    // The generated turns, which are always the same ones, cause the events that the story leaves out.
    let mut runner = TestRunner::deterministic();
    for _ in 0..40 {
        let turns = prop::collection::vec(turn(CHATS), 50..60).new_tree(&mut runner).unwrap().current();
        run(&told(turns, vec![]).0);
    }
    assert_eq!(crossed, EventType::ALL.iter().copied().collect());
}

#[test]
fn everything_else_that_the_server_sends_is_read_as_it_was_written() {
    hints().iter().for_each(crosses);
    refusals().into_iter().for_each(|refusal| crosses(&Err::<Claim, Refusal>(refusal)));
    crosses(&Ok::<(), Refusal>(()));
    call_errors().iter().for_each(crosses);
    crosses(&vec![rendered_message()]);
    crosses(&Some("The whole text".to_owned()));
    crosses(&None::<String>);
    [ada(), grace(), eve()].iter().for_each(crosses::<Operator>);
    let colleague = Colleague { operator: ana().who, seen_at: None, away: true, holds: 3 };
    crosses(&TransferChoices { at: MORNING, colleagues: vec![colleague], queues: vec![queue("billing")] });
}

#[test]
fn a_draft_of_a_decision_is_read_as_it_was_written() {
    let filled = FormValues::from([("/amount".to_owned(), "10.50".to_owned())]);
    let cards = vec![CardDraft {
        id: "a1".into(),
        since: 2,
        verdict: Some(Verdict::Edit),
        filled: filled.clone(),
        comment: "Half.".into(),
    }];
    let chosen = Some(Disposition::Declined);
    crosses(&ResolutionDraft { chosen, cards, filled, note: "Not now.".into(), ..ResolutionDraft::default() });
    crosses(&drafts());
}

#[test]
fn values_of_agents_come_through_whole() {
    let value = json!({"a": [1, -2.5, null, true, "x", {"b": {}}], "big": 9_007_199_254_740_992_u64});
    assert_eq!(read::<Value>(value.to_string().as_bytes()).unwrap(), value);
    crosses(&Number::from_f64(0.1).unwrap());
}

#[test]
fn what_is_not_ours_is_an_error() {
    for json in ["", "5", "[]", "{}", "\"text\"", "{\"event\": 5}"] {
        assert!(read::<Frame>(json.as_bytes()).is_err(), "{json}");
    }
    let answer: Result<Result<(), AskKind>, ()> = read(br#"{"Ok": {"Err": "decision"}}"#).unwrap();
    assert_eq!(answer, Ok(Err(AskKind::Decision)));
}
