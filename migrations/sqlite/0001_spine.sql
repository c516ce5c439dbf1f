-- The spine. Times are milliseconds since 1970 in UTC, ids are text, JSON is text; nothing is numbered by the database.

create table installation (
    id integer primary key not null check (id = 1),
    epoch text not null,
    created_at integer not null
) strict;

-- `head` is the seq of the workspace's newest event, `open` how many escalations are open; every write transaction
-- locks this row first.
create table workspace (
    id text primary key not null,
    name text not null unique,
    head integer not null,
    open integer not null,
    created_at integer not null
) strict;

create table queue (
    workspace_id text not null references workspace (id),
    id text not null,
    name text not null,
    created_at integer not null,
    primary key (workspace_id, id),
    unique (workspace_id, name)
) strict;

create table agent (
    workspace_id text not null references workspace (id),
    id text not null,
    name text not null,
    created_at integer not null,
    primary key (workspace_id, id),
    unique (workspace_id, name)
) strict;

create table api_key (
    public_id text primary key not null,
    workspace_id text not null,
    agent_id text not null,
    secret_sha256 blob not null,
    created_at integer not null,
    revoked_at integer,
    foreign key (workspace_id, agent_id) references agent (workspace_id, id)
) strict;
create index api_key_by_agent on api_key (workspace_id, agent_id);

create table operator (
    workspace_id text not null references workspace (id),
    id text not null,
    email text not null unique,
    name text not null,
    public_name text not null,
    role text not null,
    password_hash text not null,
    created_at integer not null,
    disabled_at integer,
    primary key (workspace_id, id)
) strict;

create table session (
    secret_sha256 blob primary key not null,
    workspace_id text not null,
    operator_id text not null,
    created_at integer not null,
    seen_at integer not null,
    foreign key (workspace_id, operator_id) references operator (workspace_id, id)
) strict;
create index session_by_age on session (workspace_id, created_at);

-- Failed sign-ins per account, per address, and per account at an address it knows; `subject` says which.
create table sign_in_attempt (
    subject text primary key not null,
    failures integer not null,
    last_at integer not null
) strict;
create index sign_in_attempt_by_age on sign_in_attempt (last_at);

-- Addresses from which an account was signed in to; `subject` is both, the account as a hash.
create table sign_in_known (
    subject text primary key not null,
    known_at integer not null
) strict;
create index sign_in_known_by_age on sign_in_known (known_at);

create table conversation (
    workspace_id text not null references workspace (id),
    key text not null,
    held_by text,
    takeover text,
    primary key (workspace_id, key)
) strict;

-- `body` is the escalation as the domain knows it, `row` its line in a list, `outcome` the bytes agents get.
create table escalation (
    workspace_id text not null references workspace (id),
    id text not null,
    agent_id text not null,
    conversation text not null,
    external_id text,
    status text not null,
    claimed_by text,
    opened_at integer not null,
    closed_at integer,
    due_at integer,
    body text not null,
    row text not null,
    outcome text,
    primary key (workspace_id, id)
) strict;
create index escalation_by_status on escalation (workspace_id, status, opened_at, id);
create index escalation_by_claim on escalation (workspace_id, claimed_by, opened_at, id) where status = 'claimed';
create index escalation_by_end on escalation (workspace_id, status, closed_at desc, id) where closed_at is not null;
create index escalation_to_count on escalation (workspace_id, status, claimed_by);
create index escalation_by_agent on escalation (workspace_id, agent_id, id);
create index escalation_of_agent on escalation (workspace_id, agent_id, status, id);
create index escalation_by_conversation on escalation (workspace_id, agent_id, external_id, id) where external_id is not null;
create index escalation_due on escalation (due_at) where due_at is not null;

-- `seq` is empty for the transcript an escalation was opened with; `author` is an operator's id or 'agent'.
create table message (
    workspace_id text not null,
    escalation_id text not null,
    position integer not null,
    id text not null,
    seq integer,
    author text,
    client_message_id text,
    role text not null,
    body text not null,
    primary key (workspace_id, escalation_id, position),
    foreign key (workspace_id, escalation_id) references escalation (workspace_id, id)
) strict;
create unique index message_once on message (workspace_id, escalation_id, author, client_message_id) where seq is not null;
create index message_since_open on message (workspace_id, escalation_id, seq) where seq is not null;

-- The log. `body` is the operators' frame, `agent_body` what the agent hears, empty when it does not.
create table event (
    workspace_id text not null references workspace (id),
    seq integer not null,
    escalation_id text not null,
    agent_id text not null,
    type text not null,
    body text not null,
    agent_body text,
    primary key (workspace_id, seq)
) strict;
create index event_by_escalation on event (workspace_id, escalation_id, seq);
create index event_by_agent on event (workspace_id, agent_id, seq) where agent_body is not null;

-- Answers to requests that carried an Idempotency-Key, kept seven days.
create table idempotency (
    workspace_id text not null,
    agent_id text not null,
    path text not null,
    key text not null,
    escalation_id text not null,
    body_sha256 blob not null,
    status integer not null,
    answer blob not null,
    created_at integer not null,
    primary key (workspace_id, agent_id, path, key)
) strict;
create index idempotency_by_age on idempotency (created_at);
