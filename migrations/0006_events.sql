-- +goose Up
-- Domain events, written in the transaction of the change they tell of. The
-- position is taken under a lock of the aggregate that is held until the commit,
-- so the positions of one aggregate grow in the order of its commits; those of
-- different aggregates say nothing.
create sequence outbox_positions;

create table outbox (
    position       bigint primary key,
    event_id       uuid not null unique,
    type           text not null,
    version        integer not null,
    aggregate_type text not null,
    aggregate_id   uuid not null,
    partition      integer not null, -- by hash of the aggregate
    occurred_at    timestamptz not null,
    actor_id       uuid,
    correlation_id text not null,
    causation_id   uuid,
    data           jsonb not null,   -- ids, never texts or secrets
    recorded_at    timestamptz not null default now(), -- by the database's clock
    published_at   timestamptz       -- last moved to the streams
);
create index outbox_unpublished on outbox (partition, position) where published_at is null;
create index outbox_recorded on outbox (recorded_at);

-- Which group of handlers takes which types of event ('*': all), and since when:
-- older events are not for it.
create table event_subscriptions (
    consumer_group text not null,
    type           text not null,
    since          timestamptz not null default now(),
    seen_at        timestamptz not null default now(), -- when a node last said so
    primary key (consumer_group, type)
);

-- The effect of an event on a group is committed together with its row here, so
-- it happens once.
create table handled_events (
    consumer_group text not null,
    event_id       uuid not null,
    handled_at     timestamptz not null default now(),
    primary key (consumer_group, event_id)
);
create index handled_events_at on handled_events (handled_at);

-- Events that a group failed at, and those of the same aggregate behind them.
create table parked_events (
    consumer_group text not null,
    event_id       uuid not null,
    position       bigint not null,
    partition      integer not null,
    aggregate_id   uuid not null,
    attempts       integer not null,
    due_at         timestamptz not null,
    errors         jsonb not null, -- [{attempt, at, error}], the oldest first
    primary key (consumer_group, event_id)
);
create index parked_events_due on parked_events (consumer_group, partition, due_at);

-- Who moves a partition from the outbox to its stream ('relay'), and who
-- consumes it for a group. The number fences what a former holder still writes.
create sequence partition_lease_numbers;

create table partition_leases (
    name       text not null,
    partition  integer not null,
    holder     uuid not null,
    number     bigint not null,
    expires_at timestamptz not null,
    stream_id  text not null default '', -- the relay's last entry in the stream
    primary key (name, partition)
);

-- Nodes that share the partitions of a name.
create table event_nodes (
    name       text not null,
    id         uuid not null,
    expires_at timestamptz not null,
    primary key (name, id)
);

-- +goose Down
drop table event_nodes, partition_leases, parked_events, handled_events, event_subscriptions, outbox;
drop sequence partition_lease_numbers, outbox_positions;
