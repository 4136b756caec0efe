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
