//! Tests that search finds every text that operators read, by words alone, and only within their workspace.

use std::collections::BTreeSet;

use bailout::{
    domain::{
        disposition::Disposition,
        event::TransferTarget,
        found::{SearchHit, SearchPage},
        ids::{AgentId, WorkspaceId},
        operator::Role,
        outcome::Resolution,
        text::{Name, NoteText},
    },
    server::{
        clock::mint,
        core::command::OperatorVerb,
        keys::ApiKey,
        store::{
            Dialect, agents,
            search::{SearchIndex, SearchQuery, find},
        },
        words::terms::SearchTerms,
    },
};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, between, leads_to},
        markup::{elements, read},
        server::{Agent, id},
    },
};

pub async fn look(server: &TestServer, workspace: WorkspaceId, text: &str, before: Option<i64>) -> SearchPage {
    let Some(asked) = SearchTerms::read(text) else { return SearchPage::default() };
    find(server.desk.store(), workspace, SearchQuery { asked, open: None, agent: None, before })
        .await
        .expect("an answer")
}

/// Returns the snippets that are found, newest first, as one text each.
pub async fn finds(server: &TestServer, text: &str) -> Vec<String> {
    look(server, server.workspace, text, None).await.hits.iter().map(whole).collect()
}

pub fn whole(hit: &SearchHit) -> String {
    hit.snippet.iter().map(|(text, _)| text.as_str()).collect()
}

/// Opens an escalation with a unique word in each text of the opening, and returns its id.
pub async fn opened(bot: &Agent) -> String {
    bot.escalates(json!({
        "reason": {"code": "policy_limit", "text": "Because zebra."},
        "summary": "A walrus was charged twice.",
        "tried": ["Asked the ocelot"],
        "customer_told": "We ask the heron.",
        "context": [{"label": "Plan", "value": "Gold marmot", "url": "https://example.com/lemur"}],
        "conversation": {
            "id": "conv_badger",
            "customer": {"name": "Zoë Ångström", "email": "zoe@example.org", "id": "cus_otter"},
            "messages": [{"role": "customer", "text": "My order A-4721 is a Crème brûlée."}, {"role": "agent", "text": "見積書を東京から送ります"}],
        },
    }))
    .await
}

#[apply(on_both!)]
async fn every_text_that_people_read_is_found(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (ada, ana) = (server.person("Ada", Role::Operator).await, server.person("Ana", Role::Supervisor).await);
    let it = opened(&bot).await;
    bot.says(&it, "customer", "Where is my pelican?").await.ok(201);
    let fence = ada.claims(&it).await.expect("a claim");
    ada.replies(&it, fence, "The **flamingo** comes.").await.expect("a reply");
    let text = NoteText::parse("Beware of the tapir.").expect("a note");
    ada.does(id(&it), OperatorVerb::Note { text }).await.expect("a note");
    let note = Some(NoteText::parse("You know the ibis.").expect("a note"));
    let to = TransferTarget::Operator(ana.operator.who.clone());
    let verb = OperatorVerb::Transfer { fence: Some(fence), to, note };
    let fence = ada.does(id(&it), verb).await.expect("a transfer").current.escalation.fence;
    let note_to_agent = Some(NoteText::parse("Ask the gecko next time.").expect("a note"));
    let resolution = Resolution { note_to_agent, ..Resolution::bare(Disposition::Handled) };
    ana.resolves(&it, Some(fence), resolution).await.expect("an end");
    let other = bot.escalates(json!({})).await;
    bot.post(&format!("/escalations/{other}/cancel"), json!({"reason": "The quokka left."})).await.ok(200);

    for word in [
        "zebra",
        "walrus",
        "ocelot",
        "heron",
        "marmot",
        "lemur",
        "badger",
        "otter",
        "pelican",
        "flamingo",
        "tapir",
        "ibis",
        "gecko",
        "quokka",
        // With case and accents folded, by prefix, by parts, without spaces.
        "zoe angstrom",
        "ZOË",
        "zoe@example.org",
        "creme brulee",
        "CRÈME BRÛ",
        "peli",
        "order a-4721",
        "policy because",
        "東京",
        "京から",
        "4721",
    ] {
        assert_eq!(finds(&server, word).await.len(), 1, "{word}: {:?}", finds(&server, word).await);
    }
    // Only the last word may be a prefix. All words must be in one text. The middle of a word does not match.
    for word in ["peli where", "zebra pelican", "elican", "京東", "unheard"] {
        assert_eq!(finds(&server, word).await, Vec::<String>::new(), "{word}");
    }
    let hit = look(&server, server.workspace, "where peli", None).await.hits.remove(0);
    assert_eq!(hit.row.id.to_string(), it);
    let piece = |text: &str, marked| (text.to_owned(), marked);
    assert_eq!(hit.snippet, [piece("Where", true), piece(" is my ", false), piece("pelican", true), piece("?", false)]);

    // Results narrowed to open escalations, and to an agent.
    let count = async |open, agent| {
        let asked = SearchTerms::read("a").expect("a word");
        find(server.desk.store(), server.workspace, SearchQuery { asked, open, agent, before: None })
            .await
            .expect("hits")
            .hits
            .len()
    };
    let (all, own) = (count(None, None).await, Some(hit.row.agent.id));
    assert!(all > 2 && count(Some(false), own).await == all && count(Some(true), None).await == 0);
    assert_eq!(count(None, Some(AgentId::new(mint()))).await, 0);
}

