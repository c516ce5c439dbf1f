//! Tests of pages that follow events: a snapshot plus later events equals a fresh snapshot.

use proptest::{prelude::*, sample::select};

use super::{
    ask::AskKind,
    disposition::Disposition,
    event::{Event, EventKind},
    ids::{AgentId, EscalationId, OperatorId},
    inbox::{Counts, FilterField, Filters, Frame, Inbox, ListPage, Listing, Query, Row, View},
    message::{MessageRole, Receipt, ReceiptState},
    outcome::Resolution,
    seq::Seq,
    stage::{
        MORNING, SimulatedWorld, Simulation, ada, ana, answered, billing_bot, blocks_of, queue, text,
        turns::{Turn, turn},
    },
    thread::{EarlierEscalation, RenderedMessage, Thread, ThreadItem},
    time::Span,
};

/// The chats of the generated turns.
pub(crate) const CHATS: &[&str] = &["chat", "other"];

/// Returns a fresh list page with at most `most` rows.
pub(crate) fn inbox(world: &SimulatedWorld, query: Query, most: usize) -> Inbox {
    let every: Vec<Row> = world.escalations.iter().map(Row::from).collect();
    let mut counts = Counts::default();
    for row in &every {
        counts.add(row.shelf(), row.is_held_by(query.me), true, 1);
    }
    let mut rows: Vec<Row> = every.into_iter().filter(|row| query.matches(row)).collect();
    rows.sort_by_key(|row| query.key(row));
    let bound = if rows.len() > most { rows[..most].last().map(|row| query.key(row)) } else { None };
    rows.truncate(most);
    Inbox { query, seq: Seq(world.frames.len() as i64), rows, bound, counts, elsewhere: vec![] }
}

/// Returns a fresh thread page with the messages from position `from` on.
pub(crate) fn thread(world: &SimulatedWorld, id: EscalationId, from: i64) -> Thread {
    let escalation = world.escalations.iter().find(|it| it.id == id).unwrap().clone();
    let on = world.conversations.iter().find(|it| it.key == escalation.conversation).unwrap();
    let own = world.frames.iter().map(|frame| &frame.event).filter(|event| event.escalation_id == id);
    let beside = |kind: &EventKind| {
        use EventKind::{MessageCreated, MessageReceipt, Opened};
        !matches!(kind, Opened { .. } | MessageCreated { .. } | MessageReceipt { .. })
    };
    let earlier = world.earlier(&escalation.agent, &escalation.opening, escalation.opened_seq);
    let said = world.messages.iter().filter(|(of, message)| *of == id && message.position >= from);
    Thread {
        seq: Seq(world.frames.len() as i64),
        held_by: on.held_by,
        messages: said
            .map(|(_, it)| RenderedMessage { message: it.clone(), blocks: blocks_of(it), cuts: vec![] })
            .collect(),
        happenings: own
            .filter(|event| beside(&event.kind))
            .map(|event| Event { kind: event.kind.clone().in_history(), ..event.clone() })
            .collect(),
        earlier: earlier.into_iter().filter_map(EarlierEscalation::of).take(3).collect(),
        escalation,
    }
}

/// Returns whether a page that followed agrees with a fresh one: the counts, and the rows up to the older bound.
fn agrees(followed: &Inbox, world: &SimulatedWorld) -> bool {
    let mut fresh = inbox(world, followed.query, usize::MAX);
    fresh.rows.retain(|row| followed.bound.is_none_or(|bound| followed.query.key(row) <= bound));
    (followed.seq, &followed.rows, followed.counts) == (fresh.seq, &fresh.rows, fresh.counts)
}

pub(crate) fn query(listing: impl Into<Listing>, me: OperatorId) -> Query {
    Query { listing: listing.into(), me, as_of: MORNING + Span::minutes(20) }
}

/// Returns every list in every order with these filters.
fn queries(filters: Filters) -> impl Iterator<Item = Query> {
    let listings = View::ALL.into_iter().flat_map(|view| view.sorts().iter().map(move |sort| (view, *sort)));
    let listings = listings.map(move |(view, sort)| Listing { view, sort, filters });
    listings.flat_map(|listing| [ada(), ana()].map(|me| query(listing, me.who.id)))
}

