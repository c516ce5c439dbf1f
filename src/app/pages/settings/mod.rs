//! The settings: plain lists, for admins.

pub mod agents;
pub mod people;
pub mod queues;
