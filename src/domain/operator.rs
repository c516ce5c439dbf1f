//! Operators: the people who answer, what their role allows, and their preferences.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ids::OperatorId, text::Name, words::words};

/// The reference to an operator that claims and events carry. The e-mail address is not here, because it never leaves
/// the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRef {
    pub id: OperatorId,
    /// The name that colleagues see.
    pub name: Name,
    /// The name that agents and customers see.
    pub public_name: Name,
}

/// The role of an operator. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A viewer reads.
    Viewer,
    /// An operator works: claims, replies, resolves.
    Operator,
    /// A supervisor also takes over a colleague's claim.
    Supervisor,
    /// An admin also manages people, agents and settings.
    Admin,
}

words!(Role {
    Viewer = "viewer",
    Operator = "operator",
    Supervisor = "supervisor",
    Admin = "admin",
});

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error for a text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of admin, supervisor, operator, viewer")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::named(text).ok_or(UnknownRole)
    }
}

/// A signed-in operator with their role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    pub who: OperatorRef,
    pub role: Role,
}

impl Operator {
    /// Returns Robot, which answers tests. Robot has no account. As a supervisor it may claim from every queue.
    pub fn robot() -> Self {
        let name = Name::from_static("Robot");
        let who = OperatorRef { id: Self::robot_id(), name: name.clone(), public_name: name };
        Self { who, role: Role::Supervisor }
    }

    /// Returns the id of Robot, which no account has.
    pub fn robot_id() -> OperatorId {
        OperatorId::new(Uuid::nil())
    }
}

/// The colour theme of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// The theme of the operating system.
    #[default]
    System,
    Light,
    Dark,
}

/// The density of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Density {
    #[default]
    Comfortable,
    Compact,
}

/// The keyboard preferences of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeyPreferences {
    /// True if Enter sends the text instead of starting a new line. None until the operator was asked.
    pub enter_sends: Option<bool>,
    /// True if single-key shortcuts are disabled.
    pub shortcuts_off: bool,
}

/// The preferences of an operator for the look and behaviour of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    pub theme: Theme,
    pub density: Density,
    pub keys: KeyPreferences,
}

impl Preferences {
    /// Returns the theme as pages name it, or none when the system decides.
    pub fn named_theme(&self) -> Option<&'static str> {
        match self.theme {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        }
    }

    /// Returns the density as pages name it, or none for the default.
    pub fn named_density(&self) -> Option<&'static str> {
        (self.density == Density::Compact).then_some("compact")
    }
}