#[apply(on_both!)]
async fn tools_evidence_metadata_and_actions_are_found(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let hay = "hay ".repeat(4_000);
    let messages = json!([
        {"role": "customer", "text": "Where is it?"},
        {"role": "agent", "tool_calls": [
            {"id": "c1", "name": "find_parcel", "arguments": {"carrier": "pangolin", "note": "first\nmanatee"}},
        ]},
        {"role": "tool", "tool_result": {"call_id": "c1", "output": {"state": ["lost in Narwhal"]}}},
        {"role": "tool", "tool_result": {"call_id": "c2", "output": format!("{hay} axolotl {hay} capybara")}},
    ]);
    bot.escalates(json!({
        "reason": {"code": "policy_limit", "text": "Too much", "evidence": {"limit": {"unit": "quoll"}}},
        "ask": {"kind": "decision", "actions": [{"id": "a", "name": "refund", "arguments": {"memo": "okapi"}}]},
        "metadata": {"shipment": {"vessel": "Dugong"}},
        "conversation": {"id": "conv_1", "messages": messages},
    }))
    .await;
    for word in ["find_parcel", "findparcel", "pangolin", "manatee", "narwhal", "axolotl", "quoll", "okapi", "dugong"] {
        assert_eq!(finds(&server, word).await.len(), 1, "{word}");
    }
    // Only the first 16 KiB of a message's tool results are indexed.
    assert_eq!(finds(&server, "capybara").await, Vec::<String>::new());
    // A snippet shows names and values as text, and the words as they are written.
    assert_eq!(finds(&server, "Manatee").await, ["find_parcel\ncarrier: pangolin\nnote: first\nmanatee\n"]);
    let hit = look(&server, server.workspace, "narwhal", None).await.hits.remove(0);
    assert!(hit.snippet.contains(&("Narwhal".to_owned(), true)), "{:?}", hit.snippet);
}

#[apply(on_both!)]
async fn words_are_found_however_they_are_written(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.escalates(json!({})).await;
    let spellings: [(&[&str], &[&str]); 8] = [
        (&["Straße 5", "STRASSE 5"], &["strasse", "straße", "Strasse 5"]),
        (&["Łódź", "Lodz"], &["lodz", "łódź", "ŁÓDŹ"]),
        (&["Þórður Ærø", "thordur aero"], &["thordur", "þórður", "aero", "ærø"]),
        (&["A-4721", "a4721", "A/4721", "Ａ－４７２１"], &["a4721", "A-4721", "a_4721", "ａ４７２１"]),
        (&["e-mail", "email", "E\u{2011}Mail"], &["email", "e-mail", "E-MAIL"]),
        (&["+49 170 123", "+49170123", "+49-170/123", "(+49) 170 123"], &["+49 170 123", "49170123", "+49-170-123"]),
        (&["INV/2024/17", "INV-2024-17", "INV202417"], &["inv/2024/17", "inv202417", "INV-2024-17", "inv2024/17"]),
        (&["Ms O’Brien", "Ms OBrien"], &["obrien", "o'brien", "O’Brien"]),
    ];
    let said = |text: &str| format!("About {text}, please.");
    for text in spellings.iter().flat_map(|(texts, _)| texts.iter()) {
        bot.says(&it, "customer", &said(text)).await.ok(201);
    }
    for (texts, queries) in spellings {
        let texts: BTreeSet<String> = texts.iter().map(|text| said(text)).collect();
        for query in queries {
            // Each query is searched for as a prefix and as a whole word.
            for query in [(*query).to_owned(), format!("{query} please")] {
                let found = finds(&server, &query).await;
                assert_eq!(found.len(), texts.len(), "{query}: {found:?}");
                assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), texts, "{query}");
            }
        }
    }
}

