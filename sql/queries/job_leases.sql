-- No row when another worker holds the job. The database's clock decides, so that nodes agree. By job_leases_pkey.
-- name: TakeJobLease :one
insert into job_leases (job_id, number, expires_at)
values (@job_id, nextval('job_lease_numbers'), now() + @lifetime::interval)
on conflict (job_id) do update
set number = nextval('job_lease_numbers'), expires_at = now() + @lifetime::interval
where job_leases.expires_at < now()
returning number;

-- Answers the leases that nobody else has taken, lapsed ones too; the others are lost. By job_leases_number_key.
-- name: RenewJobLeases :many
update job_leases set expires_at = now() + @lifetime::interval
where number = any (@numbers::bigint[])
returning number;

-- By job_leases_number_key.
-- name: ReleaseJobLease :exec
delete from job_leases where number = @number;

-- Jobs whose worker is gone become available again; those nobody will run any more lose their lease row.
-- By job_leases_expiry and river_job_pkey.
-- name: ReviveLapsedJobs :many
update river_job j set state = 'available', scheduled_at = now(), finalized_at = null
from job_leases l
where l.job_id = j.id and l.expires_at < now() and j.state in ('running', 'completed')
returning j.id;

-- name: DeleteOrphanedLeases :exec
delete from job_leases l
where l.expires_at < now() - interval '1 hour'
  and not exists (select 1 from river_job j where j.id = l.job_id and j.state not in ('cancelled', 'discarded'));
