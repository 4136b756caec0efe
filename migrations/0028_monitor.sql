-- +goose Up
-- What is known of each probe: its state, and what would change it. A node claims a run by raising the run number, which
-- fences what an earlier run still writes, and by putting off when it is due, so that another node takes over from one
-- that dies.
create table monitor_probes (
    name       text primary key,
    state      text not null default 'unknown' check (state in ('unknown', 'ok', 'degraded', 'failing')),
    since      timestamptz not null, -- when the state began
    value      double precision not null default 0,
    unit       text not null default '',
    detail     text not null default '', -- numbers and names of parts, never a learner's text
    checked_at timestamptz,              -- null: never
    pace       interval not null,        -- so that readers know when it is stale
    lease      interval not null,        -- how long a run may take before another node begins one
    worse      integer not null default 0,  -- readings in a row that are worse than the state
    better     integer not null default 0,  -- the same, better
    leaning    text not null default 'ok' check (leaning in ('ok', 'degraded', 'failing')), -- what they agree on
    flaps      integer not null default 0,  -- how often it left ok without an hour of calm before
    calm_since timestamptz not null,     -- when it last came back to ok
    node       uuid,                     -- that claimed the last run
    run        bigint not null default 0,
    due_at     timestamptz not null
);

-- Every reading of the last 7 days.
create table monitor_readings (
    id     bigint generated always as identity primary key,
    name   text not null,
    at     timestamptz not null,
    level  text not null check (level in ('ok', 'degraded', 'failing')),
    value  double precision not null,
    node   uuid not null
);
create index monitor_readings_at on monitor_readings (at);

-- Every change of a state of the last 7 days.
create table monitor_changes (
    id       uuid primary key,
    name     text not null,
    at       timestamptz not null,
    previous text not null,
    state    text not null,
    value    double precision not null,
    unit     text not null,
    detail   text not null,
    node     uuid not null
);
create index monitor_changes_at on monitor_changes (at desc, id desc);

-- What is to be told of a change, one row a channel. It is no job: that a queue stands still must be told too.
create table monitor_alerts (
    change_id uuid not null references monitor_changes on delete cascade,
    channel   text not null, -- webhook, or mail and a hash of the address
    attempts  integer not null default 0,
    due_at    timestamptz not null,
    done_at   timestamptz,   -- told, or given up
    failed    boolean not null default false,
    primary key (change_id, channel)
);
create index monitor_alerts_due on monitor_alerts (due_at) where done_at is null;

-- Nodes that were heard of in the last 7 days.
create table monitor_nodes (
    id         uuid primary key,
    host       text not null,
    version    text not null,
    started_at timestamptz not null,
    seen_at    timestamptz not null,
    stopped_at timestamptz,             -- null: it did not say good-bye
    level      text not null default 'ok' check (level in ('ok', 'degraded', 'failing')), -- how it gets on with what all need
    detail     text not null default ''
);

-- +goose Down
drop table monitor_nodes, monitor_alerts, monitor_changes, monitor_readings, monitor_probes;
