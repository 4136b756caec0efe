-- How full each of the named queues is, in no order; it costs an index entry for each job that is not done. The oldest
-- available job is the first that would be fetched. By river_job_prioritized_fetching_index and river_queue_pkey.
-- name: JobQueueDepths :many
select n.name::text as name,
    exists (select 1 from river_queue q where q.name = n.name and q.paused_at is not null)::boolean as paused,
    (select count(*) from river_job j where j.state = 'available' and j.queue = n.name)::int as available,
    (select count(*) from river_job j where j.state = 'running' and j.queue = n.name)::int as running,
    (select count(*) from river_job j where j.state = 'scheduled' and j.queue = n.name)::int as scheduled,
    (select count(*) from river_job j where j.state = 'retryable' and j.queue = n.name)::int as retryable,
    greatest(now() - (
        select j.scheduled_at from river_job j where j.state = 'available' and j.queue = n.name
        order by j.priority, j.scheduled_at limit 1), interval '0')::interval as oldest_age
from unnest(@names::text[]) as n (name);

-- A queue that no node has worked yet has no row to be paused in. By river_queue_pkey.
-- name: EnsureJobQueue :exec
insert into river_queue (name, updated_at) values (@name, now())
on conflict (name) do nothing;

-- The database's clock.
-- name: DatabaseTime :one
select clock_timestamp()::timestamptz as at;
