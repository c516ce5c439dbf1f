-- Search. A passage is one text that people read; its words are folded by the program, so that both databases know the
-- same ones. The table is the index: it holds the words only to find, and says where the text is. `rowid` grows with
-- `place`, which is the seq of the passage's event and its number within that; `position` is a message's, else -1.
create virtual table passage using fts5 (
    words, workspace_id unindexed, escalation_id unindexed, place unindexed, position unindexed,
    content = '', contentless_unindexed = 1, tokenize = 'unicode61 remove_diacritics 0'
);

-- Events up to `older` were written before there was a search; they are indexed up to `indexed`.
alter table workspace add column older integer not null default 0;
alter table workspace add column indexed integer not null default 0;
update workspace set older = head;
