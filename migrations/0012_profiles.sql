-- +goose Up
-- subject is who a user is at an outside identity provider. erasing_at is when
-- the erasure of an account was asked for; from then on nobody signs in to it.
alter table users
    add column preferences jsonb not null default '{}',
    add column subject text unique,
    add column erasing_at timestamptz,
    add column erasure_task_id uuid;
create index users_created on users (created_at desc, id desc);

-- +goose Down
drop index users_created;
alter table users drop column preferences, drop column subject, drop column erasing_at, drop column erasure_task_id;
