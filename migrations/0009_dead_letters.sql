-- +goose Up
-- Jobs and events that were given up, until an operator has them done again.
create table dead_letters (
    id             uuid primary key,
    source         text not null check (source in ('job', 'event')),
    kind           text not null, -- of the job, or the type of the event
    queue          text not null, -- the job's queue, or the group that failed at the event
    subject        text not null, -- the job's or the event's id
    payload        jsonb not null, -- ids, never texts or secrets
    attempts       integer not null,
    errors         jsonb not null, -- [{attempt, at, error}], the oldest first
    actor_id       uuid,
    correlation_id text not null,
    causation_id   uuid,
    created_at     timestamptz not null default now(), -- by the database's clock
    replayed_at    timestamptz,
    replayed_by    uuid -- none: from the command line
);
create unique index dead_letters_open on dead_letters (source, queue, subject) where replayed_at is null;
create index dead_letters_created on dead_letters (created_at, id);
create index dead_letters_replayed on dead_letters (replayed_at) where replayed_at is not null;

-- +goose Down
drop table dead_letters;
