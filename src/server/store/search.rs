//! Search over all texts that people read: messages, notes, and the fields of the opening. Each such text is a passage.
//! The writer indexes it in the transaction that stores it. Search finds the passages that have all the words, newest
//! first, because people mostly look for recent texts. An order by rank would change with every new text, so that pages
//! would repeat or omit passages.
//!
//! After a migration that changes the index, `workspace.indexed_seq` says up to which event it is rebuilt, and
//! [`index_next`] continues there. Once `indexed_seq` equals the head, the writer moves both together.

use std::{collections::HashMap, time::Duration};

use sqlx::{AnyConnection, Row as _};

use super::{
    Dialect, Store,
    escalations::parse,
    events,
    passages::{Passage, seq_of, text_of_event, text_of_message},
    rows::{chunks, with_rows},
    workspaces,
};
use crate::{
    domain::{
        event::EventKind,
        found::{SearchHit, SearchPage},
        ids::{AgentId, EscalationId, WorkspaceId},
        inbox::Row,
        message::Message,
        seq::Seq,
    },
    server::{
        core::recorded::parse_event,
        error::Error,
        words::{index_words, terms::SearchTerms},
    },
};

/// The number of passages per page.
const PAGE: usize = 25;
/// The maximum number of stored events that one transaction indexes. Batches are small, because the writer waits.
const READ_BATCH: i64 = 50;
/// The timeout for storing a batch. The last batch also empties the former index.
const STORED_WITHIN: Duration = Duration::from_secs(60);
/// The number of bytes of text after which a batch ends.
const READ_BYTES: usize = 256 * 1024;

/// An index of a SQLite database. PostgreSQL has only the current one, because it replaces rows in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchIndex {
    Current,
    /// The index that serves searches until the current one has every event.
    Former,
}

impl SearchIndex {
    /// Returns the index in which a workspace is searched and to which new passages are added.
    pub fn in_use(dialect: Dialect, is_complete: bool) -> Self {
        if dialect == Dialect::Sqlite && !is_complete { Self::Former } else { Self::Current }
    }
}

/// Both SQLite indexes have the same columns. The cursor is the `rowid` of the index, because SQLite can walk backwards
/// without sorting only by `rowid`.
macro_rules! found_on_sqlite {
    ($index:literal) => {
        concat!(
            "select passage.rowid, passage.place, passage.escalation_id, passage.position, e.row from ",
            $index,
            " as passage cross join escalation e \
             on e.workspace_id = passage.workspace_id and e.id = passage.escalation_id \
             where passage.",
            $index,
            " match $2 and passage.workspace_id = $1 and passage.rowid < $3 \
             and ($4 = '' or e.agent_id = $4) \
             and ($5 = '' or $5 = case when e.closed_at is null then 'open' else 'closed' end) \
             order by passage.rowid desc limit $6"
        )
    };
}

