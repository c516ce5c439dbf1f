//! Promise 6: exactly one operator wins a claim, and a stale fence cannot speak.

use std::sync::Arc;

use bailout::{
    domain::{
        claim::Fence, disposition::Disposition, event::TransferTarget, operator::Role, outcome::Resolution,
        refusal::Refusal,
    },
    server::{core::command::OperatorVerb, error::Error},
};
use macro_rules_attribute::apply;
use sqlx::Row;
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    on_both,
    support::{
        Engine, Person, TestServer,
        browser::Browser,
        chance::TORTURE,
        database::free_port,
        program::{Program, add_agent, add_operator},
        server::{Agent, PASSWORD, id},
    },
};

const ROUNDS: usize = if TORTURE { 200 } else { 20 };
const OPERATORS: usize = if TORTURE { 1_000 } else { 100 };

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused { refusal, .. }) => refusal,
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

/// Lets all operators claim at once. Returns the winners, and the name that each loser was told.
async fn race(people: &[Person], it: &str) -> (Vec<String>, Vec<String>) {
    let gate = Arc::new(Barrier::new(people.len()));
    let mut claims = JoinSet::new();
    for person in people.iter().cloned() {
        let (gate, it) = (Arc::clone(&gate), it.to_owned());
        claims.spawn(async move {
            gate.wait().await;
            (person.operator.who.name.to_string(), person.claims(&it).await)
        });
    }
    let (mut winners, mut told) = (vec![], vec![]);
    while let Some(claim) = claims.join_next().await {
        match claim.expect("a claim") {
            (name, Ok(_)) => winners.push(name),
            (_, Err(Error::Refused { refusal: Refusal::AlreadyClaimed { by, .. }, .. })) => {
                told.push(by.name.to_string())
            }
            (_, Err(other)) => panic!("{other}"),
        }
    }
    (winners, told)
}

#[apply(on_both!)]
async fn one_wins_and_the_others_are_told_who(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    // On PostgreSQL half of the operators use a second server.
    let other = match server.desk.store().dialect() {
        bailout::server::store::Dialect::Postgres => Some(TestServer::on(Arc::clone(&server.database)).await),
        bailout::server::store::Dialect::Sqlite => None,
    };
    let ada = server.person("Ada", Role::Operator).await;
    let people: Vec<Person> = (0..OPERATORS)
        .map(|n| {
            let mut operator = ada.operator.clone();
            operator.who.id = bailout::domain::ids::OperatorId::new(bailout::server::clock::mint());
            operator.who.name = bailout::domain::text::Name::parse(format!("Ada {n}")).expect("a name");
            other.as_ref().filter(|_| n % 2 == 0).unwrap_or(&server).employs(operator)
        })
        .collect();
    for round in 0..ROUNDS {
        let it = bot.hands_over(&format!("conv_{round}")).await;
        let (winners, told) = race(&people, &it).await;
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        assert_eq!(told.len(), OPERATORS - 1);
        assert!(told.iter().all(|name| *name == winners[0]), "{told:?} were not all told of {winners:?}");
    }
}

#[apply(on_both!)]
async fn a_stale_fence_cannot_speak(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (ada, ana) = (server.person("Ada", Role::Operator).await, server.person("Ana", Role::Supervisor).await);
    let it = bot.hands_over("conv_88").await;
    let stale = ada.claims(&it).await.expect("a claim");
    ada.releases(&it, stale).await.expect("a release");
    assert_eq!(refused(ada.replies(&it, stale, "Hello").await), Refusal::NotClaimed);
    let fresh = ada.claims(&it).await.expect("a claim");
    assert!(fresh > stale);
    assert_eq!(refused(ada.replies(&it, stale, "Hello").await), Refusal::StaleFence);
    assert_eq!(
        refused(ada.resolves(&it, Some(stale), Resolution::bare(Disposition::Handled)).await),
        Refusal::StaleFence
    );
    assert_eq!(refused(ana.replies(&it, fresh, "Hello").await).code(), "claimed_by_another");
    // A supervisor takes over the claim, so Ada's fence is not valid any more.
    let to = TransferTarget::Operator(ana.operator.who.clone());
    let take = OperatorVerb::Transfer { fence: None, to, note: None };
    let taken = ana.does(id(&it), take).await.expect("a transfer").current.escalation.fence;
    assert_eq!(refused(ada.replies(&it, fresh, "Hello").await).code(), "claimed_by_another");
    ana.replies(&it, taken, "Hello").await.expect("a reply");
}

