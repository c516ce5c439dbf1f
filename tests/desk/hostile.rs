//! Promise 12: a transcript cannot run code or phone home. Each payload of the corpus is put into every text field of
//! agents, customers and operators. The rendered pages are parsed as a browser would, and may contain nothing that a
//! harmless page does not contain. (end2end/stories/hostile-corpus.spec.ts tests what a browser does with them live,
//! under the policy of the page.)

use std::collections::BTreeSet;

use bailout::{domain::operator::Role, server::core::command::OperatorVerb};
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{
    Engine, Person, TestServer,
    browser::Browser,
    markup::{Element, elements, read},
    server::{Agent, id},
};

/// The corpus, which the browser tests use, too.
#[derive(Deserialize)]
struct Corpus {
    /// The actions of payloads, and the shapes of markup that would trigger them.
    deeds: Vec<String>,
    shapes: Vec<String>,
    /// Complete payloads.
    whole: Vec<String>,
    /// Texts to repeat, and how often.
    long: Vec<(String, usize)>,
}

fn payloads() -> Vec<String> {
    let corpus = include_str!("../../end2end/support/hostile.json");
    let Corpus { deeds, shapes, whole, long } = serde_json::from_str(corpus).expect("a corpus");
    let shaped = shapes.iter().flat_map(|shape| deeds.iter().map(|deed| shape.replace("{}", deed)));
    shaped.chain(whole).chain(long.iter().map(|(what, times)| what.repeat(*times))).collect()
}

/// Truncates a payload to the length that a field accepts.
fn cut(payload: &str, most: usize) -> String {
    payload.chars().take(most).collect()
}

/// Returns an escalation with the same text in every field.
fn opening(text: &str) -> Value {
    let (name, key) = (cut(text, 150), cut(text, 100));
    json!({
        "reason": {"code": name, "text": text, "evidence": {&key: text, "nested": {&key: [text]}}},
        "summary": text, "tried": [cut(text, 500)], "customer_told": text,
        "ask": {
            "kind": "decision", "prompt": text, "suggested_reply": text,
            "actions": [{"id": "a1", "name": name, "arguments": {&key: text}}],
            "response_schema": {"type": "object", "properties": {
                &key: {"type": "string", "title": text, "description": text}, "pick": {"enum": [text, "no"]},
            }},
        },
        "conversation": {
            "id": name,
            "messages": [
                {"role": "customer", "text": text, "author": {"id": "x", "name": name}},
                {"role": "agent", "tool_calls": [{"id": "1", "name": name, "arguments": {&key: text}}]},
                {"role": "tool", "tool_result": {"call_id": "1", "output": text, "is_error": true}},
                {"role": name, "strange": text},
            ],
            "customer": {"id": name, "name": name, "email": name, "locale": cut(text, 30)},
        },
        "context": [{"label": key, "value": text}, {"label": "a link", "url": "https://example.com/c/9"}],
        "metadata": {&key: text},
    })
}

/// The elements that every page has in the same number.
const COUNTED: [&str; 9] = ["script", "style", "link", "meta", "title", "base", "html", "head", "body"];
/// Attributes that make a browser fetch something or go somewhere.
const LEADING: [&str; 9] = ["href", "src", "srcset", "srcdoc", "action", "formaction", "data", "poster", "xlink:href"];

fn count(page: &[Element], name: &str) -> usize {
    page.iter().filter(|element| element.name == name).count()
}

/// Returns the facts of an element: its name, its attributes, its classes, and the URLs in it if it is not a link.
fn facts(element: &Element) -> Vec<String> {
    let mut facts = vec![element.name.clone()];
    for (name, value) in &element.attributes {
        facts.push(format!("{} {name}", element.name));
        if name == "class" {
            facts.extend(value.split_ascii_whitespace().map(|class| format!(".{class}")));
        } else if LEADING.contains(&name.as_str()) && element.name != "a" {
            facts.push(format!("{} {name}={value}", element.name));
        }
    }
    facts
}

/// Returns whether a link leads to an own page, or to another site with neither opener nor referrer.
fn leads_well(link: &Element) -> bool {
    let value = |name: &str| link.attributes.iter().find(|(it, _)| it == name).map(|(_, value)| read(value));
    let Some(address) = value("href") else { return true };
    let elsewhere = ["https://", "http://", "mailto:"].iter().any(|scheme| address.starts_with(scheme));
    match address.strip_prefix('/') {
        Some(rest) => !rest.starts_with(['/', '\\']),
        None if address.starts_with('#') => true,
        None => elsewhere && value("rel").is_some_and(|rel| rel.contains("noopener") && rel.contains("noreferrer")),
    }
}

/// The facts of harmless pages.
#[derive(Default)]
struct Known(BTreeSet<String>);

impl Known {
    fn learn(&mut self, page: &[Element]) {
        self.0.extend(page.iter().flat_map(facts));
    }

