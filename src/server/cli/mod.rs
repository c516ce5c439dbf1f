//! The commands that are clients of a running server: `approve` and `ask` put a question to a human for a script, and `health`
//! tells whether the server is alive.

mod api_client;
pub mod demo_file;
mod health;
mod question;

pub use health::is_alive;
pub use question::{approve, ask};
