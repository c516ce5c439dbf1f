//! Promise 7: no escalation is stuck. A thousand of every kind, with various deadlines, are claimed, released, answered
//! and forgotten while a test clock runs and the server is restarted with some of them overdue. Every one with a hard
//! deadline is closed when it has passed, and never before. The test computes the deadlines from what was asked for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bailout::{
    domain::{
        ask::AskKind,
        disposition::Disposition,
        escalation::{Escalation, Status},
        inbox::Frame,
        operator::Role,
        outcome::Resolution,
        refusal::Refusal,
        time::{Span, Timestamp},
    },
    server::{core::command::OperatorVerb, error::Error, workers::deadlines},
};
use futures::{StreamExt, stream};
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        Person, TestServer,
        chance::{Chance, TORTURE},
        server::{Agent, id, soon},
    },
};

const ESCALATIONS: usize = if TORTURE { 100_000 } else { 1_000 };
const ROUNDS: usize = 8;

/// The deadlines that an agent asked for, as api.md describes them.
#[derive(Debug, Clone)]
struct Asked {
    kind: AskKind,
    claim: Option<Span>,
    expire: Option<Span>,
}

impl Asked {
    fn by(chance: &mut Chance) -> (Self, Value) {
        let kind = *chance.one(&[AskKind::Takeover, AskKind::Question, AskKind::Decision]);
        let mut some = |most: usize| chance.once_in(2).then(|| 1 + chance.below(most) as i64);
        let (claim, expire) = (some(3_600), some(48 * 3_600));
        let mut body = json!({
            "reason": {"code": "other", "text": "help"},
            "deadlines": {"claim_within_seconds": claim, "expire_after_seconds": expire},
        });
        match kind {
            AskKind::Takeover => body["conversation"] = json!({"messages": []}),
            AskKind::Question => body["ask"] = json!({"kind": "question"}),
            AskKind::Decision => body["ask"] = json!({"kind": "decision", "actions": [{"id": "a", "name": "pay"}]}),
        }
        (Self { kind, claim: claim.map(Span::seconds), expire: expire.map(Span::seconds) }, body)
    }

    /// Returns the time by which it must be closed, if any. `waits_since` is `None` while it is claimed.
    fn hard(&self, it: &Escalation, waits_since: Option<Timestamp>) -> Option<Timestamp> {
        let takeover = self.kind == AskKind::Takeover;
        let claim = self.claim.or(takeover.then_some(Span::minutes(15)));
        let expire = self.expire.or((!takeover).then_some(Span::hours(24)));
        let claim_by = waits_since.and_then(|since| Some(since + claim?));
        claim_by.into_iter().chain(expire.map(|span| it.opened_at + span)).min()
    }
}

/// Every escalation that was opened, and since when it waits.
type Ledger = BTreeMap<String, (Asked, Timestamp)>;

async fn open(bot: &Agent, many: usize, chance: &mut Chance) -> Ledger {
    let asked: Vec<_> = (0..many).map(|_| Asked::by(chance)).collect();
    let opened = stream::iter(asked).map(|(asked, body)| async move {
        let opened = bot.post("/escalations", body).await.ok(201);
        let since = opened["opened_at"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).expect("a time");
        (opened["id"].as_str().expect("an id").to_owned(), (asked, Timestamp(since.as_millisecond())))
    });
    opened.buffer_unordered(32).collect().await
}

/// Returns the current state of every escalation.
async fn all(person: &Person, ledger: &Ledger) -> Vec<Arc<Escalation>> {
    let read = ledger.keys().map(|it| async move {
        let current = person.desk.current(person.workspace, id(it)).await.expect("a read");
        current.expect("an escalation").escalation
    });
    stream::iter(read).buffer_unordered(4).collect().await
}

/// Returns the number of overdue escalations that are still open.
async fn stuck(person: &Person, ledger: &Ledger) -> usize {
    let now = person.desk.clock().now();
    let overdue = |it: &Arc<Escalation>| {
        let (asked, since) = &ledger[&it.id.to_string()];
        let since = it.is_waiting().then_some(*since);
        it.status.is_open() && asked.hard(it, since).is_some_and(|hard| hard <= now)
    };
    all(person, ledger).await.iter().filter(|it| overdue(it)).count()
}

