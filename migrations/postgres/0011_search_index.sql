-- The search index is rebuilt; as for SQLite. PostgreSQL replaces the rows of `passage` in place.

-- The rows of every event up to this one are in their new form. A later migration that sets it to 0 has everything indexed
-- again.
alter table workspace add column indexed_seq bigint not null default 0;
