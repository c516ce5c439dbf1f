//! What runs beside the requests: alerts, deadlines, wake-ups between processes, the rebuilding of the search index, and the
//! watch over the history's name. Each is a caller of the desk like any other.

pub mod alerts;
pub mod clock_steps;
pub mod deadlines;
pub mod epoch;
pub mod gaps;
pub mod search_index;
pub mod wakeups;
