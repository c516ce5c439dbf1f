//! Stories told on a desk, over HTTP, on SQLite and on PostgreSQL.

mod aborts;
mod api;
mod claims;
mod crash;
mod expiry;
mod guessing;
mod hostile;
mod idempotency;
mod life;
mod live;
mod opening;
mod plans;
mod retries;
mod revocation;
mod schema;
mod screens;
mod secrets;
mod snapshots;
mod stop;
mod streams;
mod stuck;
mod support;
mod volume;
mod web;
mod writer;
