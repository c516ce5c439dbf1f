-- Queues with people and defaults of their own, who is away, and what agents are told of the desk.

-- Grows whenever members change, so that open consoles begin anew.
alter table workspace add column members_version integer not null default 0;

-- What a queue fills in where the agent left it out. Spans are milliseconds.
alter table queue add column urgency text;
alter table queue add column claim_within integer;
alter table queue add column resolve_within integer;
alter table queue add column expire_after integer;
alter table queue add column expiry_note text;

-- A queue without members is served by everybody.
create table queue_member (
    workspace_id text not null,
    queue_id text not null,
    operator_id text not null,
    primary key (workspace_id, queue_id, operator_id),
    foreign key (workspace_id, queue_id) references queue (workspace_id, id),
    foreign key (workspace_id, operator_id) references operator (workspace_id, id)
) strict;

-- Since when they are away by their own word; empty while they are available.
alter table operator add column away_at integer;

-- `claimed_after` is how long it waited for its first claim, `alerted_at` when somebody was called because it waited.
alter table escalation add column queue_id text not null default '';
alter table escalation add column claimed_after integer;
alter table escalation add column alerted_at integer;
update escalation set
    queue_id = json_extract(body, '$.queue.id'),
    claimed_after = json_extract(body, '$.claim.at') - opened_at;

drop index escalation_to_count;
create index escalation_to_count on escalation (workspace_id, shelf, claimed_by, queue_id);
create index escalation_ahead on escalation (workspace_id, queue_id, key_waiting, id) where shelf = 'waiting';
create index escalation_claimed on escalation (workspace_id, queue_id, id desc, claimed_after) where claimed_after is not null;
create index escalation_to_alert on escalation (opened_at) where shelf = 'waiting' and alerted_at is null;
