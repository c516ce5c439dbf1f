//! The commands that are clients of a running server: `approve` and `ask` put a question to a human for a script, `health` tells
//! whether the server is alive, and `doctor` looks at the server and its surroundings.

mod api_client;
pub mod demo_file;
mod doctor;
mod health;
mod question;

pub use doctor::examine;
pub use health::{is_alive, loopback};
pub use question::{approve, ask};
