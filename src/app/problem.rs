//! The errors of server functions, as the console sees them. Expected refusals are values instead.

use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

use crate::{app::codec::LeanEncoding, domain::operator::Role};

/// A fault of the server, or a caller who lacks permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CallError {
    #[error("You are signed out.")]
    SignedOut,
    #[error("This needs the role {need}. An admin can grant it.")]
    Forbidden { need: Role },
    #[error("There is no such escalation.")]
    NotFound,
    /// A fault of the server, which is in its log under this id.
    #[error("Something went wrong on the server. Its log has it as {request_id}.")]
    Fault { request_id: String },
    /// The server was not reached, or the result of the call is unknown. A retry is safe.
    #[error("Bailout cannot be reached. Try again.")]
    Unavailable,
    /// The request was invalid; the sentence says why.
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
            // Also a response of a proxy, which does not parse as an error of ours.
            _ => Self::Unavailable,
        }
    }
}
