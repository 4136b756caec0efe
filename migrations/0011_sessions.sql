-- +goose Up
-- fingerprint says whether a device has been signed in before: a keyed hash of
-- its network and user agent. family is that of an outside provider's tokens,
-- where one opened the session.
alter table sessions
    add column fingerprint bytea,
    add column family text;
create unique index sessions_family on sessions (user_id, family) where family is not null;
create index sessions_fingerprint on sessions (user_id, fingerprint);
create index sessions_expiry on sessions (expires_at);

-- What every node must know of soon: which sessions have ended, and of which a
-- copy must be read again. It refers to nothing, since it outlives what it tells of.
create table session_changes (
    session_id  uuid not null,
    user_id     uuid not null,
    ended       boolean not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index session_changes_recorded on session_changes (recorded_at);

-- +goose Down
drop table session_changes;
drop index sessions_expiry, sessions_fingerprint, sessions_family;
alter table sessions drop column fingerprint, drop column family;
