//! Promise 15: guessing is throttled without locking people out. A thousand guesses at one account come from a thousand
//! addresses: few are admitted, the waits grow to a minute at most, the operator signs in from a known address, and an
//! unknown account behaves like an existing one.

use std::net::{IpAddr, Ipv4Addr};

use bailout::{
    domain::{
        operator::Role,
        time::{Span, Timestamp},
    },
    server::site::throttle::{self, Admission, CountedAttempt},
};
use futures::future::join_all;
use macro_rules_attribute::apply;

use crate::{
    on_both,
    support::{
        Engine, TestServer,
        browser::{Browser, leads_to},
        chance::TORTURE,
        database::free_port,
        program::Program,
        server::PASSWORD,
    },
};

const GUESSES: u32 = if TORTURE { 10_000 } else { 1_000 };
/// The guesses without a wait. The next ones wait 1, 2, 4, 8, 16 and 32 seconds, and all later ones a minute.
const FREE: usize = 5;

fn address(n: u32) -> IpAddr {
    Ipv4Addr::from(0xC633_0000 + n).into()
}

async fn tries(server: &TestServer, email: &str, from: IpAddr, now: Timestamp) -> Result<CountedAttempt, Span> {
    tries_by(server, email, [0; 32], from, now).await
}

async fn tries_by(
    server: &TestServer,
    email: &str,
    device: [u8; 32],
    from: IpAddr,
    now: Timestamp,
) -> Result<CountedAttempt, Span> {
    match throttle::admit(server.desk.store(), email, &device, Some(from), now).await.expect("an answer") {
        Admission::In(tried) => Ok(tried),
        Admission::Wait(wait) => Err(wait),
    }
}

/// Lets each of a thousand addresses guess once, one per second. Returns the seconds at which a guess was admitted.
async fn guess(server: &TestServer, email: &str, began: Timestamp, forgiven: bool) -> Vec<u32> {
    let mut let_in = vec![];
    for n in 0..GUESSES {
        let now = began + Span::seconds(n.into());
        let Ok(tried) = tries(server, email, address(n), now).await else { continue };
        let_in.push(n);
        if forgiven {
            let mut tx = server.desk.store().begin_write().await.expect("a transaction");
            throttle::record_success(&mut tx, &tried, now).await.expect("a success");
            tx.commit().await.expect("a commit");
        }
    }
    let_in
}

/// Returns whether the throttle admitted no more of a thousand guesses than it should.
fn is_throttled(let_in: &[u32]) -> bool {
    let_in.len() <= FREE + 6 + GUESSES as usize / 60
}

#[apply(on_both!)]
async fn a_thousand_guesses_are_a_few_and_the_person_gets_in(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let email = "ada@example.com";
    // The operator has signed in before, so one address is known to be hers.
    let mut browser = Browser::of("Ada", &server.url).await;
    let began = server.now();
    let let_in = guess(&server, email, began, false).await;
    let gaps: Vec<u32> = let_in.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(is_throttled(&let_in), "{} of {GUESSES} guesses were let in", let_in.len());
    // Delays grow up to a minute, and never become a permanent lock.
    assert_eq!(gaps[..11], [1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 60]);
    assert!(gaps[11..].iter().all(|gap| *gap == 60), "{gaps:?}");
    // During the attack the operator signs in without a wait from the known address, with the right password.
    server.pass(Span::seconds(GUESSES.into()));
    assert_eq!(leads_to(&browser.signs_in(email, PASSWORD, "/mine").await), "/mine");
    // From another address she waits for a minute at most, if she tries before the next guess.
    let now = began + Span::seconds(GUESSES.into());
    let wait = tries(&server, email, address(GUESSES), now).await.expect_err("a wait");
    assert!(wait <= Span::seconds(60), "{wait:?}");
    tries(&server, email, address(GUESSES), now + wait).await.expect("her turn");

    // Guesses at an account that does not exist are throttled in the same way.
    let later = now + Span::hours(1);
    assert_eq!(guess(&server, "nobody@example.com", later, false).await, let_in);
    println!(
        "{:?}: of {GUESSES} guesses from as many addresses {} were let in, {:?} s apart; the person got in at once",
        server.desk.store().dialect(),
        let_in.len(),
        gaps
    );
    // The control: guesses that do not count, because a success is recorded after each, are all admitted.
    let unlimited = guess(&server, "someone@example.com", later + Span::hours(1), true).await;
    println!("control, of {GUESSES} guesses that did not count {} were let in", unlimited.len());
    assert!(!is_throttled(&unlimited));
}

#[apply(on_both!)]
async fn a_browser_that_signed_in_before_is_let_in_wherever_it_is(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let (email, hers) = ("ada@example.com", [7; 32]);
    // Three attackers go on with five guesses a second each, every one from a new address.
    let began = server.now();
    let tried = tries_by(&server, email, hers, address(1), began).await.expect("she signs in at home");
    let mut tx = server.desk.store().begin_write().await.expect("a transaction");
    throttle::record_success(&mut tx, &tried, began).await.expect("a success");
    tx.commit().await.expect("a commit");
    let (mut let_in, mut others) = (0, 0);
    for n in 0..240 {
        let now = began + Span::seconds(1 + i64::from(n));
        for guess in 0..15 {
            let device = [u8::try_from(guess).expect("small"); 32];
            let _ = tries_by(&server, email, device.map(|it| it + 100), address(1_000 + n * 15 + guess), now).await;
        }
        // Her browser succeeds from another address each time. Another browser tries at the same moment.
        if n % 10 == 0 {
            let tried = tries_by(&server, email, hers, address(500 + n), now).await.expect("she is let in");
            let mut tx = server.desk.store().begin_write().await.expect("a transaction");
            throttle::record_success(&mut tx, &tried, now).await.expect("a success");
            tx.commit().await.expect("a commit");
            let_in += 1;
            others += usize::from(tries_by(&server, email, [8; 32], address(800 + n), now).await.is_ok());
        }
    }
    assert_eq!(let_in, 24);
    assert!(others < 24, "the control: a browser that nobody knows waits");
}

