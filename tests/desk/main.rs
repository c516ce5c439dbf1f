//! Stories told on a desk, over HTTP, on SQLite and on PostgreSQL.

mod api;
mod claims;
mod crash;
mod expiry;
mod idempotency;
mod life;
mod live;
mod schema;
mod screens;
mod support;
mod web;
mod writer;
