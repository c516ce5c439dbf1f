//! The state of the console in the browser: what the server has sent, what the operator has begun, and what is drawn of it.

pub mod activity;
pub mod attention;
pub mod clock;
pub mod displayed_rows;
pub mod drafts;
pub mod live;
pub mod recent;
pub mod typing;
pub mod unsaved;
pub mod wire;
