-- One event. The lock makes writers of one aggregate take turns until they commit; the position is taken under it.
-- name: InsertEvent :exec
with turn as materialized (
    select pg_advisory_xact_lock(@class::int, @turn::int)
)
insert into outbox (position, event_id, type, version, aggregate_type, aggregate_id, partition, occurred_at,
    actor_id, correlation_id, causation_id, data)
select nextval('outbox_positions'), @event_id, @type, @version, @aggregate_type, @aggregate_id, @partition, @occurred_at,
    @actor_id, @correlation_id, @causation_id, @data
from turn;

-- What is to be moved, in the order of each partition, by outbox_unpublished.
-- name: UnpublishedEvents :many
select o.* from unnest(@partitions::int[]) as p
cross join lateral (
    select * from outbox u where u.partition = p and u.published_at is null order by u.position limit @max_rows
) o
order by o.partition, o.position;

-- By outbox_pkey.
-- name: MarkEventsPublished :exec
update outbox set published_at = now() where position = any (@positions::bigint[]);

-- One bite of making a lost stream again: of the next rows by outbox_pkey, those of the partition that some living
-- group still needs are to be moved once more. Answers the last position looked at, null at the end.
-- name: RepublishUnhandledEvents :one
with bite as materialized (
    select o.position, o.partition, o.event_id, o.type, o.recorded_at from outbox o
    where o.position > @after_position and o.recorded_at > now() - @retention::interval
    order by o.position limit @max_rows
), again as (
    update outbox o set published_at = null
    from bite b
    where o.position = b.position and b.partition = any (@partitions::int[]) and o.published_at is not null and exists (
        select 1 from event_subscriptions s
        where s.type in (b.type, '*') and b.recorded_at >= s.since and s.seen_at > now() - @retired::interval
          and not exists (select 1 from handled_events h where h.consumer_group = s.consumer_group and h.event_id = b.event_id)
          and not exists (select 1 from parked_events p where p.consumer_group = s.consumer_group and p.event_id = b.event_id)
    )
)
select max(position)::bigint as last_position from bite having count(*) > 0;

-- The oldest first, by outbox_recorded, in bounded bites; what was never moved stays.
-- name: DeleteOldEvents :execrows
delete from outbox where position in (
    select o.position from outbox o
    where o.recorded_at < now() - @retention::interval and o.published_at is not null
    order by o.recorded_at limit @max_rows
);

-- In the order of positions, by outbox_pkey.
-- name: EventsForReplay :many
select o.position, o.event_id from outbox o
where o.position > @after_position and o.recorded_at >= @from_at and o.recorded_at < @to_at
  and (cardinality(@types::text[]) = 0 or o.type = any (@types::text[]))
order by o.position limit @max_rows;

-- By outbox_recorded.
-- name: CountEventsForReplay :one
select count(*) from outbox o
where o.recorded_at >= @from_at and o.recorded_at < @to_at
  and (cardinality(@types::text[]) = 0 or o.type = any (@types::text[]));

-- What waits to be moved, by outbox_unpublished.
-- name: OutboxBacklog :one
select count(*) as waiting, coalesce(extract(epoch from now() - min(recorded_at)), 0)::float8 as oldest_seconds from outbox where published_at is null;
