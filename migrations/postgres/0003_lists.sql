-- The lists, as for SQLite. `shelf` is the state, with what expired told apart by whether somebody has followed it up;
-- each `key_` is where a row stands in one order, ascending. `customer` is by whom one is known again; `closed_seq` says
-- when it ended.

alter table escalation add column shelf text collate "C" not null default '';
alter table escalation add column key_waiting bigint not null default 0;
alter table escalation add column key_deadline bigint not null default 0;
alter table escalation add column key_urgency bigint not null default 0;
alter table escalation add column key_newest bigint not null default 0;
alter table escalation add column customer text collate "C";
alter table escalation add column closed_seq bigint;

-- What is claimed waits since it was opened, as far as anyone knew until now.
update escalation set
    shelf = case status when 'expired' then 'missed' else status end,
    key_waiting = case when closed_at is null then opened_at else 9223372036854775807 end,
    key_deadline = coalesce(due_at, 9223372036854775807),
    key_urgency = case body::json ->> 'urgency' when 'low' then 0 when 'normal' then -1 when 'high' then -2 else -3 end,
    key_newest = -coalesce(closed_at, opened_at),
    customer = coalesce(
        'customer/' || (body::json #>> '{opening,conversation,customer,external_id}'),
        'conversation/' || external_id
    ),
    closed_seq = (body::json ->> 'closed_seq')::bigint,
    row = (row::jsonb || jsonb_build_object(
        'code', body::json #> '{opening,reason,code}',
        'agent', body::json -> 'agent',
        'queue', body::json #> '{queue,id}',
        'waits_since', case when closed_at is null then opened_at end,
        'earlier', false,
        'contact', case status when 'expired' then coalesce(
            body::json #>> '{opening,conversation,customer,email}',
            body::json #>> '{opening,conversation,customer,external_id}'
        ) end,
        'followed_up', false
    ))::text;

drop index escalation_by_status;
drop index escalation_by_claim;
drop index escalation_by_end;
drop index escalation_to_count;
create index escalation_to_count on escalation (workspace_id, shelf, claimed_by);
create index escalation_waiting on escalation (workspace_id, shelf, key_waiting, id) where closed_at is null;
create index escalation_deadline on escalation (workspace_id, shelf, key_deadline, id) where closed_at is null;
create index escalation_urgency on escalation (workspace_id, shelf, key_urgency, id);
create index escalation_newest on escalation (workspace_id, shelf, key_newest, id);
create index escalation_mine_waiting on escalation (workspace_id, claimed_by, key_waiting, id) where shelf = 'claimed';
create index escalation_mine_deadline on escalation (workspace_id, claimed_by, key_deadline, id) where shelf = 'claimed';
create index escalation_mine_urgency on escalation (workspace_id, claimed_by, key_urgency, id) where shelf = 'claimed';
create index escalation_mine_newest on escalation (workspace_id, claimed_by, key_newest, id) where shelf = 'claimed';
create index escalation_by_customer on escalation (workspace_id, agent_id, customer, closed_seq) where closed_seq is not null;
