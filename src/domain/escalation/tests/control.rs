//! Tests of control, which belongs to the conversation: who may speak, also with two escalations of one conversation.

use crate::domain::{
    ask::AskKind,
    conversation::Control,
    deadline::RequestedDeadlines,
    disposition::Disposition,
    escalation::Escalation,
    event::TransferTarget,
    ids::EscalationId,
    message::MessageRole,
    outcome::Resolution,
    queue::Urgency,
    refusal::Refusal,
    stage::{AppendedKinds, Simulation, ada, ana, answered, opening, queue},
};

fn takes(done: AppendedKinds) -> bool {
    done == Ok(vec!["message.created"])
}

#[test]
fn while_it_waits_the_agent_holds_the_line() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    for role in [MessageRole::Agent, MessageRole::Customer, MessageRole::System] {
        assert!(takes(stage.say(id, role, "I have asked a colleague.")), "{role:?}");
    }
}

#[test]
fn while_a_human_holds_it_the_agent_is_silent_and_customer_and_system_are_heard() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    let refusal = stage.say(id, MessageRole::Agent, "One moment.").unwrap_err();
    assert_eq!((&refusal, refusal.code()), (&Refusal::HumanInControl, "not_in_control"));
    assert!(takes(stage.say(id, MessageRole::Customer, "Are you there?")));
    assert!(takes(stage.say(id, MessageRole::System, "The customer opened the invoice.")));
    stage.release(&ada(), id).unwrap();
    assert!(takes(stage.say(id, MessageRole::Agent, "A colleague will come back to you.")));
}

#[test]
fn while_the_agent_is_in_control_no_operator_speaks_to_the_customer() {
    for kind in [AskKind::Question, AskKind::Decision] {
        let mut stage = Simulation::new();
        let id = stage.open(kind);
        stage.claim(&ada(), id).unwrap();
        let refusal = stage.reply(&ada(), id, "Hello Dana").unwrap_err();
        assert_eq!((&refusal, refusal.code()), (&Refusal::AgentInControl, "not_in_control"));
        assert!(takes(stage.say(id, MessageRole::Agent, "Still looking.")));
        stage.take_over(&ada(), id).unwrap();
        assert!(takes(stage.reply(&ada(), id, "Hello Dana")));
        assert_eq!(stage.say(id, MessageRole::Agent, "Still looking."), Err(Refusal::HumanInControl));
    }
}

#[test]
fn a_conversation_has_one_open_takeover_and_a_second_request_asks_for_it_again() {
    let mut stage = Simulation::new();
    let first = stage.open(AskKind::Takeover);
    let asks_again = |stage: &mut Simulation, urgency| {
        stage.urgency = urgency;
        let before = stage.of(first).clone();
        assert_eq!(stage.open(AskKind::Takeover), first);
        let after = stage.of(first);
        // Nothing but the urgency and the number of the newest event changes.
        let same = Escalation {
            asked_again: before.asked_again,
            seq: before.seq,
            latest_at: before.latest_at,
            urgency: before.urgency,
            ..after.clone()
        };
        assert_eq!(same, before);
        after.urgency
    };
    assert_eq!(asks_again(&mut stage, Urgency::Low), Urgency::Normal, "it does not sink");
    assert_eq!(asks_again(&mut stage, Urgency::High), Urgency::High);
    stage.claim(&ada(), first).unwrap();
    assert_eq!(asks_again(&mut stage, Urgency::Normal), Urgency::High);
    stage.mark(&ada(), first, Some(Urgency::Low), None).unwrap();
    assert_eq!(asks_again(&mut stage, Urgency::Urgent), Urgency::Low, "a person has set it");
    // A model that asks without end is heard, and no longer recorded.
    for _ in 0..60 {
        stage.open(AskKind::Takeover);
    }
    assert_eq!(stage.of(first).asked_again, 50);
    stage.open(AskKind::Question);
    stage.open(AskKind::Decision);
    stage.resolve(&ada(), first, Resolution::bare(Disposition::Handled)).unwrap();
    let second = stage.open(AskKind::Takeover);
    stage.cancel(second).unwrap();
    let third = stage.open(AskKind::Takeover);
    stage.at(60).fall_due(third).unwrap();
    stage.open(AskKind::Takeover);
}

