-- +goose Up
-- Long work as its user sees it.
create table tasks (
    id                  uuid primary key,
    user_id             uuid not null references users on delete cascade,
    kind                text not null,
    status              text not null check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
    input               jsonb not null,                 -- ids, never texts or secrets
    done                bigint not null default 0,
    total               bigint,                         -- null: not known
    rate                double precision,               -- items a second, smoothed; null: not known, or nobody is at it
    result              jsonb,
    problem             jsonb,                          -- {code, detail}
    revision            bigint not null default 1,      -- grows by one with each change that the user can see
    lease_number        bigint not null default 0,      -- of the run that may write it; grows only
    waiting             boolean not null default false, -- a run has failed, and the next has not begun
    cancel_requested_at timestamptz,
    created_at          timestamptz not null,
    started_at          timestamptz,                    -- of the first run
    updated_at          timestamptz not null,
    finished_at         timestamptz
);
create index tasks_user_created on tasks (user_id, created_at desc, id desc);
create index tasks_finished on tasks (finished_at) where finished_at is not null;

-- +goose Down
drop table tasks;
