//! Promise 4: a snapshot plus the events after it equals a fresh snapshot. Several operators and agents act at random,
//! on PostgreSQL at two servers, while lists and threads are read at random moments. Each snapshot, brought up to date
//! by the frames that browsers get, must equal a later one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bailout::{
    domain::{
        disposition::Disposition,
        escalation::Shelf,
        event::{EventType, TransferTarget},
        inbox::{Frame, Inbox, Listing, Query, Row, View},
        operator::Role,
        outcome::Resolution,
        queue::{QueueDefaults, Urgency},
        seq::Seq,
        text::NoteText,
        thread::Thread,
        time::Span,
    },
    server::{core::command::OperatorVerb, store::Dialect},
};
use macro_rules_attribute::apply;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    on_both,
    support::{
        Person, TestServer,
        actor::{Actor, Known},
        browser::Browser,
        chance::Chance,
        server::{Agent, id, soon},
        sse,
    },
};

const ACTORS: usize = 6;
const TURNS: usize = 120;
/// The number of escalations that are open at the start, so many that lists have a bound.
const OPEN: usize = 60;

/// The snapshots of each list and each thread, in the order of reading.
#[derive(Default)]
struct Album {
    inboxes: BTreeMap<String, Vec<Inbox>>,
    threads: BTreeMap<String, Vec<Thread>>,
}

impl Album {
    /// Reads at random moments, at one server or the other, until told to stop.
    async fn fill(mut self, at: Vec<Person>, known: Known, stop: CancellationToken, mut chance: Chance) -> Self {
        while !stop.is_cancelled() {
            let who = chance.one(&at).clone();
            let listing = Listing::from(*chance.one(&View::ALL));
            let query = Query { listing, me: who.operator.who.id, as_of: who.desk.clock().now() };
            self.read_inbox(&who, query).await;
            let it = {
                let known = known.lock().expect("ids");
                known[known.len() - 1 - chance.below(known.len().min(40))].clone()
            };
            self.read_thread(&who, &it).await;
            tokio::time::sleep(Duration::from_millis(chance.below(40) as u64)).await;
        }
        self
    }

    async fn read_inbox(&mut self, who: &Person, query: Query) {
        let inbox = who.desk.inbox(who.workspace, query).await.expect("a list");
        self.inboxes.entry(format!("{query:?}")).or_default().push(inbox);
    }

    async fn read_thread(&mut self, who: &Person, it: &str) {
        let thread = who.desk.thread(who.workspace, id(it)).await.expect("a thread").expect("one");
        self.threads.entry(it.to_owned()).or_default().push(thread);
    }

    fn merge(&mut self, other: Self) {
        other.inboxes.into_iter().for_each(|(query, all)| self.inboxes.entry(query).or_default().extend(all));
        other.threads.into_iter().for_each(|(id, all)| self.threads.entry(id).or_default().extend(all));
    }
}

/// Returns the rows of a list within the bounds of both lists.
fn common<'a>(inbox: &'a Inbox, other: &Inbox) -> Vec<&'a Row> {
    let within = |row: &&Row| {
        let key = inbox.query.key(row);
        inbox.bound.is_none_or(|bound| key <= bound) && other.bound.is_none_or(|bound| key <= bound)
    };
    inbox.rows.iter().filter(within).collect()
}

pub fn agree(followed: &Inbox, fresh: &Inbox) -> bool {
    (followed.seq, followed.counts) == (fresh.seq, fresh.counts) && common(followed, fresh) == common(fresh, followed)
}

/// Brings a list up to date. All frames are applied, also those that it has seen.
fn followed(inbox: &Inbox, frames: &[Frame], until: Seq, left_out: Option<Seq>) -> Inbox {
    let mut inbox = inbox.clone();
    let heard = frames.iter().take_while(|it| it.event.seq <= until).filter(|it| Some(it.event.seq) != left_out);
    for frame in heard {
        inbox.apply(frame);
    }
    inbox
}

/// Brings a thread up to date, in the same way.
fn thread_followed(thread: &Thread, frames: &[Frame], until: Seq, left_out: Option<Seq>) -> Thread {
    let mut thread = thread.clone();
    let heard = frames.iter().take_while(|it| it.event.seq <= until).filter(|it| Some(it.event.seq) != left_out);
    heard.for_each(|frame| thread.apply(frame));
    thread
}

