//! Operations: whether the server is healthy and ready, and the free space of its disk.

pub mod free_space;
pub mod health;
pub mod readiness;
