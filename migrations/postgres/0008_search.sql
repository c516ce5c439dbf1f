-- Search. A passage is one text that people read; its words are folded by the program, so that both databases know the
-- same ones. The table holds the words only to find, and says where the text is. `place` is the seq of the passage's event
-- and its number within that; `position` is a message's, else -1.
create table passage (
    workspace_id text collate "C" not null,
    place bigint not null,
    escalation_id text collate "C" not null,
    position bigint not null,
    words tsvector not null,
    primary key (workspace_id, place)
);
create index passage_words on passage using gin (words);

-- Events up to `older` were written before there was a search; they are indexed up to `indexed`.
alter table workspace add column older bigint not null default 0;
alter table workspace add column indexed bigint not null default 0;
update workspace set older = head;
