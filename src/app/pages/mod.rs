//! The pages, one a file. The console is the app's; the others are plain, drawn by the server alone.

pub mod console;
pub mod not_found;
