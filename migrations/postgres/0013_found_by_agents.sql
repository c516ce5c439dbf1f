-- What agents find their escalations by: their own id of the conversation, the id of the tool call, and whether they have
-- acknowledged the outcome. An id of over 250 characters is not indexed.
alter table escalation rename column external_id to conversation_id;
alter table escalation add column tool_call_id text collate "C";
alter table escalation add column acknowledged_at bigint;
update escalation set acknowledged_at = cast(body::json ->> 'acknowledged_at' as bigint),
    tool_call_id = case when length(body::json #>> '{opening,resume,tool_call_id}') <= 250
        then body::json #>> '{opening,resume,tool_call_id}' end;
create index escalation_by_tool_call on escalation (workspace_id, agent_id, tool_call_id, id) where tool_call_id is not null;
create index escalation_to_acknowledge on escalation (workspace_id, agent_id, id) where closed_at is not null and acknowledged_at is null;
create index escalation_acknowledged on escalation (workspace_id, agent_id, id) where acknowledged_at is not null;