/// Generates filters: most often one, sometimes none or two.
fn filters() -> impl Strategy<Value = Filters> {
    let one = select(vec![
        (FilterField::Reason, "user_requested".to_owned()),
        (FilterField::Reason, "knowledge_gap".to_owned()),
        (FilterField::Agent, billing_bot().id.to_string()),
        (FilterField::Agent, AgentId::new(uuid::Uuid::nil()).to_string()),
        (FilterField::Urgency, "low".to_owned()),
        (FilterField::Urgency, "normal".to_owned()),
        (FilterField::Kind, "takeover".to_owned()),
        (FilterField::Kind, "decision".to_owned()),
        (FilterField::Queue, queue("default").id.to_string()),
        (FilterField::Queue, queue("billing").id.to_string()),
        (FilterField::Holder, ada().who.id.to_string()),
        (FilterField::Holder, ana().who.id.to_string()),
        (FilterField::Age, "5m".to_owned()),
        (FilterField::Age, "15m".to_owned()),
        (FilterField::Age, "none".to_owned()),
    ]);
    let several = prop_oneof![1 => 0..1_usize, 4 => 1..2_usize, 1 => 2..3_usize];
    several.prop_flat_map(move |most| prop::collection::vec(one.clone(), most)).prop_map(|set| {
        let mut filters = Filters::default();
        set.iter().for_each(|(field, value)| filters.set(*field, value));
        filters
    })
}

/// Returns whether every page agrees with a fresh one after the frames are applied. List pages begin with at most
/// `most` rows, and threads with at most `most` messages.
fn all_agree(before: &SimulatedWorld, after: &SimulatedWorld, filters: Filters, most: usize, frames: &[Frame]) -> bool {
    let lists = queries(filters).all(|query| {
        let mut followed = inbox(before, query, most);
        frames.iter().for_each(|frame| {
            followed.apply(frame);
        });
        agrees(&followed, after)
    });
    let threads = before.escalations.iter().all(|it| {
        let from = (it.messages - most as i64).max(0);
        let mut followed = thread(before, it.id, from);
        frames.iter().for_each(|frame| followed.apply(frame));
        followed == thread(after, it.id, from)
    });
    lists && threads
}

/// Returns the world before and after the later turns.
pub(crate) fn told(turns: Vec<Turn>, later: Vec<Turn>) -> (SimulatedWorld, SimulatedWorld) {
    let mut stage = Simulation::with_three_open();
    turns.into_iter().for_each(|turn| drop(stage.play(turn)));
    let before = stage.world.clone();
    later.into_iter().for_each(|turn| drop(stage.play(turn)));
    (before, stage.world)
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    prop::collection::vec(turn(CHATS), 0..50)
}

proptest! {
    #[test]
    fn a_page_that_follows_shows_what_a_fresh_one_does(
        turns in turns(), later in turns(), filters in filters(), most in 1..6_usize,
    ) {
        let (before, after) = told(turns, later);
        let new = &after.frames[before.frames.len()..];
        prop_assert!(all_agree(&before, &after, filters, most, new));
        prop_assert!(all_agree(&before, &after, filters, usize::MAX >> 1, new), "also without a bound");
        prop_assert!(all_agree(&before, &after, filters, most, &after.frames), "what it has seen changes nothing");
        let twice: Vec<Frame> = new.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect();
        prop_assert!(all_agree(&before, &after, filters, most, &twice), "nor does what it hears twice");
    }

    #[test]
    fn the_next_page_carries_on_where_the_last_one_ended(turns in turns(), filters in filters(), most in 1..4_usize) {
        let world = told(turns, vec![]).0;
        for query in queries(filters) {
            let (whole, more) = (inbox(&world, query, usize::MAX), inbox(&world, query, 2 * most));
            let mut followed = inbox(&world, query, most);
            if followed.bound.is_some() {
                let page = ListPage { seq: more.seq, rows: whole.rows[most..more.rows.len()].to_vec(), bound: more.bound };
                let older = ListPage { seq: Seq(more.seq.0 - 1), ..page.clone() };
                prop_assert!(!followed.extend(older), "a page of an earlier moment is not taken");
                prop_assert!(followed.extend(page));
            }
            prop_assert_eq!(followed, more);
        }
    }

    #[test]
    fn earlier_messages_come_before_what_is_there(turns in turns(), most in 0..5_i64) {
        let world = told(turns, vec![]).0;
        for it in &world.escalations {
            let whole = thread(&world, it.id, 0);
            let mut late = thread(&world, it.id, it.messages - most);
            prop_assert_eq!(late.has_earlier(), most > 0 && it.messages > most);
            late.prepend(whole.messages.clone());
            prop_assert!(!late.has_earlier());
            prop_assert_eq!(late, whole);
        }
    }

    #[test]
    fn a_frame_survives_the_journey_through_json(turns in turns()) {
        for frame in told(turns, vec![]).0.frames {
            let text = serde_json::to_string(&frame).unwrap();
            prop_assert_eq!(serde_json::from_str::<Frame>(&text).unwrap(), frame);
        }
    }
}

