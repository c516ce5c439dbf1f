//! The domain: the types and rules of escalations. The code has no database, network, browser or clock, and compiles to
//! WASM.
//!
//! A verb of [`escalation::Escalation`] takes `&self` and returns what would happen, as [`event::EventKind`]s, or a
//! [`refusal::Refusal`]. Only `apply` changes state, and it cannot fail.

pub mod actor;
pub mod agent;
pub mod ask;
pub mod checked;
pub mod claim;
pub mod conversation;
pub mod deadline;
pub mod disposition;
pub mod draft;
pub mod escalation;
pub mod event;
pub mod field_problem;
#[cfg(test)]
pub(crate) mod follow_tests;
pub mod found;
pub mod hidden;
pub mod ids;
pub mod inbox;
pub mod json;
pub mod json_text;
pub mod json_values;
pub mod ledger;
#[cfg(test)]
mod list_tests;
pub mod message;
pub mod message_part;
pub mod opening;
pub mod operator;
pub mod outcome;
pub mod presence;
pub mod queue;
pub mod reason;
pub mod refusal;
pub mod rehearsal;
pub mod rich;
pub mod seq;
#[cfg(test)]
pub(crate) mod stage;
pub mod text;
pub mod thread;
pub mod time;
pub mod transcript;
pub mod update;
pub(crate) mod words;
