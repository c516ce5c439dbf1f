//! Parts of pages: each draws what it is given and calls back. None of them calls the server.

pub mod claim_bar;
pub mod composer;
pub mod connection;
pub mod conversation;
pub mod decision_card;
pub mod details;
pub mod drawn;
pub mod entries;
pub mod fields;
pub mod handover;
pub mod icons;
pub mod list;
pub mod marks;
pub mod message;
pub mod pairs;
pub mod rail;
pub mod resolution;
pub mod resolve_dialog;
pub mod revealed;
pub mod rich_text;
pub mod row;
pub mod schema;
pub mod standing;
pub mod steps;
pub mod thread_head;
