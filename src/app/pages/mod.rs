//! The pages, one a file. The console is the app's; the others are plain, drawn by the server alone.

pub mod confirm;
pub mod console;
pub mod frame;
pub mod join;
pub mod me;
pub mod not_found;
pub mod search;
pub mod set_up;
pub mod settings;
pub mod sign_in;