    /// Returns the faults of a page, compared with a harmless one.
    fn faults(&self, page: &[Element], harmless: &[Element]) -> Vec<String> {
        let unknown = page.iter().flat_map(facts).filter(|fact| !self.0.contains(fact));
        let counted = COUNTED.iter().map(|name| (name, count(page, name), count(harmless, name)));
        let counted = counted.filter(|(_, here, there)| here != there);
        let badly = page.iter().filter(|element| element.name == "a" && !leads_well(element));
        let broken = page.iter().filter(|element| match element.name.as_str() {
            "title" => element.text != "Bailout",
            // Table cells that Bailout renders have a text direction.
            "td" | "th" => !element.attributes.iter().any(|(name, _)| name == "dir"),
            // An open comment or another script inside the script would move its end.
            "script" => ["<!--", "<script"].iter().any(|markup| element.text.to_ascii_lowercase().contains(markup)),
            _ => false,
        });
        let faults = unknown.map(|fact| format!("there is {fact}"));
        let faults = faults.chain(counted.map(|(name, here, there)| format!("{here} × {name} instead of {there}")));
        faults.chain(badly.chain(broken).map(|element| format!("{element:?}"))).collect()
    }
}

/// Opens an escalation, and repeats the text as customer, agent and operator, and in a note.
async fn tell(bot: &Agent, ada: &Person, text: &str) -> String {
    let opened = bot.post("/escalations", opening(text)).await.ok(201);
    let it = opened["id"].as_str().expect("an id").to_owned();
    bot.says(&it, "customer", text).await.ok(201);
    bot.says(&it, "agent", text).await.ok(201);
    let fence = ada.claims(&it).await.expect("a claim");
    let escalation = id(&it);
    let take = OperatorVerb::TakeOver { fence: Some(fence) };
    ada.does(escalation, take).await.expect("a take-over");
    ada.replies(&it, fence, text).await.expect("a reply");
    let text = bailout::domain::text::NoteText::parse(text).expect("a note");
    ada.does(escalation, OperatorVerb::Note { text }).await.expect("a note");
    it
}

async fn page(browser: &Browser, path: &str) -> String {
    let page = browser.gets(path).await;
    assert_eq!(page.status(), 200, "{path}");
    page.text().await.expect("a page")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_comes_out_of_a_text_but_text() {
    let server = TestServer::start(Engine::Sqlite).await.expect("SQLite is always there");
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let browser = Browser::of("Ada", &server.url).await;
    // All the forms that harmless text can be rendered in.
    let every_form = "Plain, **bold**, *leaning*, `code`, [a link](https://example.com/), hid\u{202e}den.\n\n\
                      ## A heading and ~~what was struck out~~, mail@example.com\n\n\
                      - one\n- two\n\n1. first\n\n> said\n\n```\ncode\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |";
    let plain = tell(&bot, &ada, "harmless").await;
    let rich = tell(&bot, &ada, every_form).await;
    let mut known = Known::default();
    let list = elements(&page(&browser, "/all").await);
    let harmless = page(&browser, &format!("/e/{plain}")).await;
    let thread = elements(&harmless);
    known.learn(&list);
    for it in [&plain, &rich] {
        known.learn(&elements(&page(&browser, &format!("/e/{it}")).await));
        bot.post(&format!("/escalations/{it}/cancel"), json!({"reason": "harmless"})).await.ok(200);
        known.learn(&elements(&page(&browser, &format!("/e/{it}")).await));
    }

    let payloads = payloads();
    let told = payloads.iter().map(async |payload| {
        let it = tell(&bot, &ada, payload).await;
        let html = elements(&page(&browser, &format!("/e/{it}")).await);
        let listed = elements(&page(&browser, "/all").await);
        // Closing the escalation makes room on the list for the next one.
        bot.post(&format!("/escalations/{it}/cancel"), json!({"reason": cut(payload, 2_000)})).await.ok(200);
        let closed = elements(&page(&browser, &format!("/e/{it}")).await);
        for (html, harmless) in [(&html, &thread), (&listed, &list), (&closed, &thread)] {
            let faults = known.faults(html, harmless);
            assert!(faults.is_empty(), "{payload:?}: {faults:#?}");
        }
        // The text itself is on the page, unchanged, if all its characters are visible.
        let words: String = html.iter().filter(|it| it.name != "script").map(|it| read(&it.text)).collect();
        let visible = payload.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ');
        assert!(!visible || words.contains(payload), "{payload:?} was lost");
    });
    stream::iter(told).buffered(4).collect::<Vec<()>>().await;

    // The control: unescaped payloads in the page are noticed whenever they contain markup.
    let marked =
        |payload: &&String| payload.contains('<') && !elements(&format!("<p>{payload}")).split_at(1).1.is_empty();
    let markup: Vec<&String> = payloads.iter().filter(marked).collect();
    let unnoticed =
        |payload: &&&String| known.faults(&elements(&harmless.replacen("harmless", payload, 40)), &thread).is_empty();
    let unnoticed: Vec<_> = markup.iter().filter(unnoticed).collect();
    println!(
        "{} payloads in every field and voice: no element, attribute, class or address that harmless text has not; \
         control: of {} with markup, unescaped, {} go unnoticed",
        payloads.len(),
        markup.len(),
        unnoticed.len()
    );
    assert!(payloads.len() >= 200 && markup.len() > 100 && unnoticed.is_empty(), "{unnoticed:?}");
}
