//! Operators, and the e-mail addresses and passwords with which they sign in.

use std::{fmt, str::FromStr};

use sqlx::{AnyConnection, Connection, Row, any::AnyRow};
use unicode_normalization::UnicodeNormalization;

use crate::{
    domain::{
        ids::{OperatorId, WorkspaceId},
        operator::{Operator, OperatorRef},
        presence::{Colleague, TransferChoices},
        text::Name,
        time::Timestamp,
    },
    server::{
        error::Error,
        store::{Store, queues},
    },
};

/// The maximum length of an address in RFC 5321.
const LONGEST: usize = 254;

/// An e-mail address in the canonical form used for comparisons: trimmed, in lower case, in NFC, and with the domain in
/// Unicode. Browsers convert the domain of an e-mail field to punycode; a command line passes it as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

/// The error for a text that is no e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address looks like ada@example.com")]
pub struct InvalidEmail;

impl FromStr for Email {
    type Err = InvalidEmail;
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text: String = text.trim().to_lowercase().nfc().collect();
        let (local, host) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let host = in_unicode(host);
        let strange = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '@';
        if local.is_empty()
            || host.is_empty()
            || local.len() + 1 + host.len() > LONGEST
            || local.contains(strange)
            || host.contains(strange)
        {
            return Err(InvalidEmail);
        }
        Ok(Self(format!("{local}@{host}")))
    }
}

/// Converts a domain from punycode to Unicode. Text that is no valid IDNA domain is unchanged.
fn in_unicode(host: &str) -> String {
    match idna::domain_to_unicode(host) {
        (unicode, Ok(())) => unicode,
        _ => host.to_owned(),
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Rewrites e-mail addresses that an earlier version stored in another form. When two accounts have the same address,
/// an enabled account takes it from a disabled one. Between two enabled accounts an admin has to decide.
pub async fn unify_emails(writer: &mut AnyConnection) -> Result<(), sqlx::Error> {
    // A fixed order, so that two servers that start at once do not deadlock.
    let sql = "select id, email from operator order by disabled_at is not null, email";
    for row in sqlx::query(sql).fetch_all(&mut *writer).await? {
        let (id, stored): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let Some(email) = stored.parse::<Email>().ok().filter(|email| email.0 != stored) else { continue };
        let mut tx = writer.begin().await?;
        // An id is no e-mail address, so nobody can sign in with it.
        let free = "update operator set email = id where email = $1 and disabled_at is not null and exists \
                    (select 1 from operator where id = $2 and email = $3 and disabled_at is null)";
        sqlx::query(free).bind(&email.0).bind(&id).bind(&stored).execute(&mut *tx).await?;
        let take = "update operator set email = $1 where id = $2 and email = $3 and not exists \
                    (select 1 from operator where email = $1)";
        let done = sqlx::query(take).bind(&email.0).bind(&id).bind(&stored).execute(&mut *tx).await?;
        tx.commit().await?;
        if done.rows_affected() == 0 {
            tracing::warn!(operator = %id, "two operators have the same e-mail address, written in different ways");
        }
    }
    Ok(())
}

/// Adds an operator. Returns `false` when the e-mail address is taken.
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

/// The account against which a sign-in is checked.
pub struct Account {
    pub workspace: WorkspaceId,
    pub operator: OperatorId,
    pub password_hash: String,
}

/// Returns the account with an e-mail address, unless it is disabled. The address is unique across workspaces, so no
/// workspace is needed.
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

/// Locks the account's row and returns whether the account is enabled and still has the password that was checked. The
/// check takes a while, so the password may have changed meanwhile. The lock lasts until the transaction ends, so a
/// later change of the account finds the session that this transaction begins, and ends it. Call it first in a
/// transaction: a password change also locks this row before any session.
pub async fn lock_if_unchanged(connection: &mut AnyConnection, account: &Account) -> Result<bool, sqlx::Error> {
    // An update is the only way to lock a row that works on both databases.
    let sql = "update operator set password_hash = password_hash where workspace_id = $1 and id = $2 \
               and password_hash = $3 and disabled_at is null";
    let update = sqlx::query(sql).bind(account.workspace.to_string()).bind(account.operator.to_string());
    Ok(update.bind(account.password_hash.clone()).execute(connection).await?.rows_affected() == 1)
}

/// Returns the possible targets of a transfer: every enabled operator who is not a viewer, and every queue.
pub async fn targets(store: &Store, workspace: WorkspaceId, now: Timestamp) -> Result<TransferChoices, Error> {
    const SQL: &str = "select o.id, o.name, o.public_name, s.at, (select count(*) from escalation e \
        where e.workspace_id = o.workspace_id and e.claimed_by = o.id and e.shelf = 'claimed'), o.away_at from operator o \
        left join operator_seen s on s.workspace_id = o.workspace_id and s.operator_id = o.id \
        where o.workspace_id = $1 and o.role <> 'viewer' and o.disabled_at is null order by o.name, o.id";
    let rows = sqlx::query(SQL).bind(workspace.to_string()).fetch_all(store.reader()).await?;
    let colleague = |row: &AnyRow| {
        let seen_at: Option<i64> = row.try_get(3)?;
        let away = row.try_get::<Option<i64>, _>(5)?.is_some();
        Ok(Colleague { operator: who(row)?, seen_at: seen_at.map(Timestamp), away, holds: row.try_get(4)? })
    };
    Ok(TransferChoices {
        at: now,
        colleagues: rows.iter().map(colleague).collect::<Result<_, Error>>()?,
        queues: queues::all(store, workspace).await?,
    })
}

/// Returns an operator who may work: neither a viewer nor disabled.
pub async fn worker(store: &Store, workspace: WorkspaceId, id: OperatorId) -> Result<Option<OperatorRef>, Error> {
    let sql = "select id, name, public_name from operator where workspace_id = $1 and id = $2 and role <> 'viewer' \
               and disabled_at is null";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string());
    query.fetch_optional(store.reader()).await?.as_ref().map(who).transpose()
}

/// Marks an operator as away (`since`) or available (`None`). An operator who is already away keeps the earlier time.
pub async fn set_away(
    store: &Store,
    workspace: WorkspaceId,
    id: OperatorId,
    since: Option<Timestamp>,
) -> Result<(), Error> {
    let sql = "update operator set away_at = case when $3 is null then null else coalesce(away_at, $3) end \
               where workspace_id = $1 and id = $2";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).bind(since.map(|at| at.0));
    update.execute(store.writer()).await?;
    Ok(())
}