#[apply(on_both!)]
async fn what_is_typed_is_never_an_operator(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Viewer).await;
    let it = bot.hands_over("conv_1").await;
    let said = r#"She said: "NEAR(a b)" OR -c* AND NOT it's d\e (f|g) & !h <-> ^i {j} $1 %s"#;
    bot.says(&it, "customer", said).await.ok(201);
    bot.says(&it, "customer", "Something else").await.ok(201);
    let ada = Browser::of("Ada", &server.url).await;
    let operators = [
        "\"",
        "\"\"",
        "*",
        "near(a b)",
        "OR",
        "OR -c",
        "a AND NOT it's",
        "NOT",
        "words:a",
        "passage:",
        "-c",
        "'",
        "''",
        "it's",
        "\0",
        "o\0r",
        "(",
        "))",
        "f|g",
        "& !h",
        "<->",
        "^i",
        "{j}",
        "$1",
        "%s",
        "d\\e",
        "\\",
        "NEAR(",
        "a* b*",
        ":*",
        "'x':*",
        "--",
        ";",
    ];
    for typed in operators {
        let encoded: String = typed.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = ada.gets(&format!("/search?q={encoded}")).await;
        assert_eq!(answer.status(), 200, "{typed:?}");
        let drawn = answer.text().await.expect("a page");
        let words_in_it: Vec<String> =
            typed.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let is_there = !words_in_it.is_empty() && !["words:a", "passage:", "o\0r", "'x':*"].contains(&typed);
        assert_eq!(drawn.contains("aria-label=\"Results\""), is_there, "{typed:?}");
        assert!(!drawn.contains("Something else"), "{typed:?}");
    }
    for unreadable in ["status=x", "agent=x", "before=x"] {
        assert_eq!(ada.gets(&format!("/search?{unreadable}")).await.status(), 400, "{unreadable}");
    }
}

#[apply(on_both!)]
async fn pages_are_complete_and_repeat_nothing_while_more_is_said(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let mut ids = vec![];
    for n in 0..3 {
        ids.push(bot.hands_over(&format!("conv_{n}")).await);
    }
    for n in 0..60 {
        bot.says(&ids[n % 3], "customer", &format!("My parcel number {n} is late")).await.ok(201);
    }
    let (mut seen, mut before, mut pages) = (vec![], None, 0);
    loop {
        let page = look(&server, server.workspace, "parcel lat", before).await;
        seen.extend(page.hits.iter().map(whole));
        pages += 1;
        // A new message comes while the operator reads. The message is newer, so no later page has it.
        bot.says(&ids[pages % 3], "customer", "Another parcel is late").await.ok(201);
        before = page.more;
        if before.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..60).rev().map(|n| format!("My parcel number {n} is late")).collect();
    assert_eq!((seen, pages), (expected, 3));
}

#[apply(on_both!)]
async fn what_an_agent_corrected_is_found(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    let context = json!([{"label": "Parcel", "value": "gamboge"}]);
    let body = json!({
        "summary": "mauve", "tried": ["cerise"], "context": context, "customer": {"email": "puce@example.com"},
        "ask": {"prompt": "ochre?", "suggested_reply": "sepia"},
    });
    bot.asks(Method::PATCH, &format!("/escalations/{it}"), Some(body), &[]).await.ok(200);
    for word in ["mauve", "cerise", "gamboge", "puce", "ochre", "sepia"] {
        assert_eq!(finds(&server, word).await.len(), 1, "{word}");
    }
    assert_eq!(finds(&server, "vermilion").await.len(), 0);
}

#[apply(on_both!)]
async fn another_workspace_is_never_found(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    bot.hands_over("conv_1").await;
    let other = WorkspaceId::new(mint());
    let store = server.desk.store();
    let sql = "insert into workspace (id, name, head, open, created_at) values ($1, 'other', 0, 0, 0)";
    sqlx::query(sql).bind(other.to_string()).execute(store.writer()).await.expect("a workspace");
    let sql = "insert into queue (workspace_id, id, name, created_at) select $1, id, name, created_at from queue";
    sqlx::query(sql).bind(other.to_string()).execute(store.writer()).await.expect("a queue");
    let key = ApiKey::mint(false).expect("a key");
    let mut tx = store.begin_write().await.expect("a transaction");
    let name = Name::parse("other-bot").expect("a name");
    agents::add(&mut tx, other, &name, &key, server.now()).await.expect("an agent").expect("a new one");
    tx.commit().await.expect("a commit");
    let others = Agent { key: key.reveal(), ..bot.clone() };
    let it = others.hands_over("conv_1").await;
    others.says(&it, "customer", "canary").await.ok(201);

    assert_eq!(finds(&server, "canary").await, Vec::<String>::new());
    assert_eq!(finds(&server, "charged").await.len(), 1);
    assert_eq!(look(&server, other, "canary", None).await.hits.len(), 1);
    // The control: a statement without the workspace condition finds it.
    let dialect = store.dialect();
    let scoped = dialect.found(SearchIndex::Current);
    assert!(scoped.contains("passage.workspace_id = $1"));
    let asked = SearchTerms::read("canary").expect("a word");
    for (sql, found) in [(scoped.to_owned(), 0), (scoped.replace("passage.workspace_id = $1", "$1 <> ''"), 1)] {
        let asked = if dialect == Dialect::Sqlite { asked.fts5() } else { asked.tsquery() };
        let query = sqlx::query(AssertSqlSafe(sql)).bind(server.workspace.to_string()).bind(asked).bind(i64::MAX);
        let rows = query.bind("").bind("").bind(10_i64).fetch_all(store.reader()).await.expect("rows");
        assert_eq!(rows.len(), found);
    }
}

