//! Operators: the people who answer, and what their role lets them do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{ids::OperatorId, refusal::Refusal, text::Name};

/// An operator as claims and events name them. Their e-mail address never leaves the console, so it is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRef {
    pub id: OperatorId,
    /// The name colleagues see.
    pub name: Name,
    /// The name agents and customers see.
    pub public_name: Name,
}

/// What a person may do; each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Works: claims, replies, resolves.
    Operator,
    /// Also takes over a colleague's claim.
    Supervisor,
    /// Also keeps people, agents and settings.
    Admin,
}

impl Role {
    /// Refuses with what is needed when this role is below it.
    pub fn at_least(self, need: Role) -> Result<(), Refusal> {
        if self >= need { Ok(()) } else { Err(Refusal::Forbidden { need }) }
    }

    /// The role in lower case, as the database and the command line have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of admin, supervisor, operator, viewer")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Viewer, Self::Operator, Self::Supervisor, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

/// An operator who is signed in: who, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    pub who: OperatorRef,
    pub role: Role,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    Light,
    Dark,
}

/// How much fits on a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Density {
    #[default]
    Comfortable,
    Compact,
}

/// What keys do for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeyPreferences {
    /// Enter sends what is written, instead of beginning a line; none when they were not asked yet.
    pub enter_sends: Option<bool>,
    /// Single keys are no shortcuts.
    pub shortcuts_off: bool,
}

/// How an operator wants the console to look and to behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    pub theme: Theme,
    pub density: Density,
    pub keys: KeyPreferences,
}

impl Preferences {
    /// The theme as pages name it; none where the system decides.
    pub fn named_theme(&self) -> Option<&'static str> {
        match self.theme {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        }
    }

    /// The density as pages name it; none for the usual one.
    pub fn named_density(&self) -> Option<&'static str> {
        (self.density == Density::Compact).then_some("compact")
    }
}
