-- People let each other in and keep the keys without a shell. A key's `revoked_at` may lie ahead: until then it is good.

alter table operator add column preferences text not null default '{}';

-- `confirmed_at` is when the password was last shown; `address` is where the session was begun from.
alter table session add column confirmed_at bigint not null default 0;
alter table session add column address text;
update session set confirmed_at = created_at;
create index session_of_operator on session (workspace_id, operator_id);

alter table api_key add column used_at bigint;

create table sign_in (
    workspace_id text not null,
    operator_id text not null,
    at bigint not null,
    address text,
    primary key (workspace_id, operator_id, at),
    foreign key (workspace_id, operator_id) references operator (workspace_id, id)
);

-- A link that opens one door once: set up the installation, join with a role, or choose a new password. It is gone once it
-- was used or revoked; `operator_id` is whose password it is, `made_by` the admin who made it: it is good as long as they are one.
create table one_time_link (
    secret_sha256 bytea primary key not null,
    workspace_id text not null references workspace (id),
    kind text not null,
    role text,
    operator_id text,
    made_by text,
    created_at bigint not null,
    ends_at bigint not null,
    foreign key (workspace_id, operator_id) references operator (workspace_id, id)
);
create index one_time_link_by_kind on one_time_link (workspace_id, kind, created_at);
