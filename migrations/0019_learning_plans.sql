-- +goose Up
-- The newest plan of each learner; plan is what the model or the rules wrote.
create table learning_plans (
    user_id    uuid primary key references users on delete cascade,
    id         uuid not null,
    source     text not null check (source in ('model', 'rules')),
    language   text not null,
    plan       jsonb not null,
    task_id    uuid not null, -- that wrote it: a run that comes again writes nothing twice
    created_at timestamptz not null
);

-- +goose Down
drop table learning_plans;
