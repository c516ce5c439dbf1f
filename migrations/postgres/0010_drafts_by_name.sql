-- Two tabs may hold two drafts of the same kind for one escalation. Each is a row of its own, by the name it will be sent
-- under, so that sending or clearing one leaves the other.
alter table draft drop constraint draft_pkey;
alter table draft add primary key (workspace_id, operator_id, escalation_id, mode, client_message_id);
