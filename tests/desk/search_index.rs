//! Tests of the index of the search: it is rebuilt while people search, and every search walks it.

use bailout::{
    domain::time::Span,
    server::{
        store::{
            Dialect,
            search::{SearchIndex, index_next},
        },
        words::terms::SearchTerms,
    },
};
use macro_rules_attribute::apply;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row};

use crate::{
    on_both,
    search::{finds, look, whole},
    support::{TestServer, server::soon},
};

/// Leaves the database as an older release would have left it: the index has other words, and none of it is rebuilt.
async fn age_index(server: &TestServer) {
    let statements: &[&str] = match server.desk.store().dialect() {
        Dialect::Sqlite => &[
            "insert into passage_index (passage_index) values ('delete-all')",
            "insert into passage (workspace_id, escalation_id, place, position, words) \
             select workspace_id, escalation_id, seq * 1048576, position, 'parcel late' from message \
             where seq is not null order by seq",
            "update workspace set indexed_seq = 0",
        ],
        Dialect::Postgres => {
            &["update passage set words = to_tsvector('simple', 'parcel late')", "update workspace set indexed_seq = 0"]
        }
    };
    for sql in statements {
        sqlx::query(*sql).execute(server.desk.store().writer()).await.expect("an older index");
    }
}

/// Indexes the remaining texts, as the server's background task does.
async fn rebuild(server: &TestServer) {
    while index_next(server.desk.store(), server.workspace).await.expect("a batch") {}
}

async fn count_rows(server: &TestServer, table: &str) -> i64 {
    let sql = format!("select cast(count(*) as bigint) from {table}");
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(server.desk.store().reader()).await.expect("a count");
    row.get(0)
}

#[apply(on_both!)]
async fn stored_texts_are_indexed_again_while_people_search(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let messages = json!([{"role": "customer", "text": "In der Straße"}]);
    let it = bot.escalates(json!({"conversation": {"id": "conv_1", "messages": messages}})).await;
    for n in 0..120 {
        bot.says(&it, "customer", &format!("Parcel A-{n} is late")).await.ok(201);
    }
    assert!(!look(&server, server.workspace, "parcel", None).await.is_indexing);
    age_index(&server).await;

    // The old index serves searches, new texts are found at once, and every batch indexes a part.
    let before = look(&server, server.workspace, "parcel", None).await;
    assert!(before.is_indexing && before.hits.len() == 25, "{} hits", before.hits.len());
    assert_eq!(finds(&server, "a7 late").await, Vec::<String>::new());
    assert!(index_next(server.desk.store(), server.workspace).await.expect("a batch"), "all at once");
    bot.says(&it, "customer", "Parcel A-777 is late").await.ok(201);
    assert_eq!(finds(&server, "a777 late").await, ["Parcel A-777 is late"]);
    let page = look(&server, server.workspace, "parcel", None).await;
    assert!(page.is_indexing && whole(&page.hits[0]).contains("A-777"));
    assert_eq!(look(&server, server.workspace, "parcel", page.more).await.hits.len(), 25);

    // Two servers index at the same time, and nothing is found twice.
    futures::future::join(rebuild(&server), rebuild(&server)).await;
    for (query, text) in
        [("a7 late", "Parcel A-7 is late"), ("a777 late", "Parcel A-777 is late"), ("strasse", "In der Straße")]
    {
        assert_eq!(finds(&server, query).await, [text], "{query}");
    }
    let index = if server.desk.store().dialect() == Dialect::Sqlite { "passage_index" } else { "passage" };
    // A row each for the opening, its message, and the 121 messages said later.
    assert_eq!(count_rows(&server, index).await, 1 + 1 + 121);
    let after = look(&server, server.workspace, "parcel", None).await;
    assert!(!after.is_indexing && whole(&after.hits[0]).contains("A-777"));
    if server.desk.store().dialect() == Dialect::Sqlite {
        assert_eq!(count_rows(&server, "passage").await, 0, "the former index still has its rows");
        // A page that begins in the former index starts over.
        assert_eq!(look(&server, server.workspace, "parcel", page.more).await, after);
    }
    bot.says(&it, "customer", "Parcel A-778 is late").await.ok(201);
    assert_eq!(finds(&server, "a778").await, ["Parcel A-778 is late"]);
}

