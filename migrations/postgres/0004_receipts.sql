-- Receipts name an operator's message by its id.
create index message_of_operator on message (workspace_id, escalation_id, id) where role = 'operator';
