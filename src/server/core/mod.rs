//! The core: every change of an escalation. The writer takes queued commands, decides a batch of them and saves it in one
//! transaction; the log then notifies its subscribers.

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
