-- A node says which groups it works for. By event_subscriptions_pkey.
-- name: SubscribeGroup :exec
insert into event_subscriptions (consumer_group, type)
select @consumer_group, unnest(@types::text[])
on conflict (consumer_group, type) do update set seen_at = now();

-- Since when a group takes which type. By event_subscriptions_pkey.
-- name: SubscriptionsOfGroup :many
select type, since from event_subscriptions where consumer_group = @consumer_group;

-- Groups that some node has worked for lately. The whole table: it is small.
-- name: LivingGroups :many
select distinct consumer_group from event_subscriptions where seen_at > now() - @retired::interval order by consumer_group;

-- The events of these that the group has no record of become handled with this transaction; it waits for another
-- one that is at the same event. By handled_events_pkey.
-- name: ClaimEvents :many
insert into handled_events (consumer_group, event_id)
select @consumer_group, unnest(@event_ids::uuid[])
on conflict do nothing
returning event_id;

-- Lets a group have events again: those it has not handled, or, to do it again, those as well. They wait like
-- events that failed, and are due now. By handled_events_pkey and outbox_event_id_key.
-- name: ReplayEvents :execrows
with forgotten as (
    delete from handled_events h
    where @again::bool and h.consumer_group = @consumer_group and h.event_id = any (@event_ids::uuid[])
)
insert into parked_events (consumer_group, event_id, position, partition, aggregate_id, attempts, due_at, errors)
select @consumer_group, o.event_id, o.position, o.partition, o.aggregate_id, 0, now(), '[]'
from outbox o
where o.event_id = any (@event_ids::uuid[]) and (@again::bool or not exists (
    select 1 from handled_events h where h.consumer_group = @consumer_group and h.event_id = o.event_id))
on conflict do nothing;

-- The oldest first, by handled_events_at, in bounded bites.
-- name: DeleteOldHandledEvents :execrows
delete from handled_events where (consumer_group, event_id) in (
    select h.consumer_group, h.event_id from handled_events h
    where h.handled_at < now() - @retention::interval order by h.handled_at limit @max_rows
);

-- Events that must wait: unless they are handled or wait already. By parked_events_pkey.
-- name: ParkEvents :exec
insert into parked_events (consumer_group, event_id, position, partition, aggregate_id, attempts, due_at, errors)
select @consumer_group, e.event_id, e.position, @partition, e.aggregate_id, @attempts, now() + @delay::interval, @errors
from (
    select unnest(@event_ids::uuid[]) as event_id, unnest(@positions::bigint[]) as position, unnest(@aggregate_ids::uuid[]) as aggregate_id
) e
where not exists (select 1 from handled_events h where h.consumer_group = @consumer_group and h.event_id = e.event_id)
on conflict do nothing;

-- The aggregates of a partition that wait, by parked_events_due.
-- name: ParkedAggregates :many
select distinct aggregate_id from parked_events where consumer_group = @consumer_group and partition = @partition;

-- Where anything waits, by parked_events_due.
-- name: PartitionsWithParkedEvents :many
select distinct partition from parked_events where consumer_group = @consumer_group;

-- Of each aggregate the event that is next, and when, in how long the soonest is due. By parked_events_due.
-- name: ParkedHeads :many
select h.event_id, h.aggregate_id, h.position, h.attempts, greatest(extract(epoch from h.due_at - now()), 0)::float8 as due_seconds
from (
    select distinct on (p.aggregate_id) p.* from parked_events p
    where p.consumer_group = @consumer_group and p.partition = @partition
    order by p.aggregate_id, p.position
) h
order by h.due_at limit @max_rows;

-- What waits of one aggregate, in order, with the events themselves; by parked_events_due and outbox_pkey. An event
-- that the outbox keeps no more comes without one.
-- name: ParkedByAggregate :many
select p.event_id, p.attempts, p.errors, o.position, o.type, o.version, o.aggregate_type, o.aggregate_id, o.occurred_at,
    o.recorded_at, o.actor_id, o.correlation_id, o.causation_id, o.data
from parked_events p
join outbox o on o.event_id = p.event_id
where p.consumer_group = @consumer_group and p.partition = @partition and p.aggregate_id = @aggregate_id
order by p.position limit @max_rows;

-- Counts an attempt before it is made, so that one which kills its consumer counts. By parked_events_pkey.
-- name: BeginParkedAttempt :exec
update parked_events set attempts = attempts + 1, due_at = now() + @delay::interval
where consumer_group = @consumer_group and event_id = any (@event_ids::uuid[]);

-- By parked_events_pkey.
-- name: NoteParkedFailure :exec
update parked_events set errors = errors || @error::jsonb, due_at = now() + @delay::interval
where consumer_group = @consumer_group and event_id = @event_id;

-- By parked_events_pkey.
-- name: UnparkEvents :exec
delete from parked_events where consumer_group = @consumer_group and event_id = any (@event_ids::uuid[]);

-- How much waits for each group; the whole table, which is small when all is well.
-- name: ParkedByGroup :many
select consumer_group, count(*) as parked, count(distinct aggregate_id) as aggregates,
    coalesce(max(attempts), 0)::int as most_attempts
from parked_events group by consumer_group order by consumer_group;

-- The whole table: it is small.
-- name: KnownGroups :many
select distinct consumer_group from event_subscriptions order by consumer_group;
