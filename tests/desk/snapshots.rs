//! Promise 4: a snapshot and the events after it are a fresh snapshot. While several people and agents do what comes to
//! their minds, on PostgreSQL at two servers, lists and threads are read at random moments. Each, brought up to date by
//! the frames that browsers get, must be what was read later.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bailout::{
    domain::{
        escalation::Status,
        event::{Seq, TransferTarget},
        ids::QueueId,
        inbox::{Frame, Inbox, Query, Row, View},
        operator::Role,
        outcome::{Disposition, Resolution},
        queue::QueueRef,
        text::{Name, NoteText},
        thread::Thread,
        time::Span,
    },
    server::{clock::mint, desk::Verb, store::Dialect},
};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    on_both,
    support::{
        Person, TestServer,
        browser::Browser,
        chance::Chance,
        server::{Agent, id, soon},
        sse,
    },
};

const ACTORS: usize = 6;
const TURNS: usize = 120;
/// So many are open at the beginning that lists have a bound.
const OPEN: usize = 60;

/// Every kind of event there is.
const KINDS: [&str; 12] = [
    "escalation.opened",
    "escalation.claimed",
    "escalation.taken_over",
    "escalation.released",
    "escalation.transferred",
    "message.created",
    "note.created",
    "escalation.resolved",
    "escalation.expired",
    "escalation.cancelled",
    "escalation.delivered",
    "escalation.acknowledged",
];

/// The ids that everyone acts on, the newest last.
type Known = Arc<Mutex<Vec<String>>>;

/// Someone who does what comes to their mind.
struct Actor {
    bot: Agent,
    person: Person,
    colleague: Person,
    known: Known,
    chance: Chance,
}

impl Actor {
    async fn acts(mut self) {
        for _ in 0..TURNS {
            self.turn().await;
        }
    }

    /// One thing. Whatever is refused changes nothing.
    async fn turn(&mut self) {
        let it = {
            let known = self.known.lock().expect("ids");
            let recent = known.len().min(25);
            known[known.len() - 1 - self.chance.below(recent)].clone()
        };
        let current = self.person.desk.current(self.person.workspace, id(&it)).await.expect("a read").expect("one");
        let fence = current.escalation.fence;
        let (by, escalation) = (self.person.operator.clone(), id(&it));
        match self.chance.below(20) {
            0..=2 => self.opens().await,
            3 | 4 => drop(self.bot.says(&it, "customer", "**Hello?**\n\n- one\n- two").await),
            5 => drop(self.bot.says(&it, if self.chance.once_in(2) { "agent" } else { "system" }, "Let me see.").await),
            6..=8 => drop(self.person.claims(&it).await),
            9 => drop(self.person.releases(&it, fence).await),
            10 => {
                let to = match self.chance.once_in(2) {
                    true => TransferTarget::Operator(self.colleague.operator.who.clone()),
                    false => TransferTarget::Queue(QueueRef {
                        id: QueueId::new(mint()),
                        name: Name::parse("billing").expect("a name"),
                    }),
                };
                let note = self.chance.once_in(2).then(|| NoteText::parse("Yours.").expect("a note"));
                drop(self.person.does(Verb::Transfer { by, escalation, fence: Some(fence), to, note }).await);
            }
            11 => drop(self.person.does(Verb::TakeOver { by, escalation, fence: Some(fence) }).await),
            12 | 13 => drop(self.person.replies(&it, fence, "A `word` from *here*.").await),
            14 => {
                let text = NoteText::parse("She is a regular.").expect("a note");
                drop(self.person.does(Verb::Note { by, escalation, text }).await);
            }
            15 | 16 => {
                let said = *self.chance.one(&[Disposition::Handled, Disposition::Declined, Disposition::Referred]);
                drop(self.person.resolves(&it, Some(fence), Resolution::bare(said)).await);
            }
            17 => drop(self.bot.post(&format!("/escalations/{it}/cancel"), json!({"reason": "Never mind."})).await),
            18 => drop(self.bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await),
            _ => drop(self.bot.get(&format!("/escalations/{it}")).await),
        }
    }

    async fn opens(&mut self) {
        let conversation = json!({"external_id": format!("conv_{}", self.chance.below(30)), "messages": []});
        let more = match self.chance.below(4) {
            0 => json!({"ask": {"kind": "question"}, "conversation": conversation}),
            1 => json!({"ask": {"kind": "decision", "actions": [{"id": "a", "name": "pay"}]}}),
            2 => json!({"conversation": conversation, "deadlines": {"expire_after_seconds": 60}}),
            _ => json!({"conversation": conversation}),
        };
        let mut body = json!({"reason": {"code": "other", "text": "help"}});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        // A conversation has one open takeover at most.
        if let Some(id) = self.bot.post("/escalations", body).await.body["id"].as_str() {
            self.known.lock().expect("ids").push(id.to_owned());
        }
    }
}

/// What was read, in the order of reading, of each list and each thread.
#[derive(Default)]
struct Album {
    inboxes: BTreeMap<String, Vec<Inbox>>,
    threads: BTreeMap<String, Vec<Thread>>,
}

