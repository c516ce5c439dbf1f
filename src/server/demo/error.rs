//! The reasons why a demo fails.

use crate::server::{ServeError, error::Error};

/// The reason why a demo cannot start or continue.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("cannot make a temporary folder: {0}")]
    NoFolder(std::io::Error),
    #[error("--key must begin with blt_test_ if Robot is the operator (--operator auto), and must not otherwise")]
    WrongKey,
    #[error("no random bits: {0}")]
    NoRandom(#[from] getrandom::Error),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Desk(#[from] Error),
    /// The key of a scripted agent was revoked in the console.
    #[error("{0} has no key any more")]
    Dismissed(&'static str),
    /// The script does not fit the program.
    #[error("the demo's script: {0}")]
    Script(String),
}
