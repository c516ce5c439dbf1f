//! The server functions of the console: the only entry point from the app into the server. Each calls `guard` first.

mod beside;
mod read;
mod write;

pub use beside::{KeepDraft, keep_draft, prefer, set_availability, viewing};
pub use read::{Bootstrap, bootstrap, earlier, inbox, inbox_page, targets, thread, who_am_i, whole};
pub use write::{claim, follow_up, mark, note, release, reply, resolve, take_over, transfer};
