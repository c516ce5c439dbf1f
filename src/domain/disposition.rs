//! Dispositions: the kinds of outcome, on which agents branch.

use serde::{Deserialize, Serialize};

use super::words::words;

/// The disposition of an outcome. The set is fixed, so that agents can branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    Handled,
    Answered,
    Approved,
    ApprovedWithEdits,
    Rejected,
    Instructed,
    Referred,
    Abandoned,
    Declined,
    Unanswered,
    Cancelled,
}

words!(Disposition {
    Handled = "handled", "Handled";
    Answered = "answered", "Answered";
    Approved = "approved", "Approved";
    ApprovedWithEdits = "approved_with_edits", "Approved with edits";
    Rejected = "rejected", "Rejected";
    Instructed = "instructed", "Instructed";
    Referred = "referred", "Referred";
    Abandoned = "abandoned", "Abandoned";
    Declined = "declined", "Declined";
    Unanswered = "unanswered", "Unanswered";
    Cancelled = "cancelled", "Cancelled";
});

impl Disposition {
    /// Returns the meaning of the disposition, for the operator who chooses it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Handled => "You dealt with it",
            Self::Answered => "Here is the answer",
            Self::Instructed => "The agent shall do this next",
            Self::Referred => "Someone outside carries on; the agent shall not retry",
            Self::Abandoned => "The customer left",
            Self::Declined => "You looked and will not",
            Self::Approved | Self::ApprovedWithEdits | Self::Rejected => "Decided on its cards",
            Self::Unanswered | Self::Cancelled => "Set by the clock or the agent",
        }
    }

    /// Returns whether the disposition carries data. With a `response_schema`, these dispositions need valid data; the
    /// others carry none.
    pub fn carries_data(self) -> bool {
        matches!(self, Self::Handled | Self::Answered | Self::Approved | Self::ApprovedWithEdits)
    }
}
