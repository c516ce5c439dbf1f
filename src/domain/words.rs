//! The words of enums without fields: how each variant is written in JSON, SQL and addresses, and the label that people read.

/// Declares the word of each variant, and its label if the enum has labels. Generates `ALL` in the order of the table, `as_str`,
/// `named`, which parses a word, and `label`.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal,)+ }) => {
        impl $name {
            /// Every variant, in order.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// Returns the word that JSON, SQL and addresses write.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Returns the variant of a word.
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|it| it.as_str() == word)
            }
        }
    };
    ($name:ident { $($variant:ident = $word:literal, $label:literal;)+ }) => {
        words!($name { $($variant = $word,)+ });

        impl $name {
            /// Returns the label that people read.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use crate::domain::{
        ask::{AskKind, Verdict},
        conversation::Control,
        disposition::Disposition,
        draft::DraftMode,
        escalation::{Shelf, Status},
        message::{MessageRole, ReceiptState},
        operator::Role,
        outcome::{ExecutedBy, NextStep},
        queue::Urgency,
        reason::ReasonCode,
    };

    #[test]
    fn a_word_is_what_json_writes() {
        macro_rules! assert_same {
            ($($name:ident),+) => {
                $(for it in $name::ALL {
                    assert_eq!(serde_json::to_value(it).unwrap(), it.as_str());
                    assert_eq!($name::named(it.as_str()), Some(it));
                })+
            };
        }
        assert_same!(AskKind, Control, Disposition, DraftMode, ExecutedBy, MessageRole, NextStep, ReasonCode);
        assert_same!(ReceiptState, Role, Shelf, Status, Urgency, Verdict);
        assert_eq!(Role::named("Admin"), None);
    }
}
