//! Messages, of the transcript and since.

use std::collections::HashMap;

use sqlx::{AnyConnection, Row};

use super::{
    escalations::{json, parse},
    rows::{chunks, with_rows},
};
use crate::{
    domain::{
        ids::{EscalationId, MessageId, WorkspaceId},
        message::{Message, MessageRole},
        outcome::MOST_MESSAGES,
    },
    server::{error::Error, store::Store},
};

/// Names a message as its author did: escalation, author, `client_message_id`.
pub type MessageName = (WorkspaceId, EscalationId, String, String);

/// Names an operator's message by its id.
pub type ReplyName = (WorkspaceId, EscalationId, MessageId);

/// Who wrote it, as far as re-sending goes: an operator by id; an agent speaks for the customer and itself.
pub fn author(message: &Message) -> String {
    let operator = message.author.as_ref().filter(|_| message.role == MessageRole::Operator);
    operator.and_then(|author| author.id.clone()).unwrap_or_else(|| "agent".to_owned())
}

/// Writes new messages.
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

/// Operators' messages by their ids.
pub const REPLIES: &str = "select body from message where (workspace_id, escalation_id, id) in (values {rows}) \
    and role = 'operator'";

/// Those of these messages that there are and that an operator said.
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

/// Writes these messages again, with the receipts they have now.
pub async fn keep_receipts(connection: &mut AnyConnection, replies: &HashMap<ReplyName, Message>) -> Result<(), Error> {
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

/// Those of these messages that were sent before.
pub async fn said_before(
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

/// The latest of what customer, agent and operator said since the open, oldest first, for each of these.
pub async fn said_since_open(
    connection: &mut AnyConnection,
    ids: &[(WorkspaceId, EscalationId)],
) -> Result<HashMap<(WorkspaceId, EscalationId), Vec<Message>>, Error> {
    const SQL: &str = "select workspace_id, escalation_id, body from (select workspace_id, escalation_id, seq, body, \
        row_number() over (partition by workspace_id, escalation_id order by seq desc) as newest from message \
        where (workspace_id, escalation_id) in (values {rows}) and seq is not null \
        and role in ('customer', 'agent', 'operator')) said where newest <= 200 order by seq";
    // The number in the text is that of the domain.
    const { assert!(MOST_MESSAGES == 200) };
    let mut found: HashMap<_, Vec<Message>> = HashMap::new();
    for ids in chunks(ids, 2) {
        let mut query = sqlx::query(with_rows(SQL, 2, ids.len()));
        for (workspace, id) in ids {
            query = query.bind(workspace.to_string()).bind(id.to_string());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let (workspace, id): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let broken = |column| Error::Inconsistent { table: "message", column, id: id.clone() };
            let key = (
                workspace.parse().map_err(|_| broken("workspace_id"))?,
                id.parse().map_err(|_| broken("escalation_id"))?,
            );
            found.entry(key).or_default().push(parse("message", "body", &row.try_get::<String, _>(2)?)?);
        }
    }
    Ok(found)
}

/// A page of messages, oldest first: those after a position, all of them or only those since the open.
pub async fn after(
    store: &Store,
    workspace: WorkspaceId,
    id: EscalationId,
    since_open: bool,
    position: i64,
    limit: i64,
) -> Result<Vec<Message>, Error> {
    const ALL: &str = "select body from message where workspace_id = $1 and escalation_id = $2 and position > $3 \
        order by position limit $4";
    const SINCE_OPEN: &str = "select body from message where workspace_id = $1 and escalation_id = $2 and position > $3 \
        and seq is not null order by position limit $4";
    let query = sqlx::query(if since_open { SINCE_OPEN } else { ALL });
    let query = query.bind(workspace.to_string()).bind(id.to_string()).bind(position).bind(limit);
    let rows = query.fetch_all(store.reader()).await?;
    rows.iter().map(|row| parse("message", "body", &row.try_get::<String, _>(0)?)).collect()
}

/// The latest messages before a position, oldest first.
pub async fn before(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    id: EscalationId,
    position: i64,
    limit: i64,
) -> Result<Vec<Message>, Error> {
    let sql = "select body from message where workspace_id = $1 and escalation_id = $2 and position < $3 \
        order by position desc limit $4";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).bind(position).bind(limit);
    let rows = query.fetch_all(connection).await?;
    rows.iter().rev().map(|row| parse("message", "body", &row.try_get::<String, _>(0)?)).collect()
}
