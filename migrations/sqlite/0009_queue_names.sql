-- Queues end, and change their names.

-- From then on a queue takes nothing new; what is open in it stays, for those who serve it.
alter table queue add column removed_at integer;

-- The names that a queue had before, by which agents find it until another queue takes one.
create table queue_former_name (
    workspace_id text not null,
    name text not null,
    queue_id text not null,
    primary key (workspace_id, name),
    foreign key (workspace_id, queue_id) references queue (workspace_id, id)
) strict;