/// Returns each two consecutive snapshots, and each snapshot with the last.
fn pairs<T>(all: &[T]) -> impl Iterator<Item = (&T, &T)> {
    let newest = &all[all.len() - 1];
    all.windows(2).map(|two| (&two[0], &two[1])).chain(all.iter().map(move |older| (older, newest)))
}

/// The number of times that each control failed as it must.
type Controls = BTreeMap<&'static str, usize>;

/// Compares the snapshots of one list, in the order of their seq, and returns the number of comparisons.
fn compare_lists(all: &[Inbox], frames: &[Frame], controls: &mut Controls) -> usize {
    for (older, fresh) in pairs(all) {
        let view = older.query.listing.view;
        assert!(
            agree(&followed(older, frames, fresh.seq, None), fresh),
            "{view:?} from {} to {}",
            older.seq,
            fresh.seq
        );
    }
    // The control: a list that misses a frame which moves an escalation to another list has wrong counts.
    let (first, newest) = (&all[0], &all[all.len() - 1]);
    let between = frames.iter().filter(|it| (first.seq.0 + 1..=newest.seq.0).contains(&it.event.seq.0));
    // An outcome that a colleague's agent has not picked up is on no other operator's list.
    let is_hers = |it: &Frame| it.row.claimed_by.as_ref().is_none_or(|by| by.id != first.query.me);
    for frame in between.filter(|it| {
        let (was, is) = (it.was.as_ref().map(|was| was.shelf), it.row.shelf());
        let unseen =
            matches!((was, is), (Some(Shelf::Resolved | Shelf::NotPickedUp), Shelf::Resolved | Shelf::NotPickedUp));
        // In queues that the operator does not serve, only the total of waiting escalations is counted.
        let elsewhere = was.is_some() && !first.serves(it.row.queue);
        was != Some(is) && !(unseen && is_hers(it)) && !elsewhere
    }) {
        let missed = followed(first, frames, newest.seq, Some(frame.event.seq));
        assert!(
            !agree(&missed, newest),
            "{:?} does not miss {}",
            first.query.listing.view,
            frame.event.kind.event_type().as_str()
        );
        *controls.entry("a list").or_default() += 1;
    }
    pairs(all).count()
}

/// Compares the snapshots of one thread, in the same way.
fn compare_threads(all: &[Thread], frames: &[Frame], controls: &mut Controls) -> usize {
    for (older, fresh) in pairs(all) {
        assert_eq!(&thread_followed(older, frames, fresh.seq, None), fresh);
    }
    // The control: a thread that misses one of its own frames is not right.
    let (first, newest) = (&all[0], &all[all.len() - 1]);
    let between = frames.iter().filter(|it| (first.seq.0 + 1..=newest.seq.0).contains(&it.event.seq.0));
    for frame in between.filter(|it| it.event.escalation_id == first.escalation.id) {
        let missed = thread_followed(first, frames, newest.seq, Some(frame.event.seq));
        assert_ne!(&missed, newest, "{} is not missed", frame.event.kind.event_type().as_str());
        *controls.entry(frame.event.kind.event_type().as_str()).or_default() += 1;
    }
    pairs(all).count()
}

/// Returns a fresh list, as far as an older one reaches.
async fn fresh_up_to(person: &Person, older: &Inbox) -> Inbox {
    'anew: loop {
        let mut inbox = person.desk.inbox(person.workspace, older.query).await.expect("a list");
        while let Some(bound) = inbox.bound.filter(|bound| older.bound.is_none_or(|older| *bound < older)) {
            let page = person.desk.inbox_page(person.workspace, older.query, bound).await.expect("a page");
            if page.seq != inbox.seq || !inbox.extend(page) {
                continue 'anew;
            }
        }
        return inbox;
    }
}

/// Returns every frame up to the head, as a browser gets it.
async fn frames(server: &TestServer, who: &str) -> Vec<Frame> {
    let head = server.desk.head(server.workspace).await.expect("a head").0 as usize;
    let browser = Browser::of(who, &server.url).await;
    let stream = browser.gets(&format!("/live?after={}.0", server.desk.store().epoch())).await;
    let heard = sse::read(stream, head).await.into_iter().take(head);
    heard.map(|heard| serde_json::from_str(&heard.data).expect("a frame")).collect()
}

