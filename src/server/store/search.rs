//! Search over everything that people read: messages, notes, and what came with the opening. Each such text is a passage,
//! indexed by the writer in the transaction that brings it. Found are the passages that have all the words, the newest
//! first: what is looked for is mostly recent, and an order by rank would change under the reader with every new text,
//! so that pages would repeat and leave out.

use std::collections::HashMap;

use sqlx::{AnyConnection, Row as _};

use super::{
    Dialect, Store,
    escalations::parse,
    events,
    rows::{chunks, with_rows},
};
use crate::{
    domain::{
        event::{Event, EventKind, Seq},
        found::{Found, Hit},
        ids::{AgentId, EscalationId, WorkspaceId},
        inbox::Row,
        message::Message,
        opening::Opening,
        text::{NoteText, Text},
    },
    server::{
        error::Error,
        words::{Asked, index_words},
    },
};

/// How many passages a page has.
const PAGE: usize = 25;
/// How many passages one event may bring, as a power of two: a transcript has fewer messages.
const PASSAGES_AN_EVENT: u32 = 20;
/// How many bytes of a transcript are known, the newest messages first: the writer reads them while everyone waits.
const MOST_BYTES: usize = 256 * 1024;
/// How many older events are indexed at a time.
const GULP: i64 = 50;

/// One text, to be found by its words.
#[derive(Debug)]
pub struct Passage {
    workspace: WorkspaceId,
    escalation: EscalationId,
    /// The event that brought it, and its number within that.
    place: i64,
    /// Where it stands among the messages; -1 when it is none.
    position: i64,
    text: String,
}

impl Passage {
    /// The text that an event brings.
    pub fn of_event(workspace: WorkspaceId, event: &Event) -> Option<Self> {
        let position = match &event.kind {
            EventKind::MessageCreated { message } => message.position,
            _ => -1,
        };
        let text = text_of(&event.kind)?;
        Some(Self {
            workspace,
            escalation: event.escalation_id,
            place: event.seq.0 << PASSAGES_AN_EVENT,
            position,
            text,
        })
    }

    /// The messages that an escalation was opened with, and the seq of its opening.
    pub fn of_transcript(
        workspace: WorkspaceId,
        escalation: EscalationId,
        opened: Seq,
        transcript: &[Message],
    ) -> Vec<Self> {
        let mut left = MOST_BYTES;
        let said = transcript.iter().rev().filter_map(|it| Some((it.position, it.text.as_deref()?)));
        let known = said.map_while(|(position, text)| {
            left = left.checked_sub(text.len())?;
            let place = (opened.0 << PASSAGES_AN_EVENT) + 1 + position;
            Some(Self { workspace, escalation, place, position, text: text.to_owned() })
        });
        let mut known: Vec<Self> = known.collect();
        known.reverse();
        known
    }
}

/// What people read of an event.
fn text_of(kind: &EventKind) -> Option<String> {
    let note = |note: &Option<NoteText>| note.as_ref().map(ToString::to_string);
    match kind {
        EventKind::Opened { escalation } => Some(text_of_opening(&escalation.opening)),
        EventKind::MessageCreated { message } => message.text.clone(),
        EventKind::Noted { text } => Some(text.to_string()),
        EventKind::Transferred { note: said, .. } => note(said),
        EventKind::FollowedUp { follow_up } => note(&follow_up.note),
        EventKind::Cancelled { reason, .. } => Some(reason.to_string()),
        EventKind::Resolved { outcome } => {
            let said = [note(&outcome.resolution.answer), note(&outcome.resolution.note_to_agent)];
            let said: Vec<String> = said.into_iter().flatten().collect();
            (!said.is_empty()).then(|| said.join("\n"))
        }
        _ => None,
    }
}

/// The customer, the reason, the summary and the facts.
fn text_of_opening(it: &Opening) -> String {
    fn given<const N: usize>(text: &Option<Text<N>>) -> Option<&str> {
        text.as_ref().map(Text::as_str)
    }
    let customer = it.customer();
    let words = it.reason.in_words();
    let known = [
        customer.and_then(|it| given(&it.name)),
        customer.and_then(|it| given(&it.email)),
        customer.and_then(|it| given(&it.external_id)),
        Some(words.as_str()),
        Some(it.reason.text.as_str()),
        given(&it.summary),
        given(&it.ask.prompt),
        given(&it.customer_told),
        it.external_id(),
    ];
    let tried = it.tried.iter().map(Text::as_str);
    let facts = it.context.iter().flat_map(|it| [Some(it.label.as_str()), given(&it.value), given(&it.url)]);
    let all: Vec<&str> = known.into_iter().chain(facts).flatten().chain(tried).collect();
    all.join("\n")
}

