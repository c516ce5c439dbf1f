//! Reasons of escalations: a code that can be counted, a sentence, and evidence.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::text::Text;

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

impl ReasonCode {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::UserRequested,
        Self::NegativeSentiment,
        Self::KnowledgeGap,
        Self::LowConfidence,
        Self::PolicyLimit,
        Self::NeedsApproval,
        Self::MissingCapability,
        Self::ToolFailure,
        Self::LoopDetected,
        Self::Safety,
        Self::Other,
    ];

    /// Returns the label that people read.
    pub fn label(self) -> String {
        let mut words = self.as_str().replace('_', " ");
        words[..1].make_ascii_uppercase();
        words
    }

    /// Returns the code as it is written in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserRequested => "user_requested",
            Self::NegativeSentiment => "negative_sentiment",
            Self::KnowledgeGap => "knowledge_gap",
            Self::LowConfidence => "low_confidence",
            Self::PolicyLimit => "policy_limit",
            Self::NeedsApproval => "needs_approval",
            Self::MissingCapability => "missing_capability",
            Self::ToolFailure => "tool_failure",
            Self::LoopDetected => "loop_detected",
            Self::Safety => "safety",
            Self::Other => "other",
        }
    }
}

/// The reason why the agent handed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub code: ReasonCode,
    /// The agent's own word, when it is none of the codes.
    pub label: Option<String>,
    pub text: Text<2_000>,
    pub evidence: Option<Map<String, Value>>,
    /// The confidence of the agent, from 0 to 1.
    pub confidence: Option<f64>,
}

impl Reason {
    /// Reads a code. An unknown code becomes `other`, with the word kept as its label (first 100 characters).
    pub fn code_of(word: &str) -> (ReasonCode, Option<String>) {
        match ReasonCode::ALL.into_iter().find(|code| code.as_str() == word) {
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