/// Returns whether an operator is marked as away.
pub async fn is_away(store: &Store, workspace: WorkspaceId, id: OperatorId) -> Result<bool, Error> {
    let sql = "select away_at from operator where workspace_id = $1 and id = $2";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string());
    Ok(query.fetch_one(store.reader()).await?.try_get::<Option<i64>, _>(0)?.is_some())
}

/// Reads an operator from a row with id, name and public name.
pub fn who(row: &AnyRow) -> Result<OperatorRef, Error> {
    let id: String = row.try_get(0)?;
    let broken = |column| Error::Inconsistent { table: "operator", column, id: id.clone() };
    let name = |column: usize, called| Name::parse(row.try_get::<String, _>(column)?).map_err(|_| broken(called));
    let (name, public_name) = (name(1, "name")?, name(2, "public_name")?);
    Ok(OperatorRef { id: id.parse().map_err(|_| broken("id"))?, name, public_name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_trimmed_and_lowered() {
        assert_eq!(" Ada@Example.COM ".parse::<Email>().map(|email| email.to_string()), Ok("ada@example.com".into()));
        for text in ["", "ada", "@example.com", "ada@", "a da@example.com", "ada@b@c", "ada@exa\nmple.com"] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn an_address_has_one_form_however_it_is_written() {
        for text in [
            "käte@bücher.example",
            "KÄTE@BÜCHER.EXAMPLE",
            "ka\u{308}te@bu\u{308}cher.example",
            "käte@xn--bcher-kva.example",
            "Käte@XN--BCHER-KVA.Example",
        ] {
            let email = text.parse::<Email>().map(|email| email.to_string());
            assert_eq!(email, Ok("käte@bücher.example".to_owned()), "{text:?}");
        }
        // Text that is no valid IDNA domain is compared unchanged.
        for text in ["ada@[127.0.0.1]", "ada@build_host", "ada@xn--a.example"] {
            assert_eq!(text.parse::<Email>().map(|email| email.to_string()), Ok(text.to_owned()));
        }
    }
}
