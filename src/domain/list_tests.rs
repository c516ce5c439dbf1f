//! Tests of lists: which rows they show, in what order, and for how long.

use super::{
    ask::AskKind,
    deadline::RequestedDeadlines,
    disposition::Disposition,
    follow_tests::{eventful, inbox, query, thread},
    ids::EscalationId,
    inbox::{Listing, SortOrder, View},
    message::MessageRole,
    operator::Role,
    outcome::Resolution,
    queue::Urgency,
    refusal::Refusal,
    seq::Seq,
    stage::{MORNING, Simulation, ada, ana, answered, eve, opening, text},
    text::Tag,
    time::Span,
};

#[test]
fn open_ones_wait_longest_first_and_closed_ones_ended_last_first() {
    let (_, after) = eventful();
    let ids: Vec<EscalationId> = after.escalations.iter().map(|it| it.id).collect();
    let shown = |view: View, me| -> Vec<EscalationId> {
        inbox(&after, query(view, me), usize::MAX).rows.iter().map(|row| row.id).collect()
    };
    assert_eq!(shown(View::Closed, ada().who.id)[..2], [ids[3], ids[0]], "the last to end");
    assert_eq!(shown(View::Missed, ada().who.id), [], "it was followed up");
    assert_eq!((shown(View::Queue, ada().who.id), shown(View::Mine, ada().who.id)), (vec![], vec![]));
    assert_eq!(shown(View::Mine, ana().who.id), [ids[3]], "nobody has picked it up");

    let three = Simulation::with_three_open().world;
    let fresh = inbox(&three, query(View::Queue, ada().who.id), usize::MAX);
    assert_eq!(fresh.rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids[..3]);
}

#[test]
fn mine_is_what_i_hold_and_a_colleagues_is_not() {
    let mut stage = Simulation::with_three_open();
    let id = stage.world.escalations[0].id;
    stage.claim(&ada(), id).unwrap();
    let of = |me| inbox(&stage.world, query(View::Mine, me), usize::MAX);
    let (hers, theirs) = (of(ada().who.id), of(ana().who.id));
    assert_eq!((hers.rows.len(), hers.counts.of(View::Mine)), (1, Some(1)));
    assert_eq!((theirs.rows.len(), theirs.counts.of(View::Mine)), (0, Some(0)));
    assert_eq!((theirs.counts.of(View::Queue), theirs.counts.of(View::All)), (Some(2), Some(3)));
    assert_eq!(theirs.counts.of(View::Closed), None);
}

#[test]
fn each_order_puts_first_what_it_says() {
    let mut stage = Simulation::with_three_open();
    let ids: Vec<EscalationId> = stage.world.escalations.iter().map(|it| it.id).collect();
    stage.urgency = Urgency::Urgent;
    let urgent = stage.at(1).open(AskKind::Question);
    // Ada has answered the first escalation, so nobody waits for a human there.
    stage.at(2).claim(&ada(), ids[0]).unwrap();
    stage.reply(&ada(), ids[0], "Hello Dana.").unwrap();
    let first = |stage: &Simulation, sort| -> Vec<EscalationId> {
        let listing = Listing { sort, ..Listing::from(View::All) };
        inbox(&stage.world, query(listing, ada().who.id), usize::MAX).rows.iter().map(|row| row.id).collect()
    };
    assert_eq!(first(&stage, SortOrder::Waiting), [ids[1], ids[2], urgent, ids[0]], "who waits for nothing comes last");
    assert_eq!(first(&stage, SortOrder::Urgency), [urgent, ids[0], ids[1], ids[2]]);
    assert_eq!(first(&stage, SortOrder::Newest), [urgent, ids[0], ids[1], ids[2]]);
    assert_eq!(first(&stage, SortOrder::Deadline)[3], ids[0], "a claimed takeover has no deadline");
    stage.at(3).say(ids[0], MessageRole::Customer, "Hello?").unwrap();
    stage.at(4).say(ids[0], MessageRole::Customer, "Are you there?").unwrap();
    assert_eq!(stage.of(ids[0]).waits_since(), Some(MORNING + Span::minutes(3)), "a reply is owed since the first");
    assert_eq!(first(&stage, SortOrder::Waiting), [ids[1], ids[2], urgent, ids[0]]);
    stage.release(&ada(), ids[0]).unwrap();
    assert_eq!(first(&stage, SortOrder::Waiting), [ids[0], ids[1], ids[2], urgent], "it waits for a human again");
}

#[test]
fn missed_is_what_nobody_has_followed_up() {
    let mut stage = Simulation::with_three_open();
    let id = stage.world.escalations[0].id;
    assert_eq!(stage.follow_up(&ada(), id), Err(Refusal::NotExpired));
    stage.later(Span::minutes(30)).fall_due(id).unwrap();
    let of = |stage: &Simulation, view: View| {
        let list = inbox(&stage.world, query(view, ada().who.id), usize::MAX);
        (list.rows.len(), list.counts.of(View::Missed))
    };
    assert_eq!((of(&stage, View::Missed), of(&stage, View::Closed)), ((1, Some(1)), (1, Some(1))));
    assert_eq!(stage.follow_up(&eve(), id), Err(Refusal::Forbidden { need: Role::Operator }));
    assert_eq!(stage.follow_up(&ada(), id), Ok(vec!["escalation.followed_up"]));
    assert_eq!(stage.follow_up(&ana(), id), Ok(vec![]), "again changes nothing");
    assert_eq!(stage.of(id).followed_up.as_ref().map(|it| it.by.id), Some(ada().who.id));
    assert_eq!((of(&stage, View::Missed), of(&stage, View::Closed)), ((0, Some(0)), (1, Some(0))));
    assert_eq!(stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)), Err(Refusal::AlreadyClosed));
}