impl Dialect {
    /// Returns the statement that inserts passages. Both databases write the same columns, but words in different
    /// formats.
    fn index(self, index: SearchIndex) -> &'static str {
        match (self, index) {
            (Self::Sqlite, SearchIndex::Current) => {
                "insert into passage_index (workspace_id, escalation_id, place, position, words) values {rows}"
            }
            (Self::Sqlite, SearchIndex::Former) => {
                "insert into passage (workspace_id, escalation_id, place, position, words) values {rows}"
            }
            (Self::Postgres, _) => {
                "insert into passage (workspace_id, escalation_id, place, position, words) \
                 select column1, column2, column3, column4, cast(column5 as tsvector) from (values {rows}) fresh \
                 on conflict (workspace_id, place) do update set words = excluded.words"
            }
        }
    }

    /// Returns the words of a text in the index format of this database.
    fn indexed(self, text: &str) -> String {
        let words = index_words(text);
        match self {
            Self::Sqlite => words.join(" "),
            Self::Postgres => {
                let placed = words.iter().enumerate().map(|(at, word)| format!("'{word}':{}", at + 1));
                placed.collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn asked(self, asked: &SearchTerms) -> String {
        match self {
            Self::Sqlite => asked.fts5(),
            Self::Postgres => asked.tsquery(),
        }
    }

    /// Returns the statement that finds the passages before a cursor that have the words, newest first.
    pub fn found(self, index: SearchIndex) -> &'static str {
        match (self, index) {
            (Self::Sqlite, SearchIndex::Current) => found_on_sqlite!("passage_index"),
            (Self::Sqlite, SearchIndex::Former) => found_on_sqlite!("passage"),
            (Self::Postgres, _) => {
                "select passage.place, passage.place, passage.escalation_id, passage.position, e.row from passage \
                 join escalation e on e.workspace_id = passage.workspace_id and e.id = passage.escalation_id \
                 where passage.words @@ cast($2 as tsquery) and passage.workspace_id = $1 and passage.place < $3 \
                 and ($4 = '' or e.agent_id = $4) \
                 and ($5 = '' or $5 = case when e.closed_at is null then 'open' else 'closed' end) \
                 order by passage.place desc limit $6"
            }
        }
    }
}

/// Adds passages to an index.
pub async fn index(
    connection: &mut AnyConnection,
    dialect: Dialect,
    index: SearchIndex,
    passages: &[&Passage],
) -> Result<(), Error> {
    for passages in chunks(passages, 5) {
        let mut query = sqlx::query(with_rows(dialect.index(index), 5, passages.len()));
        for it in passages {
            query = query
                .bind(it.workspace.to_string())
                .bind(it.escalation.to_string())
                .bind(it.place)
                .bind(it.position)
                .bind(dialect.indexed(&it.text));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// A search: its words, filters and cursor.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    pub asked: SearchTerms,
    /// Only open escalations (`true`) or only closed ones (`false`).
    pub open: Option<bool>,
    pub agent: Option<AgentId>,
    /// The cursor: the `more` of the previous page, negative in the former index.
    pub before: Option<i64>,
}

/// Finds passages of one workspace on a snapshot. New passages sort before those already shown, so that following pages
/// neither repeat nor omit anything.
pub async fn find(store: &Store, workspace: WorkspaceId, search: SearchQuery) -> Result<SearchPage, Error> {
    let dialect = store.dialect();
    let read = store.snapshot(move |connection| {
        Box::pin(async move {
            let is_complete = is_complete(connection, workspace).await?;
            let index = SearchIndex::in_use(dialect, is_complete);
            let before = match (search.before, index) {
                (Some(before), SearchIndex::Current) if before > 0 => before,
                (Some(before), SearchIndex::Former) if before < 0 => before.saturating_neg(),
                // The cursor belongs to the other index, whose numbers differ, so the search starts again.
                _ => i64::MAX,
            };
            let status = search.open.map_or("", |open| if open { "open" } else { "closed" });
            let query = sqlx::query(dialect.found(index))
                .bind(workspace.to_string())
                .bind(dialect.asked(&search.asked))
                .bind(before)
                .bind(search.agent.map(|agent| agent.to_string()).unwrap_or_default())
                .bind(status)
                .bind(PAGE as i64 + 1);
            let mut rows = query.fetch_all(&mut *connection).await?;
            let is_last = rows.len() <= PAGE;
            rows.truncate(PAGE);
            let (mut places, mut messages) = (vec![], vec![]);
            let mut found = vec![];
            for row in &rows {
                let (place, escalation, position): (i64, String, i64) =
                    (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
                match position {
                    -1 => places.push(seq_of(place)),
                    position => messages.push((escalation.clone(), position)),
                }
                let line: Row = parse("escalation", "row", &row.try_get::<String, _>(4)?)?;
                found.push((line, seq_of(place), escalation, position));
            }
            let texts = texts(connection, workspace, &places, &messages).await?;
            let hits = found.into_iter().map(|(row, seq, escalation, position)| {
                let at = if position < 0 { Kept::Event(seq) } else { Kept::Message(escalation, position) };
                let text = texts.get(&at).map_or("", String::as_str);
                SearchHit { row, snippet: search.asked.snippet(text) }
            });
            let hits = hits.collect();
            let last: Option<i64> = rows.last().map(|row| row.try_get(0)).transpose()?;
            let more = last.filter(|_| !is_last).map(|last| if index == SearchIndex::Former { -last } else { last });
            Ok(SearchPage { hits, more, is_indexing: !is_complete })
        })
    });
    read.await
}

/// Returns whether the index has every event of a workspace.
async fn is_complete(connection: &mut AnyConnection, workspace: WorkspaceId) -> Result<bool, sqlx::Error> {
    let sql = "select head, indexed_seq from workspace where id = $1";
    let Some(row) = sqlx::query(sql).bind(workspace.to_string()).fetch_optional(connection).await? else {
        return Ok(true);
    };
    Ok(row.try_get::<i64, _>(0)? == row.try_get::<i64, _>(1)?)
}

/// The place where a passage's text is stored.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Kept {
    Event(i64),
    Message(String, i64),
}

/// Loads the texts of passages from where they are stored.
async fn texts(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    seqs: &[i64],
    messages: &[(String, i64)],
) -> Result<HashMap<Kept, String>, Error> {
    const EVENTS: &str = "select body from event where (workspace_id, seq) in (values {rows})";
    const MESSAGES: &str = "select escalation_id, body from message \
        where (workspace_id, escalation_id, position) in (values {rows})";
    let mut texts = HashMap::new();
    for seqs in chunks(seqs, 2) {
        let mut query = sqlx::query(with_rows(EVENTS, 2, seqs.len()));
        for seq in seqs {
            query = query.bind(workspace.to_string()).bind(*seq);
        }
        for row in query.fetch_all(&mut *connection).await? {
            let event = parse_event(&row.try_get::<String, _>(0)?)?;
            texts.extend(text_of_event(&event.kind).map(|text| (Kept::Event(event.seq.0), text)));
        }
    }
    for messages in chunks(messages, 3) {
        let mut query = sqlx::query(with_rows(MESSAGES, 3, messages.len()));
        for (escalation, position) in messages {
            query = query.bind(workspace.to_string()).bind(escalation.clone()).bind(*position);
        }
        for row in query.fetch_all(&mut *connection).await? {
            let message: Message = parse("message", "body", &row.try_get::<String, _>(1)?)?;
            let text = text_of_message(&message).unwrap_or_default();
            texts.insert(Kept::Message(row.try_get(0)?, message.position), text);
        }
    }
    Ok(texts)
}

/// Returns the workspaces whose index does not have every event.
pub async fn incomplete(store: &Store) -> Result<Vec<WorkspaceId>, Error> {
    let rows = sqlx::query("select id from workspace where indexed_seq < head").fetch_all(store.reader()).await?;
    let ids = rows.iter().map(|row| {
        let id: String = row.try_get(0)?;
        id.parse().map_err(|_| Error::Inconsistent { table: "workspace", column: "id", id })
    });
    ids.collect()
}

/// Indexes the next stored events of a workspace in a transaction of its own. Returns false when the index has them
/// all. Past events never change, so they are read before the head is locked, and the writer does not wait for that.
/// When several servers do this at once, one stores the batch. The others find that `indexed_seq` has moved, and
/// continue from there. Call it only within a spawned task, like any write.
pub async fn index_next(store: &Store, workspace: WorkspaceId) -> Result<bool, Error> {
    let sql = "select head, indexed_seq from workspace where id = $1";
    let Some(row) = sqlx::query(sql).bind(workspace.to_string()).fetch_optional(store.reader()).await? else {
        return Ok(false);
    };
    let (head, indexed) = (Seq(row.try_get(0)?), Seq(row.try_get(1)?));
    if indexed >= head {
        return Ok(false);
    }
    let next = store.reader().read(|connection| Box::pin(next_passages(connection, workspace, indexed, head)));
    let (passages, reached) = next.await?;
    let mut tx = store.begin_write_within(STORED_WITHIN).await?;
    let deadline = tx.deadline();
    let batch = index_batch(&mut tx, store.dialect(), workspace, (indexed, reached), &passages);
    match deadline.bound(batch).await {
        Ok(is_more_left) => {
            tx.commit().await?;
            Ok(is_more_left)
        }
        Err(error) => {
            tx.abandon().await;
            Err(error)
        }
    }
}

/// Stores a batch, unless another server was faster. Returns whether more is left.
async fn index_batch(
    tx: &mut AnyConnection,
    dialect: Dialect,
    workspace: WorkspaceId,
    (indexed, reached): (Seq, Seq),
    passages: &[Passage],
) -> Result<bool, Error> {
    let head = workspaces::lock_head(&mut *tx, workspace).await?;
    let Some(head) = head.filter(|head| head.indexed == indexed) else { return Ok(true) };
    index(&mut *tx, dialect, SearchIndex::Current, &passages.iter().collect::<Vec<_>>()).await?;
    let sql = "update workspace set indexed_seq = $2 where id = $1";
    sqlx::query(sql).bind(workspace.to_string()).bind(reached.0).execute(&mut *tx).await?;
    let is_complete = reached == head.seq;
    if is_complete && dialect == Dialect::Sqlite {
        empty_former_index(tx).await?;
    }
    Ok(!is_complete)
}

/// Returns the passages of the events after `indexed`, up to [`READ_BYTES`], and the seq of the last event read.
async fn next_passages(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    indexed: Seq,
    head: Seq,
) -> Result<(Vec<Passage>, Seq), Error> {
    let last = Seq(head.0.min(indexed.0 + READ_BATCH));
    let mut passages: Vec<Passage> = vec![];
    for event in events::range(connection, workspace, indexed, last).await? {
        passages.extend(Passage::of_event(workspace, &event));
        if let EventKind::Opened { .. } = event.kind {
            let messages = transcript(connection, workspace, event.escalation_id).await?;
            passages.extend(Passage::of_transcript(workspace, event.escalation_id, event.seq, &messages));
        }
        if passages.iter().map(|it| it.text.len()).sum::<usize>() > READ_BYTES {
            return Ok((passages, event.seq));
        }
    }
    Ok((passages, last))
}

/// Returns the messages with which an escalation was opened.
async fn transcript(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    escalation: EscalationId,
) -> Result<Vec<Message>, Error> {
    let sql =
        "select body from message where workspace_id = $1 and escalation_id = $2 and seq is null order by position";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(escalation.to_string());
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| parse("message", "body", &row.try_get::<String, _>(0)?)).collect()
}

/// Empties the former index once no workspace needs it any more.
async fn empty_former_index(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let sql = "select id from workspace where indexed_seq < head limit 1";
    if sqlx::query(sql).fetch_optional(&mut *connection).await?.is_none() {
        sqlx::query("insert into passage (passage) values ('delete-all')").execute(connection).await?;
    }
    Ok(())
}
