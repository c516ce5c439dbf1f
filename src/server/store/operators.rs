//! Operators: the people who answer, and what they sign in with.

use std::{fmt, str::FromStr};

use sqlx::{AnyConnection, Row};

use crate::{
    domain::{
        ids::{OperatorId, WorkspaceId},
        operator::Operator,
        time::Timestamp,
    },
    server::{error::Error, store::Store},
};

/// RFC 5321 allows no longer address.
const LONGEST: usize = 254;

/// An e-mail address, trimmed and in lower case, so that one person has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

/// The text is no e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address looks like ada@example.com")]
pub struct NotAnEmail;

impl FromStr for Email {
    type Err = NotAnEmail;
    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim().to_lowercase();
        let (local, host) = text.rsplit_once('@').ok_or(NotAnEmail)?;
        let strange = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '@';
        if local.is_empty()
            || host.is_empty()
            || text.len() > LONGEST
            || local.contains(strange)
            || host.contains(strange)
        {
            return Err(NotAnEmail);
        }
        Ok(Self(text))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds a person; `false` when the e-mail address is taken.
pub async fn add(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    operator: &Operator,
    email: &Email,
    password_hash: &str,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let sql = "insert into operator (workspace_id, id, email, name, public_name, role, password_hash, created_at, \
               disabled_at) values ($1, $2, $3, $4, $5, $6, $7, $8, null) on conflict (email) do nothing";
    let who = &operator.who;
    let insert = sqlx::query(sql).bind(workspace.to_string()).bind(who.id.to_string()).bind(email.to_string());
    let insert = insert.bind(who.name.to_string()).bind(who.public_name.to_string()).bind(operator.role.to_string());
    let done = insert.bind(password_hash.to_owned()).bind(now.0).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

/// What a sign-in is checked against.
pub struct Account {
    pub workspace: WorkspaceId,
    pub operator: OperatorId,
    pub password_hash: String,
}

/// The account with an e-mail address, unless it is disabled. The address decides the workspace, so none is asked for.
pub async fn account(store: &Store, email: &Email) -> Result<Option<Account>, Error> {
    let sql = "select workspace_id, id, password_hash from operator where email = $1 and disabled_at is null";
    let Some(row) = sqlx::query(sql).bind(email.to_string()).fetch_optional(store.reader()).await? else {
        return Ok(None);
    };
    let (workspace, id): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let broken = |column| Error::Inconsistent { table: "operator", column, id: id.clone() };
    Ok(Some(Account {
        workspace: workspace.parse().map_err(|_| broken("workspace_id"))?,
        operator: id.parse().map_err(|_| broken("id"))?,
        password_hash: row.try_get(2)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_trimmed_and_lowered() {
        assert_eq!(" Ada@Example.COM ".parse::<Email>().map(|email| email.to_string()), Ok("ada@example.com".into()));
        for text in ["", "ada", "@example.com", "ada@", "a da@example.com", "ada@b@c", "ada@exa\nmple.com"] {
            assert_eq!(text.parse::<Email>(), Err(NotAnEmail), "{text:?}");
        }
    }
}
