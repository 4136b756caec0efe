-- +goose Up
-- Wrong passwords for one email from one network, or one known device in it. Ids
-- are keyed hashes: neither an email nor an address can be read.
create table login_attempts (
    email_id     uuid not null,
    source_id    uuid not null,
    device       bytea not null, -- the fingerprint of a device that is known, else empty
    user_id      uuid,           -- whose email it is, if anybody's
    failed_at    timestamptz[] not null,
    pending      integer not null, -- whose password is being looked at
    touched_at   timestamptz not null,
    locked_until timestamptz,
    primary key (email_id, source_id, device)
);
create index login_attempts_touched on login_attempts (touched_at);

-- +goose Down
drop table login_attempts;
