//! The verbs of operators: claim, release, accept, transfer, take over, reply, note, mark, follow up, resolve. Every
//! write of a holder carries the fence of the claim it was made under.

use super::{Escalation, FollowUp, Status, by_agent::NewMessage};
use crate::domain::{
    actor::Actor,
    ask::{AskKind, Verdict},
    checked::Checked,
    claim::{ACCEPTED_WITHIN, Claim, Fence, Offer},
    conversation::Conversation,
    disposition::Disposition,
    event::{EventKind, TransferTarget},
    operator::{Operator, Role},
    outcome::{ActionDecision, ClosingContext, ExecutedBy, Outcome, Resolution},
    queue::Urgency,
    refusal::Refusal,
    text::{NoteText, Tag},
    time::Timestamp,
};

/// The maximum number of tags of an escalation.
const MOST_TAGS: usize = 20;

impl Escalation {
    /// Refuses operators on a test, and Robot on anything else.
    pub fn must_be_answered_by(&self, by: &Operator) -> Result<(), Refusal> {
        let is_robot = by.who.id == Operator::robot_id();
        if self.agent.test == is_robot { Ok(()) } else { Err(Refusal::IsTest) }
    }

    /// Claims the escalation. Claiming an escalation that the operator already holds only accepts its transfer. The
    /// loser of a race learns who won.
    pub fn claim(&self, by: &Operator, conversation: &Conversation, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        by.role.at_least(Role::Operator)?;
        self.must_be_open()?;
        match &self.claim {
            Some(claim) if claim.operator.id == by.who.id => Ok(self.accept(by, now)),
            Some(claim) => Err(Refusal::AlreadyClaimed { by: claim.operator.clone(), at: claim.at }),
            None => {
                if self.opening.ask.kind == AskKind::Takeover {
                    self.must_not_be_held_elsewhere(conversation)?;
                }
                Ok(vec![self.claimed(by, now)])
            }
        }
    }

    /// Returns the escalation to its queue, where its wait starts anew.
    pub fn release(&self, by: &Operator, fence: Fence, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        self.must_be_held(by, fence)?;
        Ok(vec![EventKind::Released {
            at: self.moment(now),
            claim_by: self.deadlines.claim_by_from(now),
            returned: None,
        }])
    }

    /// Accepts a transfer, because its target opened the escalation. Changes nothing when there is nothing to accept.
    /// The other verbs of the target need no such event, because [`Escalation::apply`] infers the acceptance from the
    /// actor.
    pub fn accept(&self, by: &Operator, now: Timestamp) -> Vec<EventKind> {
        let offered = self.holder().is_some_and(|claim| claim.operator.id == by.who.id && claim.offer.is_some());
        offered.then_some(EventKind::Accepted { at: self.moment(now) }).into_iter().collect()
    }

    /// Transfers the escalation to a colleague or a queue. A supervisor may transfer any operator's claim (`fence`
    /// none). A colleague has [`ACCEPTED_WITHIN`] to accept it.
    pub fn transfer(
        &self,
        by: &Operator,
        fence: Option<Fence>,
        to: TransferTarget,
        note: Option<NoteText>,
        now: Timestamp,
    ) -> Result<Vec<EventKind>, Refusal> {
        match fence {
            Some(fence) => self.must_be_held(by, fence)?,
            None => {
                by.role.at_least(Role::Supervisor)?;
                self.must_be_open()?;
                self.claim.as_ref().ok_or(Refusal::NotClaimed)?;
            }
        }
        let fence = self.fence.next();
        let claim = match &to {
            TransferTarget::Operator(operator) => {
                let offer = Offer { by: by.who.clone(), until: now + ACCEPTED_WITHIN };
                // An operator who transfers the escalation to themselves has nothing to accept.
                let offer = Some(offer).filter(|_| operator.id != by.who.id);
                Some(Claim { operator: operator.clone(), fence, at: self.moment(now), offer })
            }
            TransferTarget::Queue(_) => None,
        };
        let claim_by = match claim {
            Some(_) => self.deadlines.claim_by,
            None => self.deadlines.claim_by_from(now),
        };
        Ok(vec![EventKind::Transferred { to, note, at: self.moment(now), claim, fence, claim_by }])
    }