#[test]
fn what_nobody_picks_up_lies_on_the_desk_of_who_resolved_it() {
    let mut stage = Simulation::with_three_open();
    let ids: Vec<EscalationId> = stage.world.escalations.iter().map(|it| it.id).collect();
    let mine = |stage: &Simulation| {
        let list = inbox(&stage.world, query(View::Mine, ada().who.id), usize::MAX);
        (list.rows.len(), list.counts.of(View::Mine))
    };
    stage.resolve(&ada(), ids[1], answered("It was a test charge.")).unwrap();
    assert_eq!((stage.fall_due(ids[1]), mine(&stage)), (Err(Refusal::NotDue), (0, Some(0))), "it has a minute");
    assert_eq!(stage.later(Span::minutes(1)).fall_due(ids[1]), Ok(vec!["escalation.not_picked_up"]));
    assert_eq!((stage.fall_due(ids[1]), mine(&stage)), (Err(Refusal::NotDue), (1, Some(1))), "it is said once");
    stage.deliver(ids[1]).unwrap();
    assert_eq!(mine(&stage), (0, Some(0)), "the agent took it after all");

    // The agent is expected to acknowledge the outcomes of escalations that it opens after its first acknowledgement.
    stage.acknowledge(ids[1]).unwrap();
    let next = stage.open(AskKind::Question);
    assert!(!stage.of(ids[2]).acknowledges && stage.of(next).acknowledges);
    stage.resolve(&ada(), next, answered("It was a test charge.")).unwrap();
    stage.deliver(next).unwrap();
    assert_eq!(stage.later(Span::minutes(1)).fall_due(next), Ok(vec!["escalation.not_picked_up"]));
    assert_eq!(mine(&stage), (1, Some(1)));
    assert_eq!(stage.follow_up(&eve(), next), Err(Refusal::Forbidden { need: Role::Operator }));
    stage.follow_up(&ana(), next).unwrap();
    assert_eq!(mine(&stage), (0, Some(0)), "somebody took care of it");

    stage.cancel(ids[2]).unwrap();
    assert_eq!(stage.later(Span::minutes(1)).fall_due(ids[2]), Err(Refusal::NotDue), "the agent knows");
}

#[test]
fn urgency_is_set_while_it_is_open_and_tags_at_any_time() {
    let mut stage = Simulation::with_three_open();
    let id = stage.world.escalations[0].id;
    let tags = |names: &[&str]| Some(names.iter().map(|name| text(name)).collect::<Vec<Tag>>());
    assert_eq!(stage.mark(&eve(), id, Some(Urgency::High), None), Err(Refusal::Forbidden { need: Role::Operator }));
    assert_eq!(stage.mark(&ada(), id, Some(Urgency::Urgent), tags(&["vip"])), Ok(vec!["escalation.marked"]));
    assert_eq!((stage.of(id).urgency, stage.of(id).tags.len()), (Urgency::Urgent, 1));
    assert_eq!(stage.mark(&ana(), id, Some(Urgency::Urgent), tags(&["vip"])), Ok(vec![]), "again changes nothing");
    assert_eq!(stage.mark(&ana(), id, Some(Urgency::Low), None), Ok(vec!["escalation.marked"]));
    assert_eq!(stage.of(id).tags.len(), 1, "what is not given stays");
    let crowd: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    assert_eq!(stage.mark(&ada(), id, None, tags(&crowd)).map_err(|refusal| refusal.code()), Err("invalid_field"));
    stage.cancel(id).unwrap();
    assert_eq!(stage.mark(&ada(), id, Some(Urgency::High), None), Err(Refusal::AlreadyClosed));
    assert_eq!(stage.mark(&ada(), id, None, tags(&[])), Ok(vec!["escalation.marked"]));
}

#[test]
fn a_customer_who_comes_back_is_known() {
    let mut stage = Simulation::new();
    let first = stage.open(AskKind::Question);
    let beside = stage.open(AskKind::Takeover);
    assert!(!stage.of(first).earlier && !stage.of(beside).earlier, "what is still open is not earlier");
    stage.cancel(first).unwrap();
    stage.cancel(beside).unwrap();
    let again = stage.open(AskKind::Takeover);
    assert!(stage.of(again).earlier);
    let ended: Vec<EscalationId> = thread(&stage.world, again, 0).earlier.iter().map(|it| it.id).collect();
    assert_eq!(ended, [beside, first], "the last to end comes first");
    let stranger = stage.open_as(opening(AskKind::Takeover, Some("other")), RequestedDeadlines::default());
    assert!(!stage.of(stranger).earlier);
    let nobody = stage.open_as(opening(AskKind::Takeover, None), RequestedDeadlines::default());
    stage.cancel(nobody).unwrap();
    let nobody = stage.open_as(opening(AskKind::Takeover, None), RequestedDeadlines::default());
    assert!(!stage.of(nobody).earlier, "of whom nothing is known nothing is known again");
}

#[test]
fn only_what_customer_and_agent_say_is_there_to_be_read() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    let mut heard = vec![stage.of(id).said_seq];
    stage.claim(&ada(), id).unwrap();
    stage.reply(&ada(), id, "Hello Dana.").unwrap();
    stage.note(&ana(), id).unwrap();
    stage.say(id, MessageRole::System, "She called before.").unwrap();
    heard.push(stage.of(id).said_seq);
    stage.say(id, MessageRole::Customer, "Hello.").unwrap();
    heard.push(stage.of(id).said_seq);
    assert_eq!(heard, [Seq(1), Seq(1), Seq(6)]);
}
