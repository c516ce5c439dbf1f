//! Results of a search.

use super::inbox::Row;

/// A text that a search found: the row of its escalation, and a snippet in pieces. Each piece says whether it matches
/// the search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchHit {
    pub row: Row,
    pub snippet: Vec<(String, bool)>,
}

/// A page of search results, the newest first, and the cursor of the next page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchPage {
    pub hits: Vec<SearchHit>,
    pub more: Option<i64>,
    /// True if the search index is being rebuilt after an upgrade, so that older texts may not be found yet.
    pub is_indexing: bool,
}
