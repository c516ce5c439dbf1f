-- The search index is rebuilt: it also holds compounds as one word, letters as they are typed on a plain keyboard, and what
-- tools were called with and answered. `rowid` must grow with `place`, so that SQLite builds the new index in the order of
-- the events, in the background. The former index, `passage`, serves searches until the new one has every event.
create virtual table passage_index using fts5 (
    words, workspace_id unindexed, escalation_id unindexed, place unindexed, position unindexed,
    content = '', contentless_unindexed = 1, tokenize = 'unicode61 remove_diacritics 0'
);

-- The new index has every event up to this one. A later migration that sets it to 0 has everything indexed again.
alter table workspace add column indexed_seq integer not null default 0;