/// Returns the world before and after a story in which every event matters to some page.
pub(crate) fn eventful() -> (SimulatedWorld, SimulatedWorld) {
    let mut stage = Simulation::with_three_open();
    let ids: Vec<EscalationId> = stage.world.escalations.iter().map(|it| it.id).collect();
    let before = stage.world.clone();
    stage.at(1).claim(&ada(), ids[0]).unwrap();
    stage.reply(&ada(), ids[0], "Hello Dana.").unwrap();
    stage.receipt(ids[0], Receipt { state: ReceiptState::Shown, detail: None }).unwrap();
    stage.say(ids[0], MessageRole::Customer, "Hello.").unwrap();
    stage.note(&ana(), ids[0]).unwrap();
    stage.release(&ada(), ids[0]).unwrap();
    stage.take_over(&ana(), ids[1]).unwrap();
    stage.resolve(&ana(), ids[1], Resolution::bare(Disposition::Handled)).unwrap();
    stage.deliver(ids[1]).unwrap();
    stage.acknowledge(ids[1]).unwrap();
    stage.update(ids[2], "She wants a voucher.", Some("May I?")).unwrap();
    stage.cancel(ids[2]).unwrap();
    let last = stage.open(AskKind::Question);
    stage.later(Span::minutes(30)).fall_due(ids[0]).unwrap();
    stage.follow_up(&ana(), ids[0]).unwrap();
    stage.mark(&ana(), ids[0], None, Some(vec![text("vip")])).unwrap();
    stage.later(Span::seconds(1)).resolve(&ana(), last, answered("It was a test charge.")).unwrap();
    stage.later(Span::minutes(1)).fall_due(last).unwrap();
    (before, stage.world)
}

#[test]
fn an_earlier_page_of_an_earlier_moment_catches_up_with_its_receipts() {
    let mut stage = Simulation::with_three_open();
    let id = stage.world.escalations[0].id;
    stage.claim(&ada(), id).unwrap();
    stage.reply(&ada(), id, "Hello Dana.").unwrap();
    let asked = thread(&stage.world, id, 0);
    let mut page = thread(&stage.world, id, 3);
    for state in [ReceiptState::Failed, ReceiptState::Shown] {
        stage.receipt(id, Receipt { state, detail: None }).unwrap();
        page.apply(stage.world.frames.last().unwrap());
    }
    page.prepend(asked.messages);
    assert_ne!(page, thread(&stage.world, id, 0));
    stage.world.frames.iter().for_each(|frame| page.receive(&frame.event.kind));
    assert_eq!(page, thread(&stage.world, id, 0));
}

/// Checks that the comparison above notices a missing event.
#[test]
fn a_page_that_missed_any_event_is_found_out() {
    let (before, after) = eventful();
    let new = &after.frames[before.frames.len()..];
    let all = Filters::default();
    assert!(all_agree(&before, &after, all, 2, new));
    for missed in 0..new.len() {
        let mut heard = new.to_vec();
        let missed = heard.remove(missed);
        assert!(
            !all_agree(&before, &after, all, 2, &heard),
            "nobody missed {}",
            missed.event.kind.event_type().as_str()
        );
    }
}

#[test]
fn a_thread_reads_transcript_hand_over_then_by_event() {
    let (_, after) = eventful();
    let page = thread(&after, after.escalations[0].id, 0);
    let read: Vec<String> = page
        .items()
        .iter()
        .map(|item| match item {
            ThreadItem::Message(shown) => shown.message.preview(),
            ThreadItem::Opened => "opened".to_owned(),
            ThreadItem::Happening(event) => event.kind.event_type().as_str().to_owned(),
        })
        .collect();
    assert_eq!(
        read,
        [
            "I was charged twice.",
            "I shall have a look.",
            "opened",
            "escalation.claimed",
            "Hello Dana.",
            "Hello.",
            "note.created",
            "escalation.released",
            "escalation.expired",
            "escalation.followed_up",
            "escalation.marked",
        ]
    );
}
