//! What runs beside the requests: alerts, deadlines, and wake-ups between processes. Each is a caller of the desk like any other.

pub mod alerts;
pub mod deadlines;
pub mod wakeups;