    /// Starts *Take over instead*: the operator speaks to the customer of a question or a decision. Claims the
    /// escalation too, when it waits.
    pub fn take_over(
        &self,
        by: &Operator,
        fence: Option<Fence>,
        conversation: &Conversation,
        now: Timestamp,
    ) -> Result<Vec<EventKind>, Refusal> {
        let is_takeover = self.opening.ask.kind == AskKind::Takeover;
        if !self.has_customer() {
            return Err(Refusal::NoCustomer);
        }
        let claimed = match self.hold_or_claim(by, fence, now) {
            Err(Refusal::NotClaimed) if is_takeover => return Err(Refusal::AlreadyATakeover),
            held => held?,
        };
        if self.speaks_to_customer() {
            return Err(Refusal::AlreadyATakeover);
        }
        self.must_not_be_held_elsewhere(conversation)?;
        Ok(claimed.into_iter().chain([EventKind::TakenOver { at: self.moment(now) }]).collect())
    }

    /// Sends a message to the customer.
    pub fn reply(
        &self,
        by: &Operator,
        fence: Fence,
        new: NewMessage,
        conversation: &Conversation,
        now: Timestamp,
    ) -> Result<Vec<EventKind>, Refusal> {
        self.must_be_held(by, fence)?;
        if conversation.held_by != Some(self.id) {
            return Err(Refusal::AgentInControl);
        }
        Ok(vec![self.message_created(new, now)])
    }

    /// Adds a note among operators, also without a claim and after the end.
    pub fn note(&self, by: &Operator, text: NoteText) -> Result<Vec<EventKind>, Refusal> {
        by.role.at_least(Role::Operator)?;
        Ok(vec![EventKind::Noted { text }])
    }

    /// Sets the urgency while the escalation is open, or its tags at any time. A value that is not given stays, and the
    /// same values again change nothing.
    pub fn mark(
        &self,
        by: &Operator,
        urgency: Option<Urgency>,
        tags: Option<Vec<Tag>>,
    ) -> Result<Vec<EventKind>, Refusal> {
        by.role.at_least(Role::Operator)?;
        let urgency = urgency.filter(|urgency| *urgency != self.urgency);
        let tags = tags.filter(|tags| *tags != self.tags);
        if urgency.is_some() {
            self.must_be_open()?;
        }
        if tags.as_ref().is_some_and(|tags| tags.len() > MOST_TAGS) {
            return Err(Refusal::field("/tags", "There may be at most 20 tags."));
        }
        let changes = urgency.is_some() || tags.is_some();
        Ok(changes.then_some(EventKind::Marked { urgency, tags }).into_iter().collect())
    }

    /// Records that an operator took care of the escalation after it expired, or when nobody picked the outcome up. A
    /// second follow-up changes nothing.
    pub fn follow_up(&self, by: &Operator, note: Option<NoteText>, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        by.role.at_least(Role::Operator)?;
        if self.status != Status::Expired && !self.not_picked_up {
            return Err(Refusal::NotExpired);
        }
        Ok(match self.followed_up {
            Some(_) => vec![],
            None => {
                vec![EventKind::FollowedUp { follow_up: FollowUp { by: by.who.clone(), at: self.moment(now), note } }]
            }
        })
    }

    /// Resolves the escalation. Answering a question or deciding a decision claims it too, when it waits (`fence`
    /// none).
    ///
    /// The data was checked against the schema before. `meanwhile` holds the conversation and what was said since the
    /// open.
    pub fn resolve(
        &self,
        by: &Operator,
        fence: Option<Fence>,
        resolution: &Checked<Resolution>,
        meanwhile: &ClosingContext<'_>,
        now: Timestamp,
    ) -> Result<Vec<EventKind>, Refusal> {
        let claimed = self.hold_or_claim(by, fence, now)?;
        if resolution.get().ask_revision != self.opening.ask.revision {
            return Err(Refusal::AskChanged);
        }
        let resolution = self.settled(resolution.get().clone())?;
        let outcome =
            Outcome::new(resolution, Actor::Operator(by.who.clone()), self.moment(now), &self.ending(meanwhile));
        Ok(claimed.into_iter().chain([EventKind::Resolved { outcome }]).collect())
    }

    /// Returns the dispositions that an operator may choose now, the first preselected.
    pub fn offered(&self) -> Vec<Disposition> {
        let own = self.opening.ask.kind.offered();
        match self.taken_over {
            false => own.to_vec(),
            true => {
                let takeover = AskKind::Takeover.offered();
                takeover.iter().chain(own.iter().filter(|it| !takeover.contains(it))).copied().collect()
            }
        }
    }

    fn claimed(&self, by: &Operator, now: Timestamp) -> EventKind {
        EventKind::Claimed {
            claim: Claim { operator: by.who.clone(), fence: self.fence.next(), at: self.moment(now), offer: None },
        }
    }

