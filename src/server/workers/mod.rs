//! What runs beside the requests: alerts, deadlines, wake-ups between processes, and the watch over the history's name. Each is
//! a caller of the desk like any other.

pub mod alerts;
pub mod deadlines;
pub mod epoch;
pub mod wakeups;