#[apply(on_both!)]
async fn control_without_a_fence_a_tab_that_slept_speaks(server: TestServer) {
    // The control without a fence: the holder may speak from any tab. Ada's first tab missed a release.
    let bot = server.agent("billing-bot").await;
    let ada = server.person("Ada", Role::Operator).await;
    let it = bot.hands_over("conv_88").await;
    let stale = ada.claims(&it).await.expect("a claim");
    ada.releases(&it, stale).await.expect("a release");
    ada.claims(&it).await.expect("a claim in her second tab");
    let sql = "select claimed_by from escalation where id = $1";
    let row = sqlx::query(sql).bind(it.clone()).fetch_one(server.desk.store().reader()).await.expect("a row");
    assert_eq!(row.get::<String, _>(0), ada.operator.who.id.to_string(), "without a fence the first tab would speak");
    assert_eq!(refused(ada.replies(&it, stale, "Hello").await), Refusal::StaleFence);
}

#[apply(on_both!)]
async fn a_viewer_only_reads(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (eve, it) = (server.person("Eve", Role::Viewer).await, bot.hands_over("conv_88").await);
    assert_eq!(refused(eve.claims(&it).await), Refusal::Forbidden { need: Role::Operator });
    assert_eq!(refused(eve.replies(&it, Fence(1), "Hello").await), Refusal::Forbidden { need: Role::Operator });
}

#[apply(on_both!)]
async fn control_a_claim_that_selects_and_then_updates_has_two_winners(server: TestServer) {
    // The control without a guard. If it ever had one winner, the race above would prove nothing.
    let it = server.agent("billing-bot").await.hands_over("conv_88").await;
    let gate = Arc::new(Barrier::new(8));
    let mut claims = JoinSet::new();
    for n in 0..8 {
        let (desk, gate, it) = (server.desk.clone(), Arc::clone(&gate), it.clone());
        claims.spawn(async move {
            let read = "select status from escalation where id = $1";
            let row = sqlx::query(read).bind(it.clone()).fetch_one(desk.store().reader()).await.expect("a row");
            let status: String = row.try_get(0).expect("a status");
            gate.wait().await;
            let write = "update escalation set status = 'claimed', claimed_by = $2 where id = $1";
            let query = sqlx::query(write).bind(it).bind(format!("op_{n}"));
            status == "waiting" && query.execute(desk.store().writer()).await.expect("an update").rows_affected() == 1
        });
    }
    let winners = claims.join_all().await.into_iter().filter(|won| *won).count();
    assert!(winners > 1, "a claim without a guard had {winners} winner");
}

/// Two processes share one database, and each serves half of the operators, in browsers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_real_servers_one_gives_the_claim() {
    const PEOPLE: usize = 8;
    let Some(database) = tokio::task::spawn_blocking(|| Engine::Postgres.database()).await.expect("a database") else {
        return;
    };
    let key = add_agent(&database, "billing-bot");
    let servers = [Program::start(&database, free_port()).await, Program::start(&database, free_port()).await];
    let bot = Agent { url: servers[0].url(""), key, http: reqwest::Client::new() };
    let mut browsers = vec![];
    for n in 0..PEOPLE {
        add_operator(&database, &format!("Ada{n}"), "operator", PASSWORD);
        browsers.push(Arc::new(Browser::of(&format!("Ada{n}"), &servers[n % 2].url("")).await));
    }
    for round in 0..ROUNDS {
        let it = bot.hands_over(&format!("conv_{round}")).await;
        let gate = Arc::new(Barrier::new(PEOPLE));
        let mut claims = JoinSet::new();
        for browser in &browsers {
            let (browser, gate, it) = (Arc::clone(browser), Arc::clone(&gate), it.clone());
            claims.spawn(async move {
                gate.wait().await;
                let answer = browser.calls("claim", &format!("id={it}")).send().await.expect("an answer");
                answer.text().await.expect("a text")
            });
        }
        let answers = claims.join_all().await;
        let refused = answers.iter().filter(|it| it.contains("already_claimed")).count();
        assert_eq!(refused, PEOPLE - 1, "round {round}: {answers:?}");
        assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "claimed");
    }
}
