-- Two tabs may hold two drafts of the same kind for one escalation. Each is a row of its own, by the name it will be sent
-- under, so that sending or clearing one leaves the other. SQLite changes no primary key, so the table is made anew.
create table draft_by_name (
    workspace_id text not null,
    operator_id text not null,
    escalation_id text not null,
    mode text not null,
    client_message_id text not null,
    text text not null,
    at integer not null,
    primary key (workspace_id, operator_id, escalation_id, mode, client_message_id),
    foreign key (workspace_id, operator_id) references operator (workspace_id, id),
    foreign key (workspace_id, escalation_id) references escalation (workspace_id, id)
) strict;
insert into draft_by_name (workspace_id, operator_id, escalation_id, mode, client_message_id, text, at)
    select workspace_id, operator_id, escalation_id, mode, client_message_id, text, at from draft;
drop table draft;
alter table draft_by_name rename to draft;
create index draft_of_operator on draft (workspace_id, operator_id, at);
create index draft_by_age on draft (at);
