//! Reasons of escalations: a code that can be counted, a sentence, and evidence.

use serde::{Deserialize, Serialize};

use super::{
    json_text::{JsonText, within_json},
    text::Text,
    words::words,
};

/// The code of a reason, from a fixed set so that reports can count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    UserRequested,
    NegativeSentiment,
    KnowledgeGap,
    LowConfidence,
    PolicyLimit,
    NeedsApproval,
    MissingCapability,
    ToolFailure,
    LoopDetected,
    Safety,
    Other,
}

words!(ReasonCode {
    UserRequested = "user_requested", "User requested";
    NegativeSentiment = "negative_sentiment", "Negative sentiment";
    KnowledgeGap = "knowledge_gap", "Knowledge gap";
    LowConfidence = "low_confidence", "Low confidence";
    PolicyLimit = "policy_limit", "Policy limit";
    NeedsApproval = "needs_approval", "Needs approval";
    MissingCapability = "missing_capability", "Missing capability";
    ToolFailure = "tool_failure", "Tool failure";
    LoopDetected = "loop_detected", "Loop detected";
    Safety = "safety", "Safety";
    Other = "other", "Other";
});

/// The reason why the agent handed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub code: ReasonCode,
    /// The agent's own word, when it is none of the codes.
    pub label: Option<String>,
    pub text: Text<2_000>,
    #[serde(default, with = "within_json")]
    pub evidence: Option<JsonText>,
    /// The confidence of the agent, from 0 to 1.
    pub confidence: Option<f64>,
}

impl Reason {
    /// The text of a reason that the agent did not give.
    pub const NOT_GIVEN: &str = "The agent gave no reason.";

    /// Reads a code. An unknown code becomes `other`, with the word kept as its label (first 100 characters).
    pub fn code_of(word: &str) -> (ReasonCode, Option<String>) {
        match ReasonCode::named(word) {
            Some(code) => (code, None),
            None => (ReasonCode::Other, Some(word.chars().take(100).collect())),
        }
    }

    /// Returns the code in words, such as "policy limit", or the agent's own label.
    pub fn in_words(&self) -> String {
        match &self.label {
            Some(label) => label.clone(),
            None => self.code.as_str().replace('_', " "),
        }
    }
}