impl Dialect {
    /// Both write the same columns; what the words are written as differs.
    fn index(self) -> &'static str {
        match self {
            Self::Sqlite => "insert into passage (workspace_id, escalation_id, place, position, words) values {rows}",
            Self::Postgres => {
                "insert into passage (workspace_id, escalation_id, place, position, words) \
                 select column1, column2, column3, column4, cast(column5 as tsvector) from (values {rows}) fresh"
            }
        }
    }

    /// The words of a text as this database indexes them.
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

    fn asked(self, asked: &Asked) -> String {
        match self {
            Self::Sqlite => asked.fts5(),
            Self::Postgres => asked.tsquery(),
        }
    }

    /// The passages before a cursor that have the words, the newest first. On SQLite the cursor is the index's own number:
    /// only by that it walks backwards without sorting.
    pub fn found(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "select passage.rowid, passage.place, passage.escalation_id, passage.position, e.row from passage \
                 cross join escalation e on e.workspace_id = passage.workspace_id and e.id = passage.escalation_id \
                 where passage match $2 and passage.workspace_id = $1 and passage.rowid < $3 \
                 and ($4 = '' or e.agent_id = $4) \
                 and ($5 = '' or $5 = case when e.closed_at is null then 'open' else 'closed' end) \
                 order by passage.rowid desc limit $6"
            }
            Self::Postgres => {
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

/// Indexes new texts.
pub async fn index(connection: &mut AnyConnection, dialect: Dialect, passages: &[Passage]) -> Result<(), Error> {
    for passages in chunks(passages, 5) {
        let mut query = sqlx::query(with_rows(dialect.index(), 5, passages.len()));
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

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub struct Search {
    pub asked: Asked,
    /// Only open ones, or only closed ones.
    pub open: Option<bool>,
    pub agent: Option<AgentId>,
    /// From where on: a page's `more`.
    pub before: Option<i64>,
}

/// Finds passages of one workspace, as of one moment. What comes later is newer, so that the pages after this one neither
/// repeat nor leave out anything.
pub async fn find(store: &Store, workspace: WorkspaceId, search: Search) -> Result<Found, Error> {
    let dialect = store.dialect();
    let read = store.snapshot(move |connection| {
        Box::pin(async move {
            let status = search.open.map_or("", |open| if open { "open" } else { "closed" });
            let query = sqlx::query(dialect.found())
                .bind(workspace.to_string())
                .bind(dialect.asked(&search.asked))
                .bind(search.before.unwrap_or(i64::MAX))
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
                    -1 => places.push(place >> PASSAGES_AN_EVENT),
                    position => messages.push((escalation.clone(), position)),
                }
                let line: Row = parse("escalation", "row", &row.try_get::<String, _>(4)?)?;
                found.push((line, place >> PASSAGES_AN_EVENT, escalation, position));
            }
            let texts = texts(connection, workspace, &places, &messages).await?;
            let hits = found.into_iter().map(|(row, seq, escalation, position)| {
                let at = if position < 0 { Kept::Event(seq) } else { Kept::Message(escalation, position) };
                let text = texts.get(&at).map_or("", String::as_str);
                Hit { row, snippet: search.asked.snippet(text) }
            });
            let hits = hits.collect();
            let last = rows.last().map(|row| row.try_get(0)).transpose()?;
            Ok(Found { hits, more: last.filter(|_| !is_last) })
        })
    });
    read.await
}

/// Where a passage's text is kept.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Kept {
    Event(i64),
    Message(String, i64),
}

/// The texts of passages, from where they are kept.
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
            let event = events::kept(&row.try_get::<String, _>(0)?)?;
            texts.extend(text_of(&event.kind).map(|text| (Kept::Event(event.seq.0), text)));
        }
    }
    for messages in chunks(messages, 3) {
        let mut query = sqlx::query(with_rows(MESSAGES, 3, messages.len()));
        for (escalation, position) in messages {
            query = query.bind(workspace.to_string()).bind(escalation.clone()).bind(*position);
        }
        for row in query.fetch_all(&mut *connection).await? {
            let message: Message = parse("message", "body", &row.try_get::<String, _>(1)?)?;
            texts.insert(Kept::Message(row.try_get(0)?, message.position), message.text.unwrap_or_default());
        }
    }
    Ok(texts)
}

/// Indexes what was written before there was a search, some events at a time; a server that stops on the way goes on where
/// it was. Before the first request: on SQLite what is indexed first is taken for older.
pub async fn index_older(store: &Store) -> Result<(), Error> {
    let sql = "select id, older, indexed from workspace where indexed < older";
    for row in sqlx::query(sql).fetch_all(store.reader()).await? {
        let id: String = row.try_get(0)?;
        let workspace = id.parse().map_err(|_| Error::Inconsistent { table: "workspace", column: "id", id })?;
        let (older, mut indexed): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        tracing::info!(%workspace, events = older - indexed, "indexing older texts for search");
        while indexed < older {
            indexed = gulp(store, workspace, indexed, older).await?;
        }
    }
    Ok(())
}

/// Indexes the next older events; answers how far it has come, or another process has.
async fn gulp(store: &Store, workspace: WorkspaceId, indexed: i64, older: i64) -> Result<i64, Error> {
    const TRANSCRIPT: &str =
        "select body from message where workspace_id = $1 and escalation_id = $2 and seq is null order by position";
    let mut tx = store.begin_write().await?;
    let until = (indexed + GULP).min(older);
    let take = "update workspace set indexed = $2 where id = $1 and indexed = $3";
    let taken = sqlx::query(take).bind(workspace.to_string()).bind(until).bind(indexed).execute(&mut *tx).await?;
    if taken.rows_affected() == 1 {
        let mut passages = vec![];
        for event in events::run(&mut tx, workspace, Seq(indexed), Seq(until)).await? {
            passages.extend(Passage::of_event(workspace, &event));
            if let EventKind::Opened { .. } = event.kind {
                let query = sqlx::query(TRANSCRIPT).bind(workspace.to_string()).bind(event.escalation_id.to_string());
                let rows = query.fetch_all(&mut *tx).await?;
                let messages = rows.iter().map(|row| parse("message", "body", &row.try_get::<String, _>(0)?));
                let messages: Vec<Message> = messages.collect::<Result<_, Error>>()?;
                passages.extend(Passage::of_transcript(workspace, event.escalation_id, event.seq, &messages));
            }
        }
        index(&mut tx, store.dialect(), &passages).await?;
    }
    tx.commit().await?;
    Ok(until)
}
