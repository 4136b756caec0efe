-- +goose Up
-- The audit log: every domain event, kept for a year. Append only: the triggers
-- refuse to change a row, to empty the table, and to delete what is younger than
-- a year or by any other way than the sweep, which says so in its transaction.
-- That holds against mistakes and against whoever has the service's means; the
-- owner of the table can drop a trigger.
create table audit_events (
    event_id       uuid primary key,
    seq            bigint not null generated always as identity, -- in the order recorded
    type           text not null,
    version        integer not null, -- of the shape of data
    aggregate_type text not null,
    aggregate_id   uuid not null,
    actor_id       uuid,             -- null: the service itself
    request_id     text,             -- null: no request led to it
    causation_id   uuid,
    occurred_at    timestamptz not null,
    recorded_at    timestamptz not null default now(),
    data           jsonb not null    -- ids, never texts or secrets
);
create index audit_events_time on audit_events (occurred_at, seq);
create index audit_events_actor on audit_events (actor_id, occurred_at, seq) where actor_id is not null;
create index audit_events_aggregate on audit_events (aggregate_id, occurred_at, seq);
create index audit_events_aggregate_type on audit_events (aggregate_type, occurred_at, seq);
create index audit_events_type on audit_events (type, occurred_at, seq);
create index audit_events_request on audit_events (request_id, occurred_at, seq) where request_id is not null;

-- +goose StatementBegin
create function audit_events_are_kept() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('fluentpro.audit_sweep', true) = 'on'
        and old.occurred_at < now() - interval '365 days' then
        return old;
    end if;
    raise exception 'audit_events is append only: % is refused', lower(tg_op) using errcode = 'restrict_violation';
end;
$$;
-- +goose StatementEnd
create trigger audit_events_rows before update or delete on audit_events
    for each row execute function audit_events_are_kept();
create trigger audit_events_whole before truncate on audit_events
    for each statement execute function audit_events_are_kept();

-- +goose Down
drop table audit_events;
drop function audit_events_are_kept;