#[apply(on_both!)]
async fn the_cookie_of_a_browser_opens_its_lane_and_nothing_else(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let url = server.also_with(&["--trusted-proxies", "127.0.0.1"]).await;
    let mut browser = Browser::behind_a_proxy(&url, "203.0.113.1");
    let answer = browser.signs_in("ada@example.com", PASSWORD, "/mine").await;
    let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().map(|it| it.to_str().expect("text")).collect();
    let device = cookies.iter().find(|it| it.contains("-device=")).expect("a cookie of the browser");
    assert!(device.contains("HttpOnly; SameSite=Lax"), "{device}");
    let device = device.split(';').next().expect("a pair").to_owned();
    assert_eq!(
        browser.http.get(format!("{url}/queue")).header("cookie", &device).send().await.expect("an answer").status(),
        303
    );
    // Guesses by others use up the free attempts of the account.
    for n in 0..FREE as u32 + 3 {
        let _ = tries(&server, "ada@example.com", address(n), server.now()).await;
    }
    let by = |cookie: &str| {
        let form = format!("email=ada@example.com&password={}&back=/mine", PASSWORD.replace(' ', "+"));
        let request = Browser::behind_a_proxy(&url, "203.0.113.9").submits("/sign-in", &form, "same-origin");
        request.header("cookie", cookie.to_owned())
    };
    // The operator's browser has a limit of its own, tied to its cookie. A made-up cookie has none.
    let made_up = format!("{}={}", device.split('=').next().expect("a name"), "A".repeat(43));
    for other in [made_up.as_str(), "a=b"] {
        let answer = by(other).send().await.expect("an answer");
        assert!(leads_to(&answer).starts_with("/sign-in?refused=throttled"), "{answer:?}");
    }
    assert_eq!(leads_to(&by(&device).send().await.expect("an answer")), "/mine");
}

#[apply(on_both!)]
async fn guesses_all_at_once_are_counted_too(server: TestServer) {
    let now = server.now();
    let at_once = join_all((0..GUESSES / 5).map(|n| tries(&server, "ada@example.com", address(n), now))).await;
    assert_eq!(at_once.iter().filter(|tried| tried.is_ok()).count(), FREE);
}

#[apply(on_both!)]
async fn an_address_is_the_peer_s_whatever_a_request_claims(server: TestServer) {
    // Each guess is at another account, so only the address counts. The headers claim many addresses.
    let browser = Browser::new(&server.url);
    let mut answers = vec![];
    for n in 0..24 {
        let form = format!("email=p{n}@example.com&password=not+the+password&back=/mine");
        let request = browser.submits("/sign-in", &form, "same-origin");
        let claims = address(n).to_string();
        let request = request.header("x-forwarded-for", &claims).header("x-real-ip", &claims);
        let request = request.header("forwarded", format!("for={claims}"));
        answers.push(leads_to(&request.send().await.expect("an answer")).to_owned());
    }
    assert!(answers[..20].iter().all(|it| it == "/sign-in?refused=wrong&back=/mine"), "{answers:?}");
    // The first wait is one second, and on a slow machine one response may take that long.
    assert!(answers[20..].iter().any(|it| it.starts_with("/sign-in?refused=throttled")), "{answers:?}");
}

#[apply(on_both!)]
async fn nobody_learns_who_is_there(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let mut told = vec![];
    for email in ["ada@example.com", "nobody@example.com"] {
        let mut browser = Browser::new(&server.url);
        let mut answers = vec![];
        for _ in 0..FREE + 4 {
            let answer = browser.signs_in(email, "not the password", "/mine").await;
            let names: Vec<String> = answer.headers().keys().map(ToString::to_string).collect();
            // The remaining seconds may differ by one.
            let place = leads_to(&answer).split("&seconds").next().expect("a place").to_owned();
            answers.push((place, names));
        }
        let wait = answers.iter().find(|(place, _)| place.contains("throttled")).cloned().expect("a wait");
        answers.truncate(FREE);
        told.push((answers, wait));
    }
    assert_eq!(told[0], told[1]);
}

/// Tests that the memory of password hashes is reused for any caller and address: 19 MiB for each of two at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_guesses_take_no_more_memory_than_two() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let program = Program::start(&database, free_port()).await;
    let before = program.resident();
    for round in 0..3 {
        let guesses = (0..34).map(|n| {
            let form = format!("email=p{round}{n}@example.com&password=not+the+password&back=/mine");
            let url = program.url("");
            async move { Browser::new(&url).posts("/sign-in", &form, "same-origin").await.status() }
        });
        join_all(guesses).await;
    }
    let more = program.resident().saturating_sub(before);
    println!("102 guesses took {more} MiB");
    assert!((20..80).contains(&more), "{more} MiB");
}