    /// Checks that the operator holds the escalation under `fence`. Without a fence, returns the claim that comes first
    /// when a question or a decision waits.
    fn hold_or_claim(&self, by: &Operator, fence: Option<Fence>, now: Timestamp) -> Result<Option<EventKind>, Refusal> {
        by.role.at_least(Role::Operator)?;
        match (fence, &self.claim) {
            (Some(fence), _) => self.must_be_held(by, fence).map(|()| None),
            // The operator claimed it in another tab, and this tab has not seen the claim yet.
            (None, Some(claim)) if self.status.is_open() && claim.operator.id == by.who.id => Err(Refusal::StaleFence),
            (None, Some(claim)) => {
                self.must_be_open()?;
                Err(Refusal::AlreadyClaimed { by: claim.operator.clone(), at: claim.at })
            }
            (None, None) => {
                self.must_be_open()?;
                match self.opening.ask.kind {
                    AskKind::Takeover => Err(Refusal::NotClaimed),
                    AskKind::Question | AskKind::Decision => Ok(Some(self.claimed(by, now))),
                }
            }
        }
    }

    fn must_be_held(&self, by: &Operator, fence: Fence) -> Result<(), Refusal> {
        by.role.at_least(Role::Operator)?;
        self.must_be_open()?;
        let claim = self.claim.as_ref().ok_or(Refusal::NotClaimed)?;
        if claim.operator.id != by.who.id {
            return Err(Refusal::ClaimedByAnother { by: claim.operator.clone() });
        }
        if claim.fence != fence {
            return Err(Refusal::StaleFence);
        }
        Ok(())
    }

    fn must_not_be_held_elsewhere(&self, conversation: &Conversation) -> Result<(), Refusal> {
        match conversation.held_by {
            Some(by) if by != self.id => Err(Refusal::ConversationHeld { by }),
            _ => Ok(()),
        }
    }

    /// Checks a resolution against the ask: which disposition may be chosen, which fields are needed, and which
    /// disposition follows from the cards.
    fn settled(&self, mut resolution: Resolution) -> Result<Resolution, Refusal> {
        let ask = &self.opening.ask;
        if ask.kind == AskKind::Decision && !resolution.actions.is_empty() {
            resolution.disposition = self.decided(&resolution.actions)?;
        } else if !self.offered().contains(&resolution.disposition) {
            return Err(Refusal::field("/disposition", "is not offered for this escalation"));
        } else if !resolution.actions.is_empty() {
            return Err(Refusal::field("/actions", "only a decision has actions"));
        }
        if ask.response_schema.is_none() || !resolution.disposition.carries_data() {
            resolution.data = None;
        }
        if resolution.disposition != Disposition::Answered {
            resolution.answer = None;
            return Ok(resolution);
        }
        let is_option = |answer: &NoteText| ask.options.iter().flatten().any(|it| it.as_str() == answer.as_str());
        match &resolution.answer {
            Some(answer) if ask.options.is_some() && !is_option(answer) => {
                Err(Refusal::field("/answer", "must be one of the options"))
            }
            None if ask.response_schema.is_none() => Err(Refusal::field("/answer", "an answer is needed")),
            _ => Ok(resolution),
        }
    }

    /// Returns the disposition that follows from the cards.
    fn decided(&self, decisions: &[ActionDecision]) -> Result<Disposition, Refusal> {
        let actions = &self.opening.ask.actions;
        let fits = decisions.len() == actions.len()
            && actions.iter().zip(decisions).all(|(action, decision)| action.id == decision.id);
        if !fits {
            return Err(Refusal::field("/actions", "each proposed action must be decided once, in order"));
        }
        for (i, (action, decision)) in actions.iter().zip(decisions).enumerate() {
            if !action.allowed.contains(&decision.decision) {
                return Err(Refusal::field(format!("/actions/{i}/decision"), "the agent does not allow this"));
            }
            if !decision.decision.is_go_ahead() && decision.executed_by == ExecutedBy::Operator {
                return Err(Refusal::field(
                    format!("/actions/{i}/executed_by"),
                    "only an approved action is carried out",
                ));
            }
            let needs = match decision.decision {
                Verdict::Reject => Some("A rejection needs a reason."),
                Verdict::Respond => Some("An answer needs a text."),
                Verdict::Approve | Verdict::Edit => None,
            };
            if let (Some(needs), None) = (needs, &decision.comment) {
                return Err(Refusal::field(format!("/actions/{i}/comment"), needs));
            }
            let edited = decision.arguments != action.arguments;
            if edited && decision.decision != Verdict::Edit {
                return Err(Refusal::field(format!("/actions/{i}/arguments"), "only an edit changes arguments"));
            }
        }
        Ok(Verdict::disposition(decisions.iter().map(|decision| decision.decision)))
    }
}
