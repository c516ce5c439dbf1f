//! Tests that large input of one caller does not make pages, streams or outcomes large for others.

use bailout::{
    domain::{operator::Role, outcome::MOST_BYTES, seq::Seq},
    server::{
        core::{
            log::{Audience, follow},
            open_streams::Credential,
        },
        keys::ApiKey,
        store::{events, messages},
    },
};
use futures::StreamExt;
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        TestServer,
        browser::Browser,
        server::{Agent, id},
    },
};

#[apply(on_both!)]
async fn a_page_has_the_beginning_of_what_is_long(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Operator).await;
    let long = "x".repeat(70_000);
    let it = bot
        .escalates(json!({"conversation": {"messages": [
            {"role": "customer", "text": long},
            {"role": "agent", "tool_calls": [{"id": "1", "name": "find", "arguments": {"q": long}}]},
            {"role": "tool", "tool_result": {"call_id": "1", "output": long}},
            {"role": "nobody", "strange": long},
        ]}}))
        .await;
    let browser = Browser::of("Ada", &server.url).await;
    let page = browser.sees(&format!("/e/{it}"), 200).await;
    assert!(page.len() < 600_000, "{}", page.len());
    assert!(page.contains("Show all (70,000 characters)"));
    // No text is so long that a browser splits it. The text of the script is data, so it is not checked.
    let drawn = page.split("<script type=\"application/json\"").next().expect("a page");
    assert!(drawn.split(['<', '>']).all(|text| text.encode_utf16().count() < 65_536));
    let asked = format!("id={it}&position=0&part=text&index=0");
    let whole = browser.calls("whole", &asked).send().await.expect("an answer").text().await.expect("a text");
    assert_eq!(whole, format!("\"{long}\""));
}

#[apply(on_both!)]
async fn an_app_with_as_many_waits_as_it_may_have_can_still_write(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let key = ApiKey::parse(&bot.key).expect("a key").public_id().to_owned();
    let register = |_| server.desk.open_streams().register(Credential::Key(key.clone()), usize::MAX);
    let open: Vec<_> = (0..1_000).map(register).collect();
    let it = bot.hands_over("conv_1").await;
    bot.says(&it, "customer", "Hello?").await.ok(201);
    let wait = format!("/escalations/{it}?wait=0");
    assert_eq!(bot.get(&wait).await.refused(429), "too_many_streams");
    drop(open);
    bot.get(&wait).await.ok(200);
}

#[apply(on_both!)]
async fn a_page_of_many_long_messages_is_bounded(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Operator).await;
    let message = json!({"role": "customer", "text": "- a\n".repeat(8_000)});
    let it = bot.escalates(json!({"conversation": {"messages": vec![message; 150]}})).await;
    let browser = Browser::of("Ada", &server.url).await;
    let page = browser.sees(&format!("/e/{it}"), 200).await;
    assert!(page.len() < 4_000_000, "{}", page.len());
    assert!(page.contains("Show earlier messages"));
    let thread = server.desk.thread(server.workspace, id(&it)).await.expect("a read").expect("a thread");
    let first = thread.messages[0].message.position;
    assert!(first > 0 && thread.has_earlier());
    let earlier = server.desk.earlier_messages(server.workspace, id(&it), first).await.expect("a read");
    assert_eq!(earlier.last().map(|shown| shown.message.position), Some(first - 1));
}

#[apply(on_both!)]
async fn an_ending_reads_what_it_repeats(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    for _ in 0..120 {
        bot.says(&it, "customer", &"x".repeat(30_000)).await.ok(201);
    }
    let key = (server.workspace, id(&it));
    let mut connection = server.desk.store().reader().acquire().await.expect("a connection");
    let said =
        messages::messages_since_open(&mut connection, &[key]).await.expect("a read").remove(&key).expect("some");
    drop(connection);
    let bytes: usize = said.iter().map(|message| message.text.as_deref().unwrap_or_default().len()).sum();
    assert_eq!(said.len(), 120);
    assert!((MOST_BYTES..MOST_BYTES + 30_000).contains(&bytes), "{bytes}");
    bot.post(&format!("/escalations/{it}/cancel"), json!({"reason": "never mind"})).await.ok(200);
    let outcome = bot.get(&format!("/escalations/{it}")).await.ok(200)["outcome"].clone();
    assert_eq!(outcome["messages"].as_array().map(Vec::len), Some(4));
    assert_eq!(outcome["messages_left_out"], 116);
    assert_eq!(outcome["unanswered"].as_array().map(Vec::len), Some(120));
}

