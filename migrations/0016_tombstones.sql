-- +goose Up
-- Accounts that were erased: an id without a name, for ever, so that a restored
-- backup does not bring one back. The receipt holds counts.
create table tombstones (
    user_id      uuid primary key,
    task_id      uuid not null,
    requested_at timestamptz not null,
    erased_at    timestamptz not null,
    receipt      jsonb not null
);

-- The task that erases an account outlives it, for as long as any task is kept.
alter table tasks drop constraint tasks_user_id_fkey;

-- +goose Down
delete from tasks t where not exists (select 1 from users u where u.id = t.user_id);
alter table tasks add constraint tasks_user_id_fkey foreign key (user_id) references users on delete cascade;
drop table tombstones;
