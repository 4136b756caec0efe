-- Once, however often it is told. By audit_events_pkey.
-- name: InsertAuditEvent :exec
insert into audit_events (event_id, type, version, aggregate_type, aggregate_id, actor_id, request_id, causation_id, occurred_at, data)
values (@event_id, @type, @version, @aggregate_type, @aggregate_id, @actor_id, @request_id, @causation_id, @occurred_at, @data)
on conflict (event_id) do nothing;

-- What happened last first. By the index of the filter that leaves the fewest: audit_events_actor,
-- audit_events_aggregate, audit_events_aggregate_type, audit_events_type or audit_events_request; without one by
-- audit_events_time. So it must be planned with its arguments each time; see internal/audit/store.go.
-- name: AuditEvents :many
select * from audit_events
where (occurred_at, seq) < (@before_at::timestamptz, @before_seq::bigint) and occurred_at >= @since::timestamptz
  and (sqlc.narg(actor_id)::uuid is null or actor_id = sqlc.narg(actor_id))
  and (sqlc.narg(aggregate_type)::text is null or aggregate_type = sqlc.narg(aggregate_type))
  and (sqlc.narg(aggregate_id)::uuid is null or aggregate_id = sqlc.narg(aggregate_id))
  and (sqlc.narg(type)::text is null or type = sqlc.narg(type))
  and (sqlc.narg(request_id)::text is null or request_id = sqlc.narg(request_id))
order by occurred_at desc, seq desc
limit @max_rows;

-- The same the other way round: what happened first, first. By the same indexes, and planned in the same way.
-- name: AuditEventsAscending :many
select * from audit_events
where (occurred_at, seq) > (@after_at::timestamptz, @after_seq::bigint) and occurred_at < @until::timestamptz
  and (sqlc.narg(actor_id)::uuid is null or actor_id = sqlc.narg(actor_id))
  and (sqlc.narg(aggregate_type)::text is null or aggregate_type = sqlc.narg(aggregate_type))
  and (sqlc.narg(aggregate_id)::uuid is null or aggregate_id = sqlc.narg(aggregate_id))
  and (sqlc.narg(type)::text is null or type = sqlc.narg(type))
  and (sqlc.narg(request_id)::text is null or request_id = sqlc.narg(request_id))
order by occurred_at, seq
limit @max_rows;

-- Lets this transaction delete what has been kept for long enough.
-- name: BeginAuditSweep :exec
select set_config('fluentpro.audit_sweep', 'on', true);

-- The oldest first, by audit_events_time, in bounded bites. The trigger of the table holds the same age.
-- name: DeleteExpiredAuditEvents :execrows
delete from audit_events
where event_id in (
    select event_id from audit_events
    where occurred_at < now() - interval '365 days' order by occurred_at, seq limit @max_rows
);
