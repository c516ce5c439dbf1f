//! The core: every change of an escalation. A command is queued, a batch of commands is decided and saved in one transaction
//! by the writer, and the log tells everyone who follows it.

mod batch;
pub mod command;
pub mod desk;
pub mod log;
pub mod open_streams;
pub mod presence;
pub mod queue;
pub mod recorded;
pub mod tasks;
pub mod writer;
