//! Every function of the server that the console calls: the only door from the app into the server. Each guards first.

mod read;
mod write;

pub use read::{Bootstrap, bootstrap, earlier, inbox, inbox_page, thread, who_am_i};
pub use write::{claim, follow_up, note, release, reply, resolve, take_over};
