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
mod schema;
mod screens;
mod stop;
mod support;
mod volume;
mod web;
mod writer;
