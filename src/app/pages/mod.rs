//! The pages, one a file.

pub mod console;
pub mod not_found;
pub mod search;
pub mod sign_in;
