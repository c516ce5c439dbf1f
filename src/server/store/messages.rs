//! Messages of the transcript and messages sent since.

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::{AnyConnection, Row};

use super::{
    escalations::{json, parse},
    portion::{Portion, read_portion},
    rows::{chunks, with_rows},
};
use crate::{
    domain::{
        ids::{EscalationId, MessageId, WorkspaceId},
        message::{Message, MessageRole},
        outcome::{MOST_BYTES, MOST_MESSAGES},
        thread::RenderedMessage,
    },
    server::{error::Error, rich, store::Store},
};

/// About the maximum number of bytes of messages on a page. A page contains them twice: as data and as rendered HTML.
const MOST_A_PAGE: usize = 512 * 1024;

/// The key of a message as its author names it: escalation, author, `client_message_id`.
pub type MessageName = (WorkspaceId, EscalationId, String, String);

/// The roles that take part in a conversation.
const SPEAKERS: [MessageRole; 3] = [MessageRole::Customer, MessageRole::Agent, MessageRole::Operator];

/// The key of an operator's message: its id.
pub type ReplyName = (WorkspaceId, EscalationId, MessageId);

/// Returns the author of a message for the detection of repeated sends. Operators are named by id; `agent` stands for
/// the agent and the customer.
pub fn author(message: &Message) -> String {
    let operator = message.author.as_ref().filter(|_| message.role == MessageRole::Operator);
    operator.and_then(|author| author.id.clone()).unwrap_or_else(|| "agent".to_owned())
}

