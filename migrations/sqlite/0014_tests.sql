-- Tests: agents whose escalations Robot answers. `robot_at` is the time of Robot's next step with an open one.
alter table agent add column is_test integer not null default 0;
alter table escalation add column robot_at integer;
create index escalation_for_robot on escalation (robot_at) where robot_at is not null;