#[test]
fn other_chats_and_background_work_are_conversations_of_their_own() {
    let mut stage = Simulation::new();
    let here = stage.open(AskKind::Takeover);
    let elsewhere = stage.open_as(opening(AskKind::Takeover, Some("other")), RequestedDeadlines::default());
    let nameless = stage.open_as(opening(AskKind::Takeover, None), RequestedDeadlines::default());
    let another = stage.open_as(opening(AskKind::Takeover, None), RequestedDeadlines::default());
    stage.claim(&ada(), here).unwrap();
    for id in [elsewhere, nameless, another] {
        assert_eq!(stage.control(id), Control::Agent);
        stage.claim(&ada(), id).unwrap();
    }
    assert_eq!(stage.world.conversations.len(), 4);
}

#[test]
fn a_question_beside_a_takeover() {
    let mut stage = Simulation::new();
    let (takeover, question) = (stage.open(AskKind::Takeover), stage.open(AskKind::Question));
    stage.claim(&ana(), question).unwrap();
    stage.claim(&ada(), takeover).unwrap();
    assert_eq!(stage.control(question), Control::Human, "control is the conversation's");
    assert_eq!(
        stage.say(question, MessageRole::Agent, "Hm"),
        Err(Refusal::HumanInControl),
        "on every escalation of it"
    );
    assert_eq!(stage.reply(&ana(), question, "Hello"), Err(Refusal::AgentInControl), "another one has the customer");
    assert_eq!(stage.take_over(&ana(), question), Err(Refusal::ConversationHeld { by: takeover }));
    stage.resolve(&ana(), question, answered("Yes")).unwrap();
    assert_eq!(stage.control(takeover), Control::Human, "its end does not end the takeover");
    stage.resolve(&ada(), takeover, Resolution::bare(Disposition::Handled)).unwrap();
    assert_eq!(stage.control(question), Control::Agent);
}

#[test]
fn a_takeover_waits_while_a_question_that_was_taken_over_holds_the_conversation() {
    let mut stage = Simulation::new();
    let (question, takeover) = (stage.open(AskKind::Question), stage.open(AskKind::Takeover));
    stage.take_over(&ana(), question).unwrap();
    let refusal = Refusal::ConversationHeld { by: question };
    assert_eq!((stage.claim(&ada(), takeover), refusal.code()), (Err(refusal.clone()), "conversation_held"));
    assert_eq!(stage.claim(&ana(), takeover), Err(refusal), "also for who holds both");
    let decision = stage.open(AskKind::Decision);
    stage.claim(&ada(), decision).unwrap();
    assert_eq!(stage.control(takeover), Control::Human);
    stage.release(&ana(), question).unwrap();
    assert_eq!(stage.control(takeover), Control::Agent);
    stage.claim(&ada(), takeover).unwrap();
    assert_eq!(stage.conversation(question).held_by, Some(takeover));
}

#[test]
fn whatever_ends_the_holders_claim_gives_control_back() {
    type End = fn(&mut Simulation, EscalationId) -> AppendedKinds;
    let ends: [End; 5] = [
        |stage, id| stage.release(&ada(), id),
        |stage, id| stage.transfer(&ada(), id, TransferTarget::Queue(queue("billing"))),
        |stage, id| stage.resolve(&ada(), id, Resolution::bare(Disposition::Abandoned)),
        |stage, id| stage.cancel(id),
        |stage, id| stage.at(24 * 60).fall_due(id),
    ];
    for end in ends {
        let mut stage = Simulation::new();
        let id = stage.open(AskKind::Question);
        stage.take_over(&ada(), id).unwrap();
        end(&mut stage, id).unwrap();
        assert_eq!(stage.control(id), Control::Agent);
        assert!(stage.of(id).stints.iter().all(|stint| stint.to == Some(stage.now)));
        assert_eq!(stage.world.frames.last().map(|frame| frame.event.control()), Some(Control::Agent));
    }
}