#[apply(on_both!)]
async fn answers_to_agents_have_about_a_quarter_of_a_megabyte_and_lead_on(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let item = json!({"label": "a long value", "value": "x".repeat(4_000)});
    let large = json!({"context": vec![item; 15]});
    let mut opened = vec![];
    for n in 0..40 {
        opened.push(bot.escalates(large.clone()).await);
        if n % 2 == 0 {
            bot.post(&format!("/escalations/{}/cancel", opened[n]), json!({"reason": "done"})).await.ok(200);
        }
    }
    opened.reverse();
    for (query, expected) in [
        ("limit=200", opened.clone()),
        ("limit=200&status=cancelled", opened.iter().skip(1).step_by(2).cloned().collect()),
    ] {
        let pages = pages(&bot, "/escalations", query, |item| item["id"].as_str().expect("an id").to_owned()).await;
        assert!(pages.len() > 1, "{query}");
        assert_eq!(pages.concat(), expected, "{query}");
    }

    let it = bot.hands_over("conv_1").await;
    for n in 0..60 {
        bot.says(&it, "customer", &format!("{n} {}", "x".repeat(30_000))).await.ok(201);
    }
    let number = |text: &str| text.split(' ').next().expect("a number").parse::<usize>().ok();
    for (query, name) in [("limit=200", "text"), ("limit=200&format=openai.chat", "content")] {
        let path = format!("/escalations/{it}/transcript");
        let pages = pages(&bot, &path, query, |item| item[name].as_str().and_then(number)).await;
        assert!(pages.len() > 1, "{query}");
        assert_eq!(pages.concat().into_iter().flatten().collect::<Vec<_>>(), (0..60).collect::<Vec<_>>(), "{query}");
    }
    let (mut heard, mut after) = (0, String::new());
    while heard < 61 {
        let path = format!("/escalations/{it}/events?limit=200{after}");
        let answer = bot.get(&path).await;
        assert!(answer.text.len() < 400_000, "{}", answer.text.len());
        let answer = answer.ok(200);
        let events = answer["items"].as_array().expect("events").len();
        assert!(events > 0);
        heard += events;
        after = format!("&after={}", answer["cursor"].as_str().expect("a cursor"));
    }
    assert_eq!(heard, 61);
}

#[apply(on_both!)]
async fn a_listener_reads_a_quarter_of_a_megabyte_at_a_time(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    for _ in 0..20 {
        bot.escalates(json!({"resume": {"state": "x".repeat(60_000)}})).await;
    }
    let (store, workspace) = (server.desk.store(), server.workspace);
    let head = server.desk.head(workspace).await.expect("a head");
    let (mut after, mut heard) = (Seq(0), 0);
    while after < head {
        let read = events::between(store, workspace, Audience::Operators, after, head, 256, 256 * 1024).await;
        let read = read.expect("a read");
        let bytes: usize = read.items.iter().map(|event| event.size()).sum();
        assert!(bytes <= 256 * 1024, "{bytes}");
        heard += read.items.len();
        after = if read.is_cut { read.items.last().expect("an event").seq } else { head };
    }
    assert_eq!(heard, 20);
    // An event that is larger than the limit is read alone.
    let read = events::between(store, workspace, Audience::Operators, Seq(0), head, 256, 10).await.expect("a read");
    assert!(read.is_cut && read.items.len() == 1);
    // Three subscribers, one after another, each receive all events.
    let epoch = server.desk.store().epoch();
    for _ in 0..3 {
        let all =
            follow(server.desk.log(), server.desk.store(), workspace, Audience::Operators, &epoch, Seq(0)).take(20);
        assert_eq!(all.filter_map(async |event| event.ok()).count().await, 20);
    }
}

/// Walks all pages of a list, and returns their items. No page is much larger than a quarter of a megabyte.
async fn pages<T>(bot: &Agent, path: &str, query: &str, of: impl Fn(&Value) -> T) -> Vec<Vec<T>> {
    let (mut pages, mut after) = (vec![], String::new());
    loop {
        let answer = bot.get(&format!("{path}?{query}{after}")).await;
        assert!(answer.text.len() < 400_000, "{}", answer.text.len());
        let answer = answer.ok(200);
        pages.push(answer["items"].as_array().expect("items").iter().map(&of).collect());
        match answer["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return pages,
        }
    }
}
