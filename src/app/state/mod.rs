//! The state of the console in the browser: data from the server, drafts of the operator, and how it is displayed.

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
