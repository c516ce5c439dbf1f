//! The pages, one a file.

pub mod console;
pub mod not_found;
pub mod settings;
pub mod sign_in;
