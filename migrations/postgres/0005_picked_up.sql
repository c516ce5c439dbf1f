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
