//! Background tasks: alerts, deadlines, wake-ups between processes, reading what other servers wrote, rebuilding the
//! search index, saving presence and usage, free disk space, revoked credentials, a new epoch, and clock steps. Each
//! uses the `Desk` like any other caller.

pub mod alerts;
pub mod clock_steps;
pub mod deadlines;
pub mod epoch;
pub mod free_space;
pub mod gaps;
pub mod revocation;
pub mod saving;
pub mod search_index;
pub mod wakeups;
