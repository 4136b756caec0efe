-- +goose Up
-- One row a learner, written as a whole under its version, so that two devices
-- never make a mixture. step only moves forward. partners is the list of chosen
-- partners with their situations, each in the order of priority.
create table onboardings (
    user_id          uuid primary key references users on delete cascade,
    version          bigint not null,
    status           text not null check (status in ('not_started', 'in_progress', 'paused', 'completed', 'abandoned', 'expired')),
    step             text not null,
    industry_id      text references industries,
    role_id          uuid references roles on delete set null,
    role_title       text, -- what was written for the matching
    role_description text,
    partners         jsonb not null default '[]',
    task_id          uuid, -- writes the learning plan since completion
    started_at       timestamptz,
    last_activity_at timestamptz not null,
    completed_at     timestamptz,
    updated_at       timestamptz not null
);
create index onboardings_silent on onboardings (status, last_activity_at) where status in ('in_progress', 'paused', 'abandoned');

-- +goose Down
drop table onboardings;
