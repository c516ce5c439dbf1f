-- Queues end, and change their names; as for SQLite.

-- From then on a queue takes nothing new; what is open in it stays, for those who serve it.
alter table queue add column removed_at bigint;

-- The names that a queue had before, by which agents find it until another queue takes one.
create table queue_former_name (
    workspace_id text collate "C" not null,
    name text collate "C" not null,
    queue_id text collate "C" not null,
    primary key (workspace_id, name),
    foreign key (workspace_id, queue_id) references queue (workspace_id, id)
);