impl Album {
    /// Reads at random moments until told to stop, at one server or the other.
    async fn fill(mut self, at: Vec<Person>, known: Known, stop: CancellationToken, mut chance: Chance) -> Self {
        while !stop.is_cancelled() {
            let who = chance.one(&at).clone();
            let query = Query { view: *chance.one(&View::ALL), me: who.operator.who.id };
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

/// The rows of two lists as far as both know them.
fn common<'a>(inbox: &'a Inbox, other: &Inbox) -> Vec<&'a Row> {
    let within = |row: &&Row| {
        let key = inbox.query.key(row);
        inbox.bound.is_none_or(|bound| key <= bound) && other.bound.is_none_or(|bound| key <= bound)
    };
    inbox.rows.iter().filter(within).collect()
}

fn agree(followed: &Inbox, fresh: &Inbox) -> bool {
    (followed.seq, followed.counts) == (fresh.seq, fresh.counts) && common(followed, fresh) == common(fresh, followed)
}

/// Brings a list up to date. All frames are offered, also those that it has seen.
fn followed(inbox: &Inbox, frames: &[Frame], until: Seq, left_out: Option<Seq>) -> Inbox {
    let mut inbox = inbox.clone();
    let heard = frames.iter().take_while(|it| it.event.seq <= until).filter(|it| Some(it.event.seq) != left_out);
    heard.for_each(|frame| inbox.apply(frame));
    inbox
}

/// The same for a thread.
fn thread_followed(thread: &Thread, frames: &[Frame], until: Seq, left_out: Option<Seq>) -> Thread {
    let mut thread = thread.clone();
    let heard = frames.iter().take_while(|it| it.event.seq <= until).filter(|it| Some(it.event.seq) != left_out);
    heard.for_each(|frame| thread.apply(frame));
    thread
}

/// A list as it is now, as far as an older one reaches.
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

/// Every frame as a browser gets it, up to the head.
async fn frames(server: &TestServer, who: &str) -> Vec<Frame> {
    let head = server.desk.head(server.workspace).await.expect("a head").0 as usize;
    let browser = Browser::of(who, &server.url).await;
    let stream = browser.gets(&format!("/live?after={}.0", server.desk.store().epoch())).await;
    let heard = sse::read(stream, head).await.into_iter().take(head);
    heard.map(|heard| serde_json::from_str(&heard.data).expect("a frame")).collect()
}

/// Lets everyone act, and reads meanwhile.
async fn told(servers: &[&TestServer], people: &[Person; 2], bot: &Agent, chance: &mut Chance) -> (Album, Known) {
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
        actors.spawn(actor.acts());
    }
    for _ in 0..2 {
        let at: Vec<Person> = servers.iter().flat_map(|server| at(server)).collect();
        readers.spawn(Album::default().fill(at, Arc::clone(&known), stop.clone(), chance.split()));
    }
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    while !actors.is_empty() {
        // Now and then a minute passes, and what was due in it expires.
        servers.iter().for_each(|server| server.pass(Span::seconds(2)));
        let _ = tokio::time::timeout(Duration::from_millis(100), async { while actors.join_next().await.is_some() {} })
            .await;
        assert!(tokio::time::Instant::now() < until, "the actors did not come to an end");
    }
    stop.cancel();
    let mut album = Album::default();
    readers.join_all().await.into_iter().for_each(|read| album.merge(read));
    (album, known)
}

/// Every kind of event that follows an open, whether or not it came to anyone's mind, each after a look at its thread.
async fn every_kind(servers: &[&TestServer], [ada, ana]: &[Person; 2], bot: &Agent, album: &mut Album) {
    let mut ids = vec![];
    for _ in 0..3 {
        let it =
            bot.escalates(json!({"ask": {"kind": "question"}, "deadlines": {"expire_after_seconds": 3_600}})).await;
        album.read_thread(ada, &it).await;
        ids.push(it);
    }
    let [late, cancelled, it] = &ids[..] else { panic!("three") };
    let (by, escalation) = (ada.operator.clone(), id(it));
    let fence = ada.claims(it).await.expect("a claim");
    let take = Verb::TakeOver { by: by.clone(), escalation, fence: Some(fence) };
    ada.does(take).await.expect("a take-over");
    bot.says(it, "customer", "**Hello**").await.ok(201);
    ada.replies(it, fence, "Hello, Dana").await.expect("a reply");
    let text = NoteText::parse("She is right.").expect("a note");
    ada.does(Verb::Note { by: by.clone(), escalation, text }).await.expect("a note");
    ada.releases(it, fence).await.expect("a release");
    let fence = ana.claims(it).await.expect("a claim");
    let to = TransferTarget::Operator(by.who);
    let transfer = Verb::Transfer { by: ana.operator.clone(), escalation, fence: Some(fence), to, note: None };
    let fence = ana.does(transfer).await.expect("a transfer").current.escalation.fence;
    ada.resolves(it, Some(fence), Resolution::bare(Disposition::Declined)).await.expect("a resolve");
    bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await.ok(200);
    bot.post(&format!("/escalations/{cancelled}/cancel"), json!({"reason": "Never mind."})).await.ok(200);
    servers.iter().for_each(|server| server.pass(Span::hours(1)));
    for it in &ids {
        soon("the delivery", async || {
            bot.get(&format!("/escalations/{it}")).await.body["delivered_at"].is_string().then_some(())
        })
        .await;
    }
    let expired = bot.get(&format!("/escalations/{late}")).await.ok(200);
    assert_eq!(expired["status"], "expired");
}

