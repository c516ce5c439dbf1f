//! Random turns for property tests: anyone tries anything, at any time, including what is refused.

use std::convert::Infallible;

use proptest::{prelude::*, sample::select};
use serde_json::json;

use super::{AppendedKinds, Simulation, ada, ana, answered, billing_bot, decided, eve, grace, opening, queue, text};
use crate::domain::{
    actor::Actor,
    ask::{AskKind, Verdict},
    checked::Checked,
    claim::Fence,
    deadline::RequestedDeadlines,
    disposition::Disposition,
    event::TransferTarget,
    ids::EscalationId,
    message::{MessageRole, Receipt, ReceiptState},
    operator::Operator,
    outcome::{ClosingContext, Resolution},
    queue::Urgency,
    reason::ReasonCode,
    text::Tag,
    time::Span,
};

/// A verb that someone tries.
#[derive(Debug, Clone)]
pub enum Attempt {
    Open(AskKind, &'static str),
    Claim,
    Release,
    Accept,
    TransferTo(usize),
    TransferToQueue,
    TakeOver,
    Reply,
    Note,
    Resolve(Resolution),
    Say(MessageRole),
    Receipt(ReceiptState),
    /// Changes the summary and, if it is given, the prompt of the ask.
    Update(&'static str, Option<&'static str>),
    Cancel,
    Acknowledge,
    Deliver,
    FallDue,
    Mark(Option<Urgency>, Vec<Tag>),
    FollowUp,
}

/// The fence that an operator shows.
#[derive(Debug, Clone, Copy)]
pub enum ShownFence {
    /// The fence of the claim, if there is one.
    Present,
    Nothing,
    Stale,
}

/// A turn: who tries which verb, on which escalation, with which fence, and after how long.
#[derive(Debug, Clone)]
pub struct Turn {
    pub who: usize,
    pub which: usize,
    pub shown: ShownFence,
    pub verb: Attempt,
    pub wait: Span,
}

fn operators() -> [Operator; 4] {
    [ada(), ana(), grace(), eve()]
}

fn resolution() -> impl Strategy<Value = Resolution> {
    use Verdict::{Approve, Edit, Reject, Respond};
    let with_data = Resolution { data: Some(json!({"is": "left out"})), ..Resolution::bare(Disposition::Handled) };
    select(vec![
        with_data,
        Resolution::bare(Disposition::Referred),
        Resolution::bare(Disposition::Unanswered),
        Resolution::bare(Disposition::Approved),
        answered("It was a test charge."),
        decided(Approve, 300, Approve),
        decided(Edit, 200, Approve),
        decided(Reject, 300, Approve),
        decided(Approve, 300, Edit),
        decided(Respond, 300, Approve),
    ])
}

fn verb(chats: &'static [&'static str]) -> impl Strategy<Value = Attempt> {
    let kinds = vec![AskKind::Takeover, AskKind::Question, AskKind::Decision];
    prop_oneof![
        2 => (select(kinds), select(chats)).prop_map(|(kind, chat)| Attempt::Open(kind, chat)),
        5 => Just(Attempt::Claim),
        2 => Just(Attempt::Release),
        2 => Just(Attempt::Accept),
        2 => (0..3_usize).prop_map(Attempt::TransferTo),
        1 => Just(Attempt::TransferToQueue),
        3 => Just(Attempt::TakeOver),
        4 => Just(Attempt::Reply),
        1 => Just(Attempt::Note),
        4 => resolution().prop_map(Attempt::Resolve),
        4 => select(vec![MessageRole::Customer, MessageRole::Agent, MessageRole::System]).prop_map(Attempt::Say),
        2 => select(vec![ReceiptState::Shown, ReceiptState::Failed]).prop_map(Attempt::Receipt),
        2 => (select(vec!["She wants a refund.", "She wants a voucher."]), prop::option::of(select(vec!["May I?", "Or a voucher?"])))
            .prop_map(|(summary, prompt)| Attempt::Update(summary, prompt)),
        1 => Just(Attempt::Cancel),
        1 => Just(Attempt::Acknowledge),
        1 => Just(Attempt::Deliver),
        2 => Just(Attempt::FallDue),
        1 => (prop::option::of(select(Urgency::ALL.to_vec())), select(vec![vec![], vec![text("vip")]])).prop_map(|(urgency, tags)| Attempt::Mark(urgency, tags)),
        1 => Just(Attempt::FollowUp),
    ]
}