#[apply(on_both!)]
async fn a_server_indexes_what_an_older_one_stored(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    for n in 0..120 {
        bot.says(&it, "customer", &format!("Parcel A-{n} is late")).await.ok(201);
    }
    age_index(&server).await;
    let server = server.restarted(Span(0)).await;
    soon("the search index", async || {
        (!look(&server, server.workspace, "parcel", None).await.is_indexing).then_some(())
    })
    .await;
    for n in [0, 60, 119] {
        assert_eq!(finds(&server, &format!("a{n} late")).await, [format!("Parcel A-{n} is late")]);
    }
    assert_eq!(finds(&server, "charged").await.len(), 1);
}

#[apply(on_both!)]
async fn a_search_walks_the_index(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    bot.hands_over("conv_1").await;
    let store = server.desk.store();
    let (explain, index) = match store.dialect() {
        Dialect::Sqlite => ("explain query plan ", "VIRTUAL TABLE INDEX"),
        Dialect::Postgres => ("explain ", "passage_words"),
    };
    let asked = SearchTerms::read("charged").expect("a word");
    let asked = if store.dialect() == Dialect::Sqlite { asked.fts5() } else { asked.tsquery() };
    let mut connection = store.reader().acquire().await.expect("a connection");
    if store.dialect() == Dialect::Postgres {
        // With only a few rows, PostgreSQL would scan the whole table.
        let hay = "insert into passage (workspace_id, place, escalation_id, position, words) \
                select $1, 1000000000 + n, 'esc', -1, to_tsvector('simple', (select string_agg(md5((40 * n + k)::text), ' ') \
                from generate_series(1, 40) k)) from generate_series(1, 5000) n";
        let filled = sqlx::query(hay).bind(server.workspace.to_string()).execute(store.writer()).await;
        assert_eq!(filled.expect("hay").rows_affected(), 5_000);
        sqlx::query("analyze passage").execute(store.writer()).await.expect("statistics");
    }
    let sql = format!("{explain}{}", store.dialect().found(SearchIndex::Current));
    let query = sqlx::query(AssertSqlSafe(sql)).bind(server.workspace.to_string()).bind(asked).bind(i64::MAX);
    let steps = query.bind("").bind("").bind(10_i64).fetch_all(&mut *connection).await.expect("a plan");
    let at = if store.dialect() == Dialect::Sqlite { 3 } else { 0 };
    let steps: Vec<String> = steps.iter().map(|row| row.get(at)).collect();
    let steps = steps.join("; ");
    assert!(steps.contains(index) && !steps.contains("TEMP B-TREE"), "{steps}");
}

#[apply(on_both!)]
async fn the_longest_text_is_taken_and_found(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.escalates(json!({})).await;
    // Letters of four bytes, and every word different: as much text as the index accepts for one message.
    let letter = |n: usize| char::from_u32(0x1_0428 + n as u32).expect("a letter");
    let word = |n: usize| format!("{}{}", letter(n / 40), letter(n % 40)).repeat(8);
    let text: Vec<String> = (0..1_600).map(word).collect();
    bot.says(&it, "customer", &text.join(" ")).await.ok(201);
    assert_eq!(finds(&server, &text[1_599]).await.len(), 1);
    // Each of these letters expands to a sentence.
    bot.says(&it, "customer", &"\u{FDFA}".repeat(32_000)).await.ok(201);
    // Of a very long transcript only the end is indexed.
    let hay = "hay ".repeat(5_000);
    let say = |text: String| json!({"role": "customer", "text": text});
    let messages: Vec<_> = (0..20).map(|n| say(format!("needle{n} {hay}"))).collect();
    bot.escalates(json!({"conversation": {"id": "c", "messages": messages}})).await;
    assert_eq!((finds(&server, "needle19").await.len(), finds(&server, "needle0").await.len()), (1, 0));
}
