//! Problems with single fields of what a caller sent.

use serde::{Deserialize, Serialize};

/// A field and the problem with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// An RFC 6901 pointer, from the root of what the caller sent unless the owner of the problem says otherwise.
    pub pointer: String,
    pub detail: String,
}

impl FieldProblem {
    /// Creates a problem from the pointer to a field and a sentence about it.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}
