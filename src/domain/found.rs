//! What a search found.

use super::inbox::Row;

/// A text that was found: the escalation it belongs to, and the part around what was asked for, in pieces, each with
/// whether it is what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchHit {
    pub row: Row,
    pub snippet: Vec<(String, bool)>,
}

/// A page of what was found, the newest first, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchPage {
    pub hits: Vec<SearchHit>,
    pub more: Option<i64>,
    /// The search index is being rebuilt after an upgrade, so that older texts are perhaps not found yet.
    pub is_indexing: bool,
}
