-- No row when another worker holds the job. A lease that was given back (its number negated) may be taken at
-- once. The database's clock decides, so that nodes agree. By job_leases_pkey.
-- name: TakeJobLease :one
insert into job_leases (job_id, number, expires_at)
values (@job_id, nextval('job_lease_numbers'), now() + @lifetime::interval)
on conflict (job_id) do update
set number = nextval('job_lease_numbers'), expires_at = now() + @lifetime::interval
where job_leases.expires_at < now() or job_leases.number < 0
returning number;

-- Answers the leases that nobody else has taken, lapsed ones too; the others are lost. By job_leases_number_key.
-- name: RenewJobLeases :many
update job_leases set expires_at = now() + @lifetime::interval
where number = any (@numbers::bigint[])
returning number;

-- Ends a job that is done together with its lease; no row when the lease is not ours any more. The job need not be
-- running: a worker that lost the lease before may have put it back into the queue.
-- By job_leases_number_key and river_job_pkey.
-- name: CompleteLeasedJob :execrows
with held as (
    delete from job_leases where number = @number returning job_id
)
update river_job j set state = 'completed', finalized_at = now()
from held
where j.id = held.job_id and j.state in ('running', 'available', 'scheduled', 'retryable');

-- Ends a job that is given up together with its lease, and answers all its errors, the newest last; no row when the
-- lease is not ours any more. By job_leases_number_key and river_job_pkey.
-- name: DiscardLeasedJob :one
with held as (
    delete from job_leases where number = @number returning job_id
)
update river_job j set state = 'discarded', finalized_at = now(), errors = array_append(j.errors,
    jsonb_build_object('attempt', @attempt::int, 'at', now(), 'error', @error::text, 'trace', ''))
from held
where j.id = held.job_id and j.state in ('running', 'available', 'scheduled', 'retryable')
returning to_jsonb(j.errors)::jsonb as errors;

-- How often the job was begun, by whomever. By river_job_pkey.
-- name: JobAttempt :one
select attempt from river_job where id = @id;

-- Gives a lease back before the queue stores what became of the run; no row when it is not ours any more. The row
-- stays until then, or else the job of a worker that dies in between would be nobody's. By job_leases_number_key.
-- name: ReleaseJobLease :execrows
update job_leases set number = -number, expires_at = now() + @lifetime::interval
where number = @number;

-- Jobs whose worker is gone become available again: their lease has lapsed, or was not even taken in the time of
-- one. Each is told among the errors of its job. In no order; by river_job_prioritized_fetching_index (those that run
-- are few) and job_leases_pkey.
-- name: ReviveLapsedJobs :many
with lapsed as (
    select j.id from river_job j
    left join job_leases l on l.job_id = j.id
    where j.state = 'running' and greatest(l.expires_at, j.attempted_at + @lifetime::interval) < now()
    for update of j skip locked
)
update river_job j set state = 'available', scheduled_at = now(), errors = array_append(j.errors,
    jsonb_build_object('attempt', j.attempt, 'at', now(), 'error', 'the worker was lost', 'trace', ''))
from lapsed
where j.id = lapsed.id
returning j.id;

-- Lapsed leases that no run needs. By job_leases_expiry and river_job_pkey.
-- name: DeleteLapsedLeases :exec
delete from job_leases l
where l.expires_at < now() and not exists (select 1 from river_job j where j.id = l.job_id and j.state = 'running');
