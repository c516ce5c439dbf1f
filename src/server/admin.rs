//! `bailout admin`: people and agents, added from a shell, also while a server runs; backups and their return. It writes
//! only what is outside the log.

use std::io;

use super::{
    clock::{Clock, mint},
    config::{Admin, AgentVerb, OperatorVerb, Settings},
    error::Error,
    keys::ApiKey,
    password,
    store::{
        OpenError, Opener, Store, agents,
        backup::{self, BackupError},
        operators::{self, Email},
        workspaces,
    },
};
use crate::domain::{
    ids::OperatorId,
    operator::{Operator, OperatorRef},
    text::Name,
};

/// Why a command did nothing. Its text is for the person at the shell.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot read the password from standard input: {0}")]
    NoPassword(io::Error),
    #[error(transparent)]
    Weak(#[from] password::Weak),
    #[error("there is already an operator with the e-mail address {0}")]
    EmailTaken(Email),
    #[error("the agent {0} has a key already; revoke it first, or choose another name")]
    HasKey(Name),
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

/// Carries a command out. Only an API key goes to standard output; everything else to standard error.
pub async fn run(settings: &Settings, admin: Admin) -> Result<(), AdminError> {
    let clock = Clock::system();
    match admin {
        Admin::Operator(OperatorVerb::Add { email, name, public_name, role, password_stdin: _ }) => {
            let password = password::from_first_line(io::stdin().lock()).map_err(AdminError::NoPassword)?;
            password::choose(&password)?;
            let public_name = public_name.unwrap_or_else(|| name.clone());
            let who = OperatorRef { id: OperatorId::new(mint()), name, public_name };
            let operator = Operator { who, role };
            let store = open(settings, &clock).await?;
            add_operator(&store, &clock, &operator, &email, &password::hash(&password)?).await?;
            eprintln!("Added {}, {}, who signs in as {email}.", operator.who.name, operator.role);
            store.close().await;
        }
        Admin::Agent(AgentVerb::Add { name }) => {
            let store = open(settings, &clock).await?;
            let key = add_agent(&store, &clock, &name).await?;
            eprintln!("Added the agent {name}. This is its API key; it is not shown again:");
            println!("{key}");
            store.close().await;
        }
        Admin::Agent(AgentVerb::Revoke { name }) => {
            let store = open(settings, &clock).await?;
            revoke_agent(&store, &clock, &name).await?;
            eprintln!("Revoked every key of the agent {name}. What it has open closes within a second.");
            store.close().await;
        }
        Admin::Backup { to } => {
            backup::backup(settings.database_url.as_str(), &to).await?;
            eprintln!(
                "Backed up to {}, and checked it. It holds secrets: keep it as you keep the database.",
                to.display()
            );
        }
        Admin::Restore { from } => {
            let kept = backup::restore(settings.database_url.as_str(), &from, clock.now()).await?;
            eprintln!("Restored {}. Every client starts over.", from.display());
            if let Some(kept) = kept {
                eprintln!("The database as it was is kept as {}.", kept.display());
            }
        }
        Admin::NewEpoch => {
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

/// Adds an agent, or gives one whose keys are all revoked a new one; answers the whole key.
async fn add_agent(store: &Store, clock: &Clock, name: &Name) -> Result<String, AdminError> {
    let key = ApiKey::mint()?;
    let mut tx = store.begin_write().await?;
    let workspace = workspaces::default(&mut tx, clock.now()).await?;
    if agents::add(&mut tx, workspace, name, &key, clock.now()).await?.is_none() {
        tx.rollback().await?;
        return Err(AdminError::HasKey(name.clone()));
    }
    tx.commit().await?;
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
