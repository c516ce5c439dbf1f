//! Tests of the verbs by topic, and of properties that hold after any sequence of verbs.

mod any_sequence;
mod briefing;
mod claims;
mod control;
mod deadlines;
mod ends;
mod outcomes;
mod receipts;
mod transfers;
mod updates;
