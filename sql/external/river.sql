-- The part of river's own tables that our queries read. River migrates them.
create type river_job_state as enum
    ('available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');

create table river_job (
    id           bigint primary key,
    state        river_job_state not null,
    queue        text not null,
    priority     smallint not null,
    attempt      smallint not null,
    errors       jsonb[],
    attempted_at timestamptz,
    scheduled_at timestamptz not null,
    finalized_at timestamptz
);

create table river_queue (
    name       text primary key,
    paused_at  timestamptz,
    updated_at timestamptz not null
);
