-- What is true beside the log: who was there when, and what operators have begun to write.

create table operator_seen (
    workspace_id text collate "C" not null,
    operator_id text collate "C" not null,
    at bigint not null,
    primary key (workspace_id, operator_id),
    foreign key (workspace_id, operator_id) references operator (workspace_id, id)
);
create index operator_seen_by_age on operator_seen (at);

-- `id` is an agent's for a stream of all its escalations, else an escalation's. `reached` is the seq of the newest event
-- that left towards it.
create table agent_heard (
    workspace_id text collate "C" not null references workspace (id),
    id text collate "C" not null,
    at bigint not null,
    reached bigint not null,
    primary key (workspace_id, id)
);

-- One text a mode: a reply, an answer, a note, decisions on cards. `client_message_id` is the name it will be sent under.
create table draft (
    workspace_id text collate "C" not null,
    operator_id text collate "C" not null,
    escalation_id text collate "C" not null,
    mode text collate "C" not null,
    client_message_id text collate "C" not null,
    text text collate "C" not null,
    at bigint not null,
    primary key (workspace_id, operator_id, escalation_id, mode),
    foreign key (workspace_id, operator_id) references operator (workspace_id, id),
    foreign key (workspace_id, escalation_id) references escalation (workspace_id, id)
);
create index draft_of_operator on draft (workspace_id, operator_id, at);
create index draft_by_age on draft (at);