/// Generates a turn in one of these chats. Most turns come soon after the one before, some after 15 minutes or a day.
pub fn turn(chats: &'static [&'static str]) -> impl Strategy<Value = Turn> {
    let shown =
        prop_oneof![8 => Just(ShownFence::Present), 3 => Just(ShownFence::Nothing), 1 => Just(ShownFence::Stale)];
    let wait = prop_oneof![20 => (0..120_i64).prop_map(Span::seconds), 2 => Just(Span::minutes(15)), 1 => Just(Span::hours(24))];
    (0..12_usize, 0..12_usize, shown, verb(chats), wait).prop_map(|(who, which, shown, verb, wait)| {
        // Eve has the fewest turns, because a viewer's writes are refused.
        Turn { who: if who == 11 { 3 } else { who % 3 }, which, shown, verb, wait }
    })
}

impl Simulation {
    /// Opens three escalations of Dana's chat, which wait.
    pub fn with_three_open() -> Self {
        let mut stage = Self::new();
        for kind in [AskKind::Takeover, AskKind::Question, AskKind::Decision] {
            stage.open(kind);
        }
        stage
    }

    /// Plays one turn.
    pub fn play(&mut self, turn: Turn) -> AppendedKinds {
        self.later(turn.wait);
        let (now, by) = (self.now, operators()[turn.who].clone());
        let id: EscalationId = self.world.escalations[turn.which % self.world.escalations.len()].id;
        let fence = self.of(id).fence;
        let shown = match turn.shown {
            ShownFence::Present => self.of(id).holder().map(|claim| claim.fence),
            ShownFence::Nothing => None,
            ShownFence::Stale => Some(Fence(fence.0 - 1)),
        };
        let (must_show, actor) = (shown.unwrap_or(fence), Actor::Operator(by.who.clone()));
        match turn.verb {
            Attempt::Open(kind, chat) => {
                let within = RequestedDeadlines { expire: Some(Span::hours(30)), ..RequestedDeadlines::default() };
                self.urgency = Urgency::ALL[turn.which % 4];
                let mut opening = opening(kind, Some(chat));
                opening.reason.code = ReasonCode::ALL[turn.who];
                let begun = self.world.frames.len();
                self.open_as(opening, within);
                let appended = self.world.frames[begun..].iter();
                Ok(appended.map(|frame| frame.event.kind.event_type().as_str()).collect())
            }
            Attempt::Claim => self.claim(&by, id),
            Attempt::Release => self.act(id, actor, |it, _, _| it.release(&by, must_show, now)),
            Attempt::Accept => self.accept(&by, id),
            Attempt::TransferTo(whom) => {
                let to = TransferTarget::Operator(operators()[whom].who.clone());
                self.act(id, actor, |it, _, _| it.transfer(&by, shown, to, None, now))
            }
            Attempt::TransferToQueue => {
                let to = TransferTarget::Queue(queue("billing"));
                self.act(id, actor, |it, _, _| it.transfer(&by, shown, to, Some(text("For you")), now))
            }
            Attempt::TakeOver => self.act(id, actor, |it, on, _| it.take_over(&by, shown, on, now)),
            Attempt::Reply => {
                let new = self.message(MessageRole::Operator, "Hello Dana.", Some(&by));
                self.act(id, actor, |it, on, _| it.reply(&by, must_show, new, on, now))
            }
            Attempt::Note => self.note(&by, id),
            Attempt::Resolve(resolution) => {
                // Most operators have seen what the agent asks now.
                let ask_revision = if turn.which < 4 { 0 } else { self.of(id).opening.ask.revision };
                let resolution = Resolution { ask_revision, ..resolution };
                let checked = Checked::by(resolution, |_| Ok::<_, Infallible>(())).unwrap();
                self.act(id, actor, |it, conversation, said| {
                    it.resolve(&by, shown, &checked, &ClosingContext { conversation, said }, now)
                })
            }
            Attempt::Say(role) => self.say(id, role, "And now?"),
            Attempt::Receipt(state) => self.receipt(id, Receipt { state, detail: None }),
            Attempt::Update(summary, prompt) => self.update(id, summary, prompt),
            Attempt::Cancel => {
                let by = Actor::Agent(billing_bot());
                self.act(id, by.clone(), |it, conversation, said| {
                    it.cancel(text("No longer needed."), &by, &ClosingContext { conversation, said }, now)
                })
            }
            Attempt::Acknowledge => self.acknowledge(id),
            Attempt::Deliver => self.deliver(id),
            Attempt::FallDue => self.fall_due(id),
            Attempt::Mark(urgency, tags) => self.mark(&by, id, urgency, Some(tags)),
            Attempt::FollowUp => self.follow_up(&by, id),
        }
    }
}
