-- What is not picked up returns to the desk of who held it, and operators set urgency and tags. `acknowledged_at` is when an
-- agent first said that it took an outcome; `due_at` is from now on whenever the clock has something to say.

alter table agent add column acknowledged_at bigint;
update agent set acknowledged_at = (
    select min(cast(body::jsonb ->> 'acknowledged_at' as bigint)) from escalation
    where escalation.workspace_id = agent.workspace_id and agent_id = agent.id
);

update escalation set due_at = closed_at + 60000
    where status in ('resolved', 'expired') and body::jsonb ->> 'delivered_at' is null;

drop index escalation_mine_waiting;
drop index escalation_mine_deadline;
drop index escalation_mine_urgency;
drop index escalation_mine_newest;
create index escalation_mine_waiting on escalation (workspace_id, claimed_by, shelf, key_waiting, id) where claimed_by is not null;
create index escalation_mine_deadline on escalation (workspace_id, claimed_by, shelf, key_deadline, id) where claimed_by is not null;
create index escalation_mine_urgency on escalation (workspace_id, claimed_by, shelf, key_urgency, id) where claimed_by is not null;
create index escalation_mine_newest on escalation (workspace_id, claimed_by, shelf, key_newest, id) where claimed_by is not null;

-- How far an operator has read an escalation: `seq` of the last event that they had before them.
create table operator_read (
    workspace_id text collate "C" not null,
    operator_id text collate "C" not null,
    escalation_id text collate "C" not null,
    seq bigint not null,
    at bigint not null,
    primary key (workspace_id, operator_id, escalation_id),
    foreign key (workspace_id, operator_id) references operator (workspace_id, id),
    foreign key (workspace_id, escalation_id) references escalation (workspace_id, id)
);
create index operator_read_of_operator on operator_read (workspace_id, operator_id, at);
create index operator_read_by_age on operator_read (at);
