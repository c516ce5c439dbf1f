//! What one caller sends does not make pages, streams or endings large for others.

use bailout::{
    domain::{operator::Role, outcome::MOST_BYTES},
    server::store::messages,
};
use serde_json::json;

use crate::{
    on_both,
    support::{TestServer, browser::Browser, server::id},
};

on_both! {
    async fn a_page_has_the_beginning_of_what_is_long(server: TestServer) {
        let bot = server.agent("billing-bot").await;
        server.person("Ada", Role::Operator).await;
        let long = "x".repeat(70_000);
        let it = bot.escalates(json!({"conversation": {"messages": [
            {"role": "customer", "text": long},
            {"role": "agent", "tool_calls": [{"id": "1", "name": "find", "arguments": {"q": long}}]},
            {"role": "tool", "tool_result": {"call_id": "1", "output": long}},
            {"role": "nobody", "strange": long},
        ]}})).await;
        let browser = Browser::of("Ada", &server.url).await;
        let page = browser.sees(&format!("/e/{it}"), 200).await;
        assert!(page.len() < 600_000, "{}", page.len());
        assert!(page.contains("Show all (70,000 characters)"));
        // No run of text is so long that a browser splits it; that of the script is data.
        let drawn = page.split("<script type=\"application/json\"").next().expect("a page");
        assert!(drawn.split(['<', '>']).all(|text| text.encode_utf16().count() < 65_536));
        let asked = format!("id={it}&position=0&part=text&index=0");
        let whole = browser.calls("whole", &asked).send().await.expect("an answer").text().await.expect("a text");
        assert_eq!(whole, format!("\"{long}\""));
    }

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
        let earlier = server.desk.earlier(server.workspace, id(&it), first).await.expect("a read");
        assert_eq!(earlier.last().map(|shown| shown.message.position), Some(first - 1));
    }

    async fn an_ending_reads_what_it_repeats(server: TestServer) {
        let bot = server.agent("billing-bot").await;
        let it = bot.hands_over("conv_1").await;
        for _ in 0..120 {
            bot.says(&it, "customer", &"x".repeat(30_000)).await.ok(201);
        }
        let key = (server.workspace, id(&it));
        let mut connection = server.desk.store().reader().acquire().await.expect("a connection");
        let said = messages::said_since_open(&mut connection, &[key]).await.expect("a read").remove(&key).expect("some");
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
}
