//! The `bailout admin` commands. They add operators and agents from a shell, also while a server runs, and back up and
//! restore the database. They append no events to the log.

use std::io;

use sqlx::AnyConnection;

use super::{
    clock::{Clock, mint},
    config::{AdminCommand, AgentCommand, OperatorCommand, Settings},
    error::Error,
    keys::ApiKey,
    password,
    secret::Secret,
    store::{
        Opener, Store,
        agents::{self, NotAdded},
        links::{self, LinkPurpose, RESET_LASTS},
        open_error::OpenError,
        operators::{self, Account, Email},
        people, sessions, workspaces,
    },
};
use crate::{
    domain::{
        ids::OperatorId,
        operator::{Operator, OperatorRef},
        text::Name,
    },
    server::store::backup::{self, BackupError},
};

/// The reason why a command did nothing. Its text is for the user of the shell.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot read the password from standard input: {0}")]
    NoPassword(io::Error),
    #[error(transparent)]
    Weak(#[from] password::WeakPassword),
    #[error("there is already an operator with the e-mail address {0}")]
    EmailTaken(Email),
    #[error("there is no operator with the e-mail address {0}, or they are disabled")]
    NoSuchOperator(Email),
    #[error("the agent {0} has a key already; revoke it first, or choose another name")]
    HasKey(Name),
    #[error("the agent {0} was not added: {1}")]
    NotAdded(Name, NotAdded),
    #[error("there is no agent named {0}")]
    NoSuchAgent(Name),
    #[error("cannot make a key: {0}")]
    NoKey(#[from] getrandom::Error),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<sqlx::Error> for AdminError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs a command. Only an API key or a link is written to standard output; everything else goes to standard error.
pub async fn run(settings: &Settings, admin: AdminCommand) -> Result<(), AdminError> {
    let clock = Clock::system();
    match admin {
        AdminCommand::Operator(OperatorCommand::Add { email, name, public_name, role, password_stdin: _ }) => {
            let hash = hash_of_new_password()?;
            let public_name = public_name.unwrap_or_else(|| name.clone());
            let who = OperatorRef { id: OperatorId::new(mint()), name, public_name };
            let operator = Operator { who, role };
            let store = open(settings, &clock).await?;
            add_operator(&store, &clock, &operator, &email, &hash).await?;
            eprintln!("Added {}, {}, who signs in as {email}.", operator.who.name, operator.role);
            store.close().await;
        }
        AdminCommand::Operator(OperatorCommand::ResetPassword { email, password_stdin: true }) => {
            let hash = hash_of_new_password()?;
            let store = open(settings, &clock).await?;
            set_password(&store, &email, &hash).await?;
            eprintln!("{email} signs in with the new password from now on. Their sessions have ended.");
            store.close().await;
        }
        AdminCommand::Operator(OperatorCommand::ResetPassword { email, password_stdin: false }) => {
            let store = open(settings, &clock).await?;
            let secret = reset_link(&store, &clock, &email).await?;
            eprintln!("With this link {email} can choose a new password. It works once, within a day:");
            println!("{}/reset/{}", settings.console_address(settings.addr), secret.reveal());
            store.close().await;
        }
        AdminCommand::Agent(AgentCommand::Add { name, test }) => {
            let store = open(settings, &clock).await?;
            let key = add_agent(&store, &clock, &name, test).await?;
            let answered = if test { ", which Robot answers" } else { "" };
            eprintln!("Added the agent {name}{answered}. This is its API key; it is not shown again:");
            println!("{key}");
            store.close().await;
        }
        AdminCommand::Agent(AgentCommand::Revoke { name }) => {
            let store = open(settings, &clock).await?;
            revoke_agent(&store, &clock, &name).await?;
            eprintln!("Revoked every key of the agent {name}. What it has open closes within a second.");
            store.close().await;
        }
        AdminCommand::Backup { to } => {
            backup::backup(settings.database_url.as_str(), &to).await?;
            eprintln!(
                "Backed up to {}, and checked it. It holds secrets: keep it as you keep the database.",
                to.display()
            );
        }
        AdminCommand::Restore { from } => {
            let kept = backup::restore(settings.database_url.as_str(), &from, clock.now()).await?;
            eprintln!("Restored {}. Every client starts over.", from.display());
            if let Some(kept) = kept {
                eprintln!("The database as it was is kept as {}.", kept.display());
            }
        }
        AdminCommand::NewEpoch => {
            let store = open(settings, &clock).await?;
            workspaces::new_epoch(&store).await?;
            eprintln!("Every client starts over, within about a second where a server runs.");
            store.close().await;
        }
    }
    Ok(())
}

async fn open(settings: &Settings, clock: &Clock) -> Result<Store, OpenError> {
    Store::open(settings.database_url.as_str(), Opener::Admin, clock.now()).await
}

/// Reads a new password from standard input, checks that it may be chosen, and returns its hash.
fn hash_of_new_password() -> Result<String, AdminError> {
    let password = password::from_first_line(io::stdin().lock()).map_err(AdminError::NoPassword)?;
    password::choose(&password)?;
    Ok(password::hash(&password)?)
}

async fn account(store: &Store, email: &Email) -> Result<Account, AdminError> {
    operators::account(store, email).await?.ok_or_else(|| AdminError::NoSuchOperator(email.clone()))
}

/// Locks the account's row. Returns an error when the account was disabled, or its password changed, since it was read.
async fn still_there(tx: &mut AnyConnection, account: &Account, email: &Email) -> Result<(), AdminError> {
    match operators::lock_if_unchanged(tx, account).await? {
        true => Ok(()),
        false => Err(AdminError::NoSuchOperator(email.clone())),
    }
}

/// Creates a link with which the operator chooses a new password. A newer link replaces an older one.
async fn reset_link(store: &Store, clock: &Clock, email: &Email) -> Result<Secret, AdminError> {
    let account = account(store, email).await?;
    let (workspace, operator) = (account.workspace, account.operator);
    let (secret, now) = (Secret::mint()?, clock.now());
    let mut tx = store.begin_write().await?;
    workspaces::lock_head(&mut tx, workspace).await?;
    still_there(&mut tx, &account, email).await?;
    links::revoke_resets(&mut tx, workspace, operator).await?;
    let purpose = (LinkPurpose::Reset(operator), None);
    links::add(&mut tx, workspace, &secret.digest(), purpose, now, now + RESET_LASTS).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Sets an operator's password and ends their sessions. On a running server, streams of these sessions close within a
/// second.
async fn set_password(store: &Store, email: &Email, hash: &str) -> Result<(), AdminError> {
    let account = account(store, email).await?;
    let (workspace, operator) = (account.workspace, account.operator);
    let mut tx = store.begin_write().await?;
    workspaces::lock_head(&mut tx, workspace).await?;
    still_there(&mut tx, &account, email).await?;
    people::set_password(&mut tx, workspace, operator, hash).await?;
    links::revoke_resets(&mut tx, workspace, operator).await?;
    sessions::end_all(&mut tx, workspace, operator, None).await?;
    tx.commit().await?;
    Ok(())
}

async fn add_operator(
    store: &Store,
    clock: &Clock,
    operator: &Operator,
    email: &Email,
    password_hash: &str,
) -> Result<(), AdminError> {
    let mut tx = store.begin_write().await?;
    let workspace = workspaces::default(&mut tx, clock.now()).await?;
    if !operators::add(&mut tx, workspace, operator, email, password_hash, clock.now()).await? {
        tx.rollback().await?;
        return Err(AdminError::EmailTaken(email.clone()));
    }
    tx.commit().await?;
    Ok(())
}

/// Adds an agent and returns the whole API key. An agent whose keys are all revoked gets a new key.
async fn add_agent(store: &Store, clock: &Clock, name: &Name, is_test: bool) -> Result<String, AdminError> {
    let key = ApiKey::mint(is_test)?;
    let mut tx = store.begin_write().await?;
    let workspace = workspaces::default(&mut tx, clock.now()).await?;
    match agents::add(&mut tx, workspace, name, &key, clock.now()).await? {
        Ok(_) => tx.commit().await?,
        Err(why) => {
            tx.rollback().await?;
            return Err(match why {
                NotAdded::HasKey => AdminError::HasKey(name.clone()),
                other => AdminError::NotAdded(name.clone(), other),
            });
        }
    }
    Ok(key.reveal())
}

async fn revoke_agent(store: &Store, clock: &Clock, name: &Name) -> Result<(), AdminError> {
    let mut tx = store.begin_write().await?;
    let workspace = workspaces::default(&mut tx, clock.now()).await?;
    let known = agents::revoke(&mut tx, workspace, name, clock.now()).await?;
    tx.commit().await?;
    if !known {
        return Err(AdminError::NoSuchAgent(name.clone()));
    }
    Ok(())
}