/// Runs the actors and reads in the meantime.
async fn told(servers: &[&TestServer], people: &[Person; 2], bot: &Agent, chance: &mut Chance) -> Album {
    let known = Known::default();
    for n in 0..OPEN {
        let it = bot.hands_over(&format!("at first {n}")).await;
        known.lock().expect("ids").push(it);
    }
    let at = |server: &TestServer| people.clone().map(|it| server.employs(it.operator));
    let (mut actors, mut readers, stop) = (JoinSet::new(), JoinSet::new(), CancellationToken::new());
    for n in 0..ACTORS {
        let server = servers[n % servers.len()];
        let [ada, ana] = at(server);
        let (person, colleague) = if n % 3 == 0 { (ana, ada) } else { (ada, ana) };
        let actor = Actor { bot: bot.at(server), person, colleague, known: Arc::clone(&known), chance: chance.split() };
        actors.spawn(actor.acts(TURNS));
    }
    for _ in 0..2 {
        let at: Vec<Person> = servers.iter().flat_map(|server| at(server)).collect();
        readers.spawn(Album::default().fill(at, Arc::clone(&known), stop.clone(), chance.split()));
    }
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    while !actors.is_empty() {
        // The clock moves on by two seconds at a time, and escalations that fall due expire.
        servers.iter().for_each(|server| server.pass(Span::seconds(2)));
        let _ = tokio::time::timeout(Duration::from_millis(100), async { while actors.join_next().await.is_some() {} })
            .await;
        assert!(tokio::time::Instant::now() < until, "the actors did not come to an end");
    }
    stop.cancel();
    let mut album = Album::default();
    readers.join_all().await.into_iter().for_each(|read| album.merge(read));
    album
}

/// Produces every event type that follows an open, whether or not an actor caused it, each after a read of its thread.
async fn every_kind(servers: &[&TestServer], [ada, ana]: &[Person; 2], bot: &Agent, album: &mut Album) {
    let mut ids = vec![];
    for _ in 0..4 {
        let chat = json!({"customer": {"name": "Dana"}});
        let deadlines = json!({"expire_after_seconds": 3_600});
        let it =
            bot.escalates(json!({"ask": {"kind": "question"}, "conversation": chat, "deadlines": deadlines})).await;
        album.read_thread(ada, &it).await;
        ids.push(it);
    }
    let [late, cancelled, left, it] = &ids[..] else { panic!("four") };
    let escalation = id(it);
    let fence = ada.claims(it).await.expect("a claim");
    let take = OperatorVerb::TakeOver { fence: Some(fence) };
    ada.does(escalation, take).await.expect("a take-over");
    bot.says(it, "customer", "**Hello**").await.ok(201);
    let said = ada.replies(it, fence, "Hello, Dana").await.expect("a reply").message.expect("a message");
    let receipt = json!({"message_id": said.id.to_string(), "state": "shown"});
    bot.post(&format!("/escalations/{it}/receipts"), receipt).await.ok(200);
    let text = NoteText::parse("She is right.").expect("a note");
    ada.does(escalation, OperatorVerb::Note { text }).await.expect("a note");
    let tags = Some(vec!["vip".to_owned().try_into().expect("a tag")]);
    ada.does(escalation, OperatorVerb::Mark { urgency: Some(Urgency::High), tags }).await.expect("a mark");
    ada.releases(it, fence).await.expect("a release");
    let fence = ana.claims(it).await.expect("a claim");
    let to = TransferTarget::Operator(ada.operator.who.clone());
    let transfer = OperatorVerb::Transfer { fence: Some(fence), to, note: None };
    let fence = ana.does(escalation, transfer).await.expect("a transfer").current.escalation.fence;
    ada.does(escalation, OperatorVerb::Accept).await.expect("an acceptance");
    ada.resolves(it, Some(fence), Resolution::bare(Disposition::Declined)).await.expect("a resolve");
    bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await.ok(200);
    bot.post(&format!("/escalations/{cancelled}/cancel"), json!({"reason": "Never mind."})).await.ok(200);
    let fence = ada.claims(left).await.expect("a claim");
    ada.resolves(left, Some(fence), Resolution::bare(Disposition::Declined)).await.expect("a resolve");
    servers.iter().for_each(|server| server.pass(Span::hours(1)));
    soon("a minute's end", async || {
        album.read_thread(ada, left).await;
        album.threads[left].last().is_some_and(|thread| thread.escalation.not_picked_up).then_some(())
    })
    .await;
    for it in &ids {
        soon("the delivery", async || {
            bot.get(&format!("/escalations/{it}")).await.body["delivered_at"].is_string().then_some(())
        })
        .await;
    }
    let expired = bot.get(&format!("/escalations/{late}")).await.ok(200);
    assert_eq!(expired["status"], "expired");
    let verb = OperatorVerb::FollowUp { note: None };
    ada.does(id(late), verb).await.expect("a follow-up");
}

