-- name: InsertTask :one
insert into tasks (id, user_id, kind, status, input, created_at, updated_at)
values (@id, @user_id, @kind, 'queued', @input, @at, @at)
returning *;

-- By tasks_pkey.
-- name: TaskByID :one
select * from tasks where id = @id and user_id = @user_id;

-- The same, locked: who cancels waits for who writes. By tasks_pkey.
-- name: TaskForUpdate :one
select * from tasks where id = @id and user_id = @user_id for update;

-- A task by its id alone, for the worker. By tasks_pkey.
-- name: TaskByIDAlone :one
select * from tasks where id = @id;

-- Newest first, by tasks_user_created.
-- name: TasksByUser :many
select * from tasks
where user_id = @user_id
  and (sqlc.narg(status)::text is null or status = sqlc.narg(status))
  and (sqlc.narg(kind)::text is null or kind = sqlc.narg(kind))
  and (created_at, id) < (@before_at::timestamptz, @before_id::uuid)
order by created_at desc, id desc
limit @max_rows;

-- Makes the task this run's to write, from 0, unless it is only to be cancelled: then its progress stays. No row
-- when it has ended or a newer run has it. By tasks_pkey.
-- name: BeginTask :one
update tasks
set status = 'running', lease_number = @lease_number, waiting = false, rate = null, started_at = coalesce(started_at, @at),
    done = case when cancel_requested_at is null then 0 else done end,
    total = case when cancel_requested_at is null then null else total end,
    revision = revision + 1, updated_at = @at
where id = @id and status in ('queued', 'running') and lease_number < @lease_number
returning *;

-- How far the run has come; waiting when it is over and another one will follow. No row when the task is not this
-- run's any more. By tasks_pkey.
-- name: ProgressTask :one
update tasks
set done = @done, total = @total, rate = @rate, waiting = @waiting, revision = revision + 1, updated_at = @at
where id = @id and status = 'running' and lease_number = @lease_number
returning *;

-- Ends the task, unless it has ended or a newer run has it: then no row. A run that could not begin ends it too.
-- By tasks_pkey.
-- name: FinishTask :one
update tasks
set status = @status, done = @done, total = @total, rate = null, waiting = false, result = @result, problem = @problem,
    lease_number = @lease_number, revision = revision + 1, updated_at = @at, finished_at = @at
where id = @id and status in ('queued', 'running') and lease_number <= @lease_number
returning *;

-- For the node that works on it to find; nothing that the user can see changes. By tasks_pkey.
-- name: RequestTaskCancel :exec
update tasks set cancel_requested_at = coalesce(cancel_requested_at, @at) where id = @id;

-- Which of these tasks are to stop, in no order, by tasks_pkey.
-- name: CancelledTasks :many
select id from tasks where id = any (@ids::uuid[]) and cancel_requested_at is not null;

-- The longest ended first, by tasks_finished, in bounded bites.
-- name: DeleteFinishedTasks :execrows
delete from tasks where id in (
    select t.id from tasks t where t.finished_at <= @before order by t.finished_at limit @max_rows
);

-- All of a user's, in the order of their ids, by tasks_user_created.
-- name: TasksForExport :many
select * from tasks where user_id = @user_id and id > @after_id order by id limit @max_rows::int;

-- A bite of a user's tasks but one, by tasks_user_created.
-- name: EraseTasks :execrows
delete from tasks where id = any (array(
    select t.id from tasks t where t.user_id = @user_id and t.id <> @but_id limit @max_rows::int));

-- Lets one transaction at a time start a user's tasks of a kind.
-- name: LockTaskKind :exec
select pg_advisory_xact_lock(hashtextextended('task/' || @user_id::text || '/' || @kind::text, 0));

-- The one of a kind that is not over and whose input has these members, the oldest first. By tasks_user_created.
-- name: UnfinishedTask :one
select id from tasks
where user_id = @user_id and kind = @kind and status in ('queued', 'running') and input @> @about::jsonb
order by created_at, id
limit 1;