/// Inserts new messages.
pub async fn insert(
    connection: &mut AnyConnection,
    messages: &[(WorkspaceId, EscalationId, &Message)],
) -> Result<(), Error> {
    const SQL: &str = "insert into message (workspace_id, escalation_id, position, id, seq, author, client_message_id, \
        role, body) values {rows}";
    for messages in chunks(messages, 9) {
        let mut query = sqlx::query(with_rows(SQL, 9, messages.len()));
        for (workspace, escalation, message) in messages {
            query = query
                .bind(workspace.to_string())
                .bind(escalation.to_string())
                .bind(message.position)
                .bind(message.id.to_string())
                .bind(message.seq.map(|seq| seq.0))
                .bind(author(message))
                .bind(message.client_message_id.as_ref().map(ToString::to_string))
                .bind(message.role.as_str())
                .bind(json(message)?);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Selects operators' messages by their ids.
pub const REPLIES: &str = "select body from message where (workspace_id, escalation_id, id) in (values {rows}) \
    and role = 'operator'";

/// Returns those of these messages that exist and that an operator sent.
pub async fn replies(
    connection: &mut AnyConnection,
    names: &[ReplyName],
) -> Result<HashMap<ReplyName, Message>, Error> {
    let mut found = HashMap::new();
    for names in chunks(names, 3) {
        let mut query = sqlx::query(with_rows(REPLIES, 3, names.len()));
        for (workspace, escalation, message) in names {
            query = query.bind(workspace.to_string()).bind(escalation.to_string()).bind(message.to_string());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let message: Message = parse("message", "body", &row.try_get::<String, _>(0)?)?;
            found.extend(names.iter().find(|(.., id)| *id == message.id).map(|name| (*name, message)));
        }
    }
    Ok(found)
}

/// Updates these messages with their current receipts.
pub async fn save_receipts(connection: &mut AnyConnection, replies: &HashMap<ReplyName, Message>) -> Result<(), Error> {
    const SQL: &str = "update message set body = changed.column4 from (values {rows}) changed \
        where message.workspace_id = changed.column1 and message.escalation_id = changed.column2 \
        and message.position = changed.column3";
    let replies: Vec<_> = replies.iter().collect();
    for replies in chunks(&replies, 4) {
        let mut query = sqlx::query(with_rows(SQL, 4, replies.len()));
        for ((workspace, escalation, _), message) in replies {
            query = query
                .bind(workspace.to_string())
                .bind(escalation.to_string())
                .bind(message.position)
                .bind(json(message)?);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Returns those of these messages that were sent before.
pub async fn stored_messages(
    connection: &mut AnyConnection,
    names: &[MessageName],
) -> Result<HashMap<MessageName, Message>, Error> {
    const SQL: &str = "select workspace_id, escalation_id, author, client_message_id, body from message \
        where (workspace_id, escalation_id, author, client_message_id) in (values {rows}) and seq is not null";
    let mut found = HashMap::new();
    for names in chunks(names, 4) {
        let mut query = sqlx::query(with_rows(SQL, 4, names.len()));
        for (workspace, escalation, author, client) in names {
            query = query
                .bind(workspace.to_string())
                .bind(escalation.to_string())
                .bind(author.clone())
                .bind(client.clone());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let (workspace, escalation): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let broken = |column| Error::Inconsistent { table: "message", column, id: escalation.clone() };
            let name = (
                workspace.parse().map_err(|_| broken("workspace_id"))?,
                escalation.parse().map_err(|_| broken("escalation_id"))?,
                row.try_get(2)?,
                row.try_get(3)?,
            );
            found.insert(name, parse("message", "body", &row.try_get::<String, _>(4)?)?);
        }
    }
    Ok(found)
}

/// Returns, for each of these escalations, the latest messages of customer, agent and operator since it was opened,
/// oldest first. Messages too old to be repeated in an outcome have only their id, position and role.
pub async fn messages_since_open(
    connection: &mut AnyConnection,
    ids: &[(WorkspaceId, EscalationId)],
) -> Result<HashMap<(WorkspaceId, EscalationId), Vec<Message>>, Error> {
    // A character takes at most six characters in JSON, and a message without its text fewer than 8,192 characters. So
    // the last 200 messages within 2,500,000 characters include all those whose texts have at most 131,072 bytes
    // together.
    const SQL: &str = "select workspace_id, escalation_id, id, position, role, \
        case when newest = 1 or total <= 2500000 then body end from (select workspace_id, escalation_id, id, position, \
        role, seq, body, row_number() over latest as newest, sum(length(body)) over latest as total from message \
        where (workspace_id, escalation_id) in (values {rows}) and seq is not null \
        and role in ('customer', 'agent', 'operator') \
        window latest as (partition by workspace_id, escalation_id order by seq desc rows unbounded preceding)) said \
        where newest <= 200 order by seq desc";
    // The numbers in the SQL text are those of the domain.
    const { assert!(MOST_MESSAGES == 200 && 6 * MOST_BYTES + MOST_MESSAGES * 8_192 < 2_500_000) };
    let mut found: HashMap<_, (usize, Vec<Message>)> = HashMap::new();
    for ids in chunks(ids, 2) {
        let mut query = sqlx::query(with_rows(SQL, 2, ids.len()));
        for (workspace, id) in ids {
            query = query.bind(workspace.to_string()).bind(id.to_string());
        }
        // Rows are read one at a time, newest first, so that no more text stays in memory than an outcome repeats.
        let mut rows = query.fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let (workspace, id): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let broken = |column| Error::Inconsistent { table: "message", column, id: id.clone() };
            let key = (
                workspace.parse().map_err(|_| broken("workspace_id"))?,
                id.parse().map_err(|_| broken("escalation_id"))?,
            );
            let (bytes, said) = found.entry(key).or_default();
            let message = match row.try_get::<Option<String>, _>(5)?.filter(|_| *bytes <= MOST_BYTES) {
                Some(body) => parse::<Message>("message", "body", &body)?,
                None => {
                    let role: String = row.try_get(4)?;
                    let role = SPEAKERS.into_iter().find(|it| it.as_str() == role).ok_or_else(|| broken("role"))?;
                    let message: MessageId = row.try_get::<String, _>(2)?.parse().map_err(|_| broken("id"))?;
                    Message::empty(message, row.try_get(3)?, role)
                }
            };
            *bytes += message.text.as_deref().map_or(0, str::len);
            said.push(message);
        }
    }
    let oldest_first = |(key, (_, said)): (_, (usize, Vec<Message>))| (key, said.into_iter().rev().collect());
    Ok(found.into_iter().map(oldest_first).collect())
}

/// Messages after a position, oldest first: all, or only those since the open.
const ALL: &str = "select body from message where workspace_id = $1 and escalation_id = $2 and position > $3 \
    order by position limit $4";
const SINCE_OPEN: &str = "select body from message where workspace_id = $1 and escalation_id = $2 and position > $3 \
    and seq is not null order by position limit $4";

/// Returns a page of messages after a position, oldest first, each with its size in bytes, up to so many bytes.
/// Includes all messages, or only those since the open.
pub async fn after(
    store: &Store,
    workspace: WorkspaceId,
    id: EscalationId,
    since_open: bool,
    position: i64,
    limit: i64,
    bytes: usize,
) -> Result<Portion<(Message, usize)>, Error> {
    let query = sqlx::query(if since_open { SINCE_OPEN } else { ALL });
    let query = query.bind(workspace.to_string()).bind(id.to_string()).bind(position).bind(limit);
    read_portion(query.fetch(store.reader()), bytes, |row| {
        let body: String = row.try_get(0)?;
        Ok(((parse("message", "body", &body)?, body.len()), body.len()))
    })
    .await
}

/// A page of messages, and those around it.
pub struct MessagesAround {
    /// The messages of the page, and up to so many before and after it, oldest first. Only those of the page have their
    /// texts, because a text may have a quarter of a megabyte.
    pub messages: Vec<Message>,
    /// The position of the last message of the page; that before the page if it is empty.
    pub last: i64,
    /// True if there are messages after the page.
    pub has_more: bool,
}

/// Returns up to `limit` messages after a position, up to so many bytes and at least one, and up to `apart` messages
/// before and after them.
pub async fn around(
    connection: &mut AnyConnection,
    (workspace, id): (WorkspaceId, EscalationId),
    since_open: bool,
    position: i64,
    (limit, apart): (i64, i64),
    bytes: usize,
) -> Result<MessagesAround, Error> {
    let query = sqlx::query(if since_open { SINCE_OPEN } else { ALL });
    let query = query.bind(workspace.to_string()).bind(id.to_string());
    let mut rows = query.bind(position - apart).bind(limit + 2 * apart + 1).fetch(connection);
    let mut around = MessagesAround { messages: vec![], last: position, has_more: false };
    let (mut taken, mut size) = (0, 0);
    while let Some(row) = rows.try_next().await? {
        let body: String = row.try_get(0)?;
        let message: Message = parse("message", "body", &body)?;
        let is_on_page = message.position > position && !around.has_more && {
            size += body.len();
            taken == 0 || (taken < limit && size <= bytes)
        };
        around.has_more |= message.position > position && !is_on_page;
        if is_on_page {
            (taken, around.last) = (taken + 1, message.position);
            around.messages.push(message);
        } else {
            around.messages.push(Message { text: None, ..message });
        }
    }
    Ok(around)
}

/// Returns the latest messages before a position that fit on a page, at least one, oldest first. Their text is not yet
/// parsed.
pub async fn before(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    id: EscalationId,
    position: i64,
    limit: i64,
) -> Result<Vec<RenderedMessage>, Error> {
    let sql = "select body from message where workspace_id = $1 and escalation_id = $2 and position < $3 \
        order by position desc limit $4";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).bind(position).bind(limit);
    // Rows are read one at a time, because a message may have megabytes, of which a page shows little.
    let mut rows = query.fetch(connection);
    let (mut found, mut bytes) = (vec![], 0);
    while let Some(row) = rows.try_next().await? {
        let shown = rich::cut(parse("message", "body", &row.try_get::<String, _>(0)?)?);
        bytes += rich::size(&shown);
        if bytes > MOST_A_PAGE && !found.is_empty() {
            break;
        }
        found.push(shown);
    }
    found.reverse();
    Ok(found)
}

/// Returns the message at a position.
pub async fn at(
    store: &Store,
    workspace: WorkspaceId,
    id: EscalationId,
    position: i64,
) -> Result<Option<Message>, Error> {
    let sql = "select body from message where workspace_id = $1 and escalation_id = $2 and position = $3";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).bind(position);
    let row = query.fetch_optional(store.reader()).await?;
    row.map(|row| parse("message", "body", &row.try_get::<String, _>(0)?)).transpose()
}