#[apply(on_both!)]
async fn what_was_read_and_what_came_after_is_what_is_read(server: TestServer) {
    let mut chance = Chance::of("snapshots");
    let bot = server.agent("billing-bot").await;
    let people = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Supervisor).await];
    // Ada serves only `refunds` of these two queues. The default queue is served by everybody.
    let elsewhere = server.queue("billing", &[&people[1]], QueueDefaults::default()).await;
    server.queue("refunds", &[&people[0], &people[1]], QueueDefaults::default()).await;
    let dialect = server.desk.store().dialect();
    let other = match dialect {
        Dialect::Postgres => Some(TestServer::on(server.database.clone()).await),
        Dialect::Sqlite => None,
    };
    let servers: Vec<&TestServer> = std::iter::once(&server).chain(&other).collect();
    let mut album = told(&servers, &people, &bot, &mut chance).await;
    every_kind(&servers, &people, &bot, &mut album).await;

    // Everything is read once more, so that each snapshot has a later one. Lists are read as far as the first
    // snapshot reached.
    let mut as_far = vec![];
    for it in album.threads.keys().cloned().collect::<Vec<_>>() {
        album.read_thread(&people[0], &it).await;
    }
    for all in album.inboxes.values_mut() {
        all.sort_by_key(|inbox| inbox.seq);
        all.push(people[0].desk.inbox(server.workspace, all[0].query).await.expect("a list"));
        as_far.push((all[0].clone(), fresh_up_to(&people[0], &all[0]).await));
    }
    let frames = frames(&server, "Ada").await;
    let kinds: BTreeSet<&str> = frames.iter().map(|frame| frame.event.kind.event_type().as_str()).collect();
    assert_eq!(
        kinds,
        EventType::ALL.iter().map(|it| it.as_str()).collect::<BTreeSet<_>>(),
        "some kind of event did not happen"
    );

    let (mut compared, mut controls) = (0, Controls::new());
    for all in album.inboxes.values() {
        compared += compare_lists(all, &frames, &mut controls);
    }
    for all in album.threads.values_mut() {
        all.sort_by_key(|thread| thread.seq);
        compared += compare_threads(all, &frames, &mut controls);
    }
    for (first, fresh) in &as_far {
        let followed = followed(first, &frames, fresh.seq, None);
        assert!(agree(&followed, fresh), "{:?} page by page", first.query.listing.view);
        assert_eq!(common(&followed, fresh).len(), followed.rows.len(), "some rows were not compared");
        compared += 1;
    }
    let adas = album.inboxes.values().flatten().filter(|it| !it.serves(elsewhere.itself.id));
    let narrower = adas.filter(|it| it.query.listing.view == View::Queue && it.rows.len() < it.counts.open as usize);
    assert!(narrower.count() > 3, "what waits elsewhere was never missing from a queue");
    println!(
        "{dialect:?}: {compared} snapshots followed over {} events of all {} kinds: as read afresh; \
             with one frame left out they differ: {controls:?}",
        frames.len(),
        EventType::ALL.len()
    );
    // Every event type except the opening, which comes before any read of a thread, plus the entry for the lists.
    assert!(
        compared > 100 && controls.len() == EventType::ALL.len(),
        "too little was compared: {compared}, {controls:?}"
    );
}
