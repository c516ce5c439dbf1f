//! Stories told on a desk, over HTTP, on SQLite and on PostgreSQL.

mod api;
mod claims;
mod crash;
mod expiry;
mod idempotency;
mod life;
mod lists;
mod live;
mod opening;
mod plans;
mod presence;
mod receipts;
mod schema;
mod screens;
mod stop;
mod support;
mod the_loop;
mod transcripts;
mod volume;
mod web;
mod writer;