/// Runs a random command; a refused one changes nothing. Returns the moment from which the escalation waits again.
async fn acts(person: &Person, bot: &Agent, it: &str, what: usize) -> Option<Timestamp> {
    let current = person.desk.current(person.workspace, id(it)).await.expect("a read").expect("one").escalation;
    let (escalation, fence) = (id(it), current.fence);
    match what {
        0..=3 => drop(person.claims(it).await),
        4 | 5 => {
            let released = person.releases(it, fence).await.ok()?;
            let frame: Frame = serde_json::from_str(&released.events.first()?.body).expect("a frame");
            return Some(frame.event.at);
        }
        6 => drop(person.does(escalation, OperatorVerb::TakeOver { fence: Some(fence) }).await),
        7 => drop(person.replies(it, fence, "Hello").await),
        8 => drop(person.resolves(it, Some(fence), Resolution::bare(Disposition::Declined)).await),
        9 => drop(bot.says(it, "customer", "Hello?").await),
        _ => drop(bot.post(&format!("/escalations/{it}/cancel"), json!({"reason": "Never mind."})).await),
    }
    None
}

#[apply(on_both!)]
async fn whatever_has_a_deadline_is_closed_by_it(server: TestServer) {
    let mut chance = Chance::of("stuck");
    let bot = server.agent("billing-bot").await;
    let ada = server.person("Ada", Role::Operator).await.operator;
    let (mut server, mut ledger, mut overdue_at_a_start) = (server, Ledger::new(), 0);
    for round in 0..ROUNDS {
        let (bot, person) = (bot.at(&server), server.employs(ada.clone()));
        ledger.append(&mut open(&bot, ESCALATIONS / ROUNDS, &mut chance).await);
        let ids: Vec<String> = ledger.keys().cloned().collect();
        let acted = (0..ids.len() / 2).map(|_| (chance.one(&ids).clone(), chance.below(11)));
        let acted: Vec<_> = acted.collect();
        for (it, what) in acted {
            if let Some(since) = acts(&person, &bot, &it, what).await {
                ledger.get_mut(&it).expect("it is known").1 = since;
            }
        }
        let passes = Span::seconds(1 + chance.below([120, 3_600, 20 * 3_600][round % 3]) as i64);
        if round % 3 == 2 {
            // An object that holds the desk would keep its database file locked.
            drop(person);
            // The stop ends within seconds; what falls due meanwhile would only be counted as well.
            let began = server.now() + passes;
            server = server.restarted(passes).await;
            let person = server.employs(ada.clone());
            // Escalations that came due in the meantime expired before the first request is accepted.
            assert_eq!(stuck(&person, &ledger).await, 0, "open after a start, though overdue");
            let just_now = |it: &&Arc<Escalation>| it.closed_at.is_some_and(|at| at >= began);
            overdue_at_a_start += all(&person, &ledger).await.iter().filter(just_now).count();
        } else {
            server.pass(passes);
            soon("the end of all that is overdue", async || (stuck(&person, &ledger).await == 0).then_some(())).await;
        }
    }
    // Every claimed escalation is released, so that none is without a deadline.
    let person = server.employs(ada);
    for it in all(&person, &ledger).await.iter().filter(|it| it.status == Status::Claimed) {
        // Of very many, some expire before their turn.
        let released = person.releases(&it.id.to_string(), it.fence).await;
        let is_over = matches!(released, Err(Error::Refused { refusal: Refusal::AlreadyClosed, .. }));
        assert!(is_over || released.is_ok(), "{released:?}");
    }
    server.pass(Span::hours(31 * 24));
    let closed = async || all(&person, &ledger).await.iter().all(|it| !it.status.is_open()).then_some(());
    soon("the end of everything", closed).await;
    let mut ends = BTreeMap::<&str, usize>::new();
    for it in all(&person, &ledger).await {
        let (asked, since) = &ledger[&it.id.to_string()];
        *ends.entry(it.status.as_str()).or_default() += 1;
        let outcome = it.outcome.as_ref().expect("an outcome");
        if it.status == Status::Expired {
            assert_eq!(outcome.resolution.disposition, Disposition::Unanswered);
            let since = it.claim.is_none().then_some(*since);
            assert!(
                asked.hard(&it, since).is_some_and(|hard| hard <= outcome.at),
                "{} expired before it was due",
                it.id
            );
        }
    }
    let dialect = server.desk.store().dialect();
    println!(
        "{dialect:?}: {} escalations, all closed by their deadlines, none before: {ends:?}; \
             {overdue_at_a_start} expired at a start",
        ledger.len()
    );
    assert!(ledger.len() == ESCALATIONS && ends.len() == 3 && overdue_at_a_start > 20, "{ends:?}");
}

#[apply(on_both!)]
async fn control_without_a_sweeper_they_stay_open(server: TestServer) {
    let (bot, person) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let ledger = open(&bot, 20, &mut Chance::of("no sweeper")).await;
    // A stopping server sweeps no more. Twice the interval between two sweeps passes, before and after.
    server.desk.shutdown().cancel();
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.pass(Span::hours(31 * 24));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stuck(&person, &ledger).await, ledger.len(), "somebody else closed them");
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(stuck(&person, &ledger).await, 0);
}
