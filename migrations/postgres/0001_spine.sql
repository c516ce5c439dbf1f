-- The spine, as for SQLite. Text sorts by bytes, as it does there. Times are milliseconds since 1970 in UTC, ids are text, JSON is text; nothing is numbered by the database.

create table installation (
    id bigint primary key not null check (id = 1),
    epoch text collate "C" not null,
    created_at bigint not null
);

-- `head` is the seq of the workspace's newest event, `open` how many escalations are open; every write transaction
-- locks this row first.
create table workspace (
    id text collate "C" primary key not null,
    name text collate "C" not null unique,
    head bigint not null,
    open bigint not null,
    created_at bigint not null
);

create table queue (
    workspace_id text collate "C" not null references workspace (id),
    id text collate "C" not null,
    name text collate "C" not null,
    created_at bigint not null,
    primary key (workspace_id, id),
    unique (workspace_id, name)
);

create table agent (
    workspace_id text collate "C" not null references workspace (id),
    id text collate "C" not null,
    name text collate "C" not null,
    created_at bigint not null,
    primary key (workspace_id, id),
    unique (workspace_id, name)
);

create table api_key (
    public_id text collate "C" primary key not null,
    workspace_id text collate "C" not null,
    agent_id text collate "C" not null,
    secret_sha256 bytea not null,
    created_at bigint not null,
    revoked_at bigint,
    foreign key (workspace_id, agent_id) references agent (workspace_id, id)
);
create index api_key_by_agent on api_key (workspace_id, agent_id);

create table operator (
    workspace_id text collate "C" not null references workspace (id),
    id text collate "C" not null,
    email text collate "C" not null unique,
    name text collate "C" not null,
    public_name text collate "C" not null,
    role text collate "C" not null,
    password_hash text collate "C" not null,
    created_at bigint not null,
    disabled_at bigint,
    primary key (workspace_id, id)
);

create table session (
    secret_sha256 bytea primary key not null,
    workspace_id text collate "C" not null,
    operator_id text collate "C" not null,
    created_at bigint not null,
    seen_at bigint not null,
    foreign key (workspace_id, operator_id) references operator (workspace_id, id)
);
create index session_by_age on session (workspace_id, created_at);

-- Failed sign-ins per account, per address, and per account at an address it knows; `subject` says which.
create table sign_in_attempt (
    subject text collate "C" primary key not null,
    failures bigint not null,
    last_at bigint not null
);
create index sign_in_attempt_by_age on sign_in_attempt (last_at);

-- Addresses from which an account was signed in to; `subject` is both, the account as a hash.
create table sign_in_known (
    subject text collate "C" primary key not null,
    known_at bigint not null
);
create index sign_in_known_by_age on sign_in_known (known_at);

create table conversation (
    workspace_id text collate "C" not null references workspace (id),
    key text collate "C" not null,
    held_by text collate "C",
    takeover text collate "C",
    primary key (workspace_id, key)
);

-- `body` is the escalation as the domain knows it, `row` its line in a list, `outcome` the bytes agents get.
create table escalation (
    workspace_id text collate "C" not null references workspace (id),
    id text collate "C" not null,
    agent_id text collate "C" not null,
    conversation text collate "C" not null,
    external_id text collate "C",
    status text collate "C" not null,
    claimed_by text collate "C",
    opened_at bigint not null,
    closed_at bigint,
    due_at bigint,
    body text collate "C" not null,
    row text collate "C" not null,
    outcome text collate "C",
    primary key (workspace_id, id)
);
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
    workspace_id text collate "C" not null,
    escalation_id text collate "C" not null,
    position bigint not null,
    id text collate "C" not null,
    seq bigint,
    author text collate "C",
    client_message_id text collate "C",
    role text collate "C" not null,
    body text collate "C" not null,
    primary key (workspace_id, escalation_id, position),
    foreign key (workspace_id, escalation_id) references escalation (workspace_id, id)
);
create unique index message_once on message (workspace_id, escalation_id, author, client_message_id) where seq is not null;
create index message_since_open on message (workspace_id, escalation_id, seq) where seq is not null;

-- The log. `body` is the operators' frame, `agent_body` what the agent hears, empty when it does not.
create table event (
    workspace_id text collate "C" not null references workspace (id),
    seq bigint not null,
    escalation_id text collate "C" not null,
    agent_id text collate "C" not null,
    type text collate "C" not null,
    body text collate "C" not null,
    agent_body text collate "C",
    primary key (workspace_id, seq)
);
create index event_by_escalation on event (workspace_id, escalation_id, seq);
create index event_by_agent on event (workspace_id, agent_id, seq) where agent_body is not null;

-- Answers to requests that carried an Idempotency-Key, kept seven days.
create table idempotency (
    workspace_id text collate "C" not null,
    agent_id text collate "C" not null,
    path text collate "C" not null,
    key text collate "C" not null,
    escalation_id text collate "C" not null,
    body_sha256 bytea not null,
    status bigint not null,
    answer bytea not null,
    created_at bigint not null,
    primary key (workspace_id, agent_id, path, key)
);
create index idempotency_by_age on idempotency (created_at);
