//! Defines the participants: people to sign in as, scripted colleagues, and agents with their keys.

use super::{error::DemoError, hand::DemoOperatorHand};
use crate::{
    domain::{
        ids::{AgentId, OperatorId, WorkspaceId},
        operator::{Operator, OperatorRef, Role},
        queue::{QueueDefaults, QueueMembers, QueueRef},
        text::Name,
    },
    server::{
        clock::mint,
        core::desk::Desk,
        error::Error,
        keys::ApiKey,
        password,
        secret::Secret,
        store::{
            agents, operators,
            queues::{self, QueueSettings},
            workspaces,
        },
    },
};

/// The people to sign in as: name, public name, role.
const PEOPLE: [(&str, &str, Role); 3] = [
    ("Ada Moreau", "Ada", Role::Admin),
    ("Samuel Okafor", "Samuel", Role::Supervisor),
    ("Olga Brandt", "Olga", Role::Operator),
];
/// The scripted operators.
const COLLEAGUES: [(&str, &str); 3] = [("Mara Lindt", "Mara"), ("Jonas Weber", "Jonas"), ("Priya Nair", "Priya")];
/// The queues in addition to the default one, with the operators who serve them. An empty list means every operator.
const QUEUES: [(&str, &[&str]); 2] = [("billing", &[]), ("clinic", &["Ada", "Samuel", "Mara", "Priya"])];
/// The agents whose escalations the colleagues also claim.
const AGENTS: [&str; 6] =
    ["billing-bot", "shop-assistant", "travel-helper", "clinic-desk", "bank-assistant", "ops-bot"];
/// The agent whose customer is reserved for the person who signed in: no colleague claims its escalations.
pub const CONCIERGE: &str = "concierge";
/// The length of the password: 96 random bits, still short enough to type.
const PASSWORD_LETTERS: usize = 16;
/// The agent whose key is printed.
const GUEST: &str = "your-agent";

/// An agent of the demo.
#[derive(Clone)]
pub struct HiredAgent {
    pub id: AgentId,
    pub name: &'static str,
    pub key: String,
}

/// All participants of the demo.
pub struct Cast {
    pub workspace: WorkspaceId,
    pub people: Vec<Operator>,
    pub colleagues: Vec<Operator>,
    pub agents: Vec<HiredAgent>,
    pub concierge: HiredAgent,
    pub guest: HiredAgent,
    /// The password of all operators.
    pub password: String,
}

impl Cast {
    /// Adds all participants to an empty database, as `bailout admin` would. The guest gets this key, and is a test agent if
    /// it is a test key.
    pub async fn hire(desk: &Desk, guest: ApiKey) -> Result<Self, DemoError> {
        let now = desk.clock().now();
        let password = Secret::mint()?.reveal()[..PASSWORD_LETTERS].to_owned();
        let hash = password::hash(&password)?;
        let mut tx = desk.store().begin_write().await.map_err(Error::from)?;
        let workspace = workspaces::default(&mut tx, now).await?;
        let mut everyone = vec![];
        let colleagues = COLLEAGUES.map(|(name, public_name)| (name, public_name, Role::Operator));
        for (name, public_name, role) in PEOPLE.into_iter().chain(colleagues) {
            let operator = operator(name, public_name, role)?;
            let address = format!("{}@example.com", public_name.to_lowercase());
            let email = address.parse().map_err(|problem| DemoError::Script(format!("{address}: {problem}")))?;
            let added = operators::add(&mut tx, workspace, &operator, &email, &hash, now).await;
            added.map_err(Error::from)?;
            everyone.push(operator);
        }
        for (name, serve) in QUEUES {
            let name = parsed(name)?;
            let id = queues::add(&mut tx, workspace, &name, now).await?;
            let serves = |operator: &&Operator| serve.contains(&operator.who.public_name.as_str());
            let members = QueueMembers(everyone.iter().filter(serves).map(|operator| operator.who.id).collect());
            let queue = QueueSettings { itself: QueueRef { id, name }, defaults: QueueDefaults::default(), members };
            queues::change(&mut tx, workspace, &queue).await?;
        }
        let mut machines = vec![];
        for name in AGENTS.into_iter().chain([CONCIERGE, GUEST]) {
            let key = if name == GUEST { guest.clone() } else { ApiKey::mint(false)? };
            let id = agents::add(&mut tx, workspace, &parsed(name)?, &key, now).await?;
            let id = id.map_err(|why| DemoError::Script(format!("{name}: {why}")))?;
            machines.push(HiredAgent { id, name, key: key.reveal() });
        }
        tx.commit().await.map_err(Error::from)?;
        let colleagues = everyone.split_off(PEOPLE.len());
        let lost = || DemoError::Script("an agent is missing".to_owned());
        let (guest, concierge) = (machines.pop().ok_or_else(lost)?, machines.pop().ok_or_else(lost)?);
        Ok(Self { workspace, people: everyone, colleagues, agents: machines, concierge, guest, password })
    }

    /// Finds an operator by the public name.
    pub fn hand(&self, desk: &Desk, public_name: &str) -> Option<DemoOperatorHand> {
        let mut everyone = self.people.iter().chain(&self.colleagues);
        let operator = everyone.find(|operator| operator.who.public_name.as_str() == public_name)?.clone();
        Some(DemoOperatorHand { desk: desk.clone(), workspace: self.workspace, operator })
    }

    /// Returns every scripted agent.
    pub fn scripted(&self) -> impl Iterator<Item = &HiredAgent> {
        self.agents.iter().chain([&self.concierge])
    }
}

fn parsed(name: &str) -> Result<Name, DemoError> {
    Name::parse(name).map_err(|problem| DemoError::Script(format!("{name}: {problem}")))
}

fn operator(name: &str, public_name: &str, role: Role) -> Result<Operator, DemoError> {
    let who = OperatorRef { id: OperatorId::new(mint()), name: parsed(name)?, public_name: parsed(public_name)? };
    Ok(Operator { who, role })
}
