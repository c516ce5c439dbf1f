//! Stories of the verbs, told by who says them and by what must hold whoever speaks.

mod any_sequence;
mod briefing;
mod claims;
mod control;
mod deadlines;
mod ends;
mod outcomes;
mod receipts;
mod transfers;