on_both! {
    async fn what_was_read_and_what_came_after_is_what_is_read(server: TestServer) {
        let mut chance = Chance::of("snapshots");
        let bot = server.agent("billing-bot").await;
        let people = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Supervisor).await];
        let other = match server.desk.store().dialect() {
            Dialect::Postgres => Some(TestServer::on(server.database.clone()).await),
            Dialect::Sqlite => None,
        };
        let servers: Vec<&TestServer> = std::iter::once(&server).chain(&other).collect();
        let (mut album, known) = told(&servers, &people, &bot, &mut chance).await;
        every_kind(&servers, &people, &bot, &mut album).await;
        // A last look at everything, so that each snapshot has a later one.
        for query in album.inboxes.values().map(|all| all[0].query).collect::<Vec<_>>() {
            album.read_inbox(&people[0], query).await;
        }
        for it in album.threads.keys().cloned().collect::<Vec<_>>() {
            album.read_thread(&people[0], &it).await;
        }
        let frames = frames(&server, "Ada").await;
        let kinds: BTreeSet<&str> = frames.iter().map(|frame| frame.event.kind.name()).collect();
        assert_eq!(kinds, BTreeSet::from(KINDS), "some kind of event did not happen");

        let (mut compared, mut controls) = (0, BTreeMap::<&str, usize>::new());
        for all in album.inboxes.values_mut() {
            all.sort_by_key(|inbox| inbox.seq);
            let newest = all.last().expect("one").clone();
            for two in all.windows(2).map(|two| [&two[0], &two[1]]).chain(all.iter().map(|it| [it, &newest])) {
                let [older, fresh] = two;
                assert!(agree(&followed(older, &frames, fresh.seq, None), fresh), "{:?} from {} to {}", older.query.view, older.seq, fresh.seq);
                compared += 1;
            }
            // The control: whoever misses one frame that moves an escalation to another list counts wrongly.
            let first = &all[0];
            let moves = |frame: &&Frame| frame.event.seq > first.seq && frame.event.seq <= newest.seq && frame.was.as_ref().map(|was| was.status) != Some(frame.row.status);
            for frame in frames.iter().filter(moves) {
                assert!(!agree(&followed(first, &frames, newest.seq, Some(frame.event.seq)), &newest), "{:?} did not miss {}", first.query.view, frame.event.kind.name());
                *controls.entry("a list").or_default() += 1;
            }
            // Page by page, a fresh list reaches as far as the first one did.
            let fresh = fresh_up_to(&people[0], first).await;
            let frames = if fresh.seq > newest.seq { self::frames(&server, "Ada").await } else { frames.clone() };
            let followed = followed(first, &frames, fresh.seq, None);
            assert!(agree(&followed, &fresh), "{:?} page by page", first.query.view);
            assert_eq!(common(&followed, &fresh).len(), followed.rows.len());
            compared += 1;
        }
        for all in album.threads.values_mut() {
            all.sort_by_key(|thread| thread.seq);
            let newest = all.last().expect("one").clone();
            for two in all.windows(2).map(|two| [&two[0], &two[1]]).chain(all.iter().map(|it| [it, &newest])) {
                let [older, fresh] = two;
                assert_eq!(&thread_followed(older, &frames, fresh.seq, None), fresh);
                compared += 1;
            }
            // The control: a thread that misses one of its own frames is not right.
            let first = &all[0];
            let own = |frame: &&Frame| frame.event.escalation_id == first.escalation.id && frame.event.seq > first.seq && frame.event.seq <= newest.seq;
            for frame in frames.iter().filter(own) {
                assert_ne!(thread_followed(first, &frames, newest.seq, Some(frame.event.seq)), newest, "{} was not missed", frame.event.kind.name());
                *controls.entry(frame.event.kind.name()).or_default() += 1;
            }
        }
        let closed = frames.iter().filter(|frame| frame.row.status != Status::Waiting && frame.event.kind.closes()).count();
        println!(
            "{:?}: {compared} snapshots followed over {} events of all {} kinds ({closed} endings, {} escalations): all as read afresh; with one frame left out, differing as they must: {controls:?}",
            server.desk.store().dialect(), frames.len(), KINDS.len(), known.lock().expect("ids").len()
        );
        // Every kind but the opening, which comes before any look at a thread; and the lists.
        assert!(compared > 100 && controls.len() == KINDS.len(), "too little was compared: {compared}, {controls:?}");
    }
}
