//! Why a server function failed, as the console hears it. Expected refusals are no failures: they travel as values.

use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

use crate::{app::codec::LeanEncoding, domain::operator::Role};

/// A fault, or a caller who may not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CallError {
    #[error("You are signed out.")]
    SignedOut,
    #[error("This needs the role {need}. An admin can grant it.")]
    Forbidden { need: Role },
    #[error("There is no such escalation.")]
    NotFound,
    /// Our fault; the log has it under this id.
    #[error("Something went wrong on the server. Its log has it as {request_id}.")]
    Fault { request_id: String },
    /// Not reached, or not known whether it was done. Trying again is safe.
    #[error("Bailout cannot be reached. Try again.")]
    Unavailable,
    /// The request made no sense; the sentence says why.
    #[error("{0}")]
    Bad(String),
}

impl FromServerFnError for CallError {
    type Encoder = LeanEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Serialization(_) => {
                Self::Bad(error.to_string())
            }
            // Also what a proxy answers in our stead, which does not read as one of ours.
            _ => Self::Unavailable,
        }
    }
}