#[apply(on_both!)]
async fn what_is_found_of_one_escalation_stands_together(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Viewer).await;
    let [first, second] = [bot.hands_over("conv_1").await, bot.hands_over("conv_2").await];
    for (n, it) in [&first, &first, &second, &first, &first].into_iter().enumerate() {
        bot.says(it, "customer", &format!("Parcel number {n}")).await.ok(201);
    }
    let ada = Browser::of("Ada", &server.url).await;
    let page = ada.sees("/search?q=parcel", 200).await;
    let results = between(&page, "aria-label=\"Results\"", "</ol>");
    let rows: Vec<&str> = results.split("<li").skip(1).collect();
    let shown = |row: &str| (0..5).filter(|n| row.contains(&format!("</mark> number {n}"))).collect::<Vec<_>>();
    assert_eq!(rows.len(), 2, "{results}");
    // The newest text of each escalation comes first; of many texts only some are shown.
    assert!(rows[0].contains(&first) && rows[1].contains(&second), "{results}");
    assert_eq!((shown(rows[0]), shown(rows[1])), (vec![1, 3, 4], vec![2]), "{results}");
}

#[apply(on_both!)]
async fn the_page_shows_text_as_text(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Viewer).await;
    let hostile = "<img src=x onerror=alert(1)> needle </a></mark><script>alert(2)</script> pay\u{202E}lla";
    let conversation =
        json!({"id": "c", "customer": {"name": "<b>Dana</b>"}, "messages": [{"role": "customer", "text": hostile}]});
    let it = bot.escalates(json!({"conversation": conversation})).await;
    let nobody = Browser::at(&server);
    assert_eq!(leads_to(&nobody.gets("/search?q=needle").await), "/sign-in?back=/search%3Fq%3Dneedle");
    let by_key = nobody.asks("/search?q=needle").bearer_auth(&bot.key).send().await.expect("an answer");
    assert_eq!(by_key.status(), 303, "an API key searches nothing");

    let ada = Browser::of("Ada", &server.url).await;
    let empty = ada.gets("/search").await.text().await.expect("a page");
    assert!(!empty.contains("Nothing was found") && empty.contains("Finds messages"));
    let drawn = ada.gets("/search?q=%22%3E%3Cscript%3E+needle&status=open").await.text().await.expect("a page");
    let page = elements(&drawn);
    let names: BTreeSet<&str> = page.iter().map(|it| it.name.as_str()).collect();
    assert!(["img", "b"].iter().all(|name| !names.contains(name)), "{names:?}");
    let value = |it: &crate::support::markup::Element, name: &str| {
        it.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| read(value))
    };
    // The only script is the one of plain pages.
    let scripts: Vec<_> = page.iter().filter(|it| it.name == "script").map(|it| value(it, "src")).collect();
    assert_eq!(scripts, [Some("/enhance.js".to_owned())]);
    let field = page.iter().find(|it| value(it, "name").as_deref() == Some("q")).expect("the field");
    assert_eq!(value(field, "value").as_deref(), Some("\"><script> needle"));
    let marked: Vec<&str> = page.iter().filter(|it| it.name == "mark").map(|it| it.text.as_str()).collect();
    let begin = ["needle &lt;", "script&gt;", "script&gt;"];
    assert!(marked.len() == 3 && marked.iter().zip(begin).all(|(text, begin)| text.starts_with(begin)), "{marked:?}");
    assert!(page.iter().any(|link| value(link, "href") == Some(format!("/e/{it}"))), "a way to it");
    assert!(drawn.contains("U+202E") && !drawn.contains('\u{202E}'));
    let nothing = ada.gets("/search?q=unheard").await.text().await.expect("a page");
    assert!(nothing.contains("Nothing was found"));
}
