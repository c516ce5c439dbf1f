-- Outcomes that an agent has acknowledged, or has not, by the state of their escalation, so that a list with both filters reads no
-- other rows.
drop index escalation_to_acknowledge;
drop index escalation_acknowledged;
create index escalation_to_acknowledge on escalation (workspace_id, agent_id, status, id) where closed_at is not null and acknowledged_at is null;
create index escalation_acknowledged on escalation (workspace_id, agent_id, status, id) where acknowledged_at is not null;
