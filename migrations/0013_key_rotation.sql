-- +goose Up
-- A new key is published before it signs, so that every verifier has it by then,
-- and an old one until no token of it is good any more.
alter table signing_keys
    add column signs_at timestamptz not null default now(),
    add column retires_at timestamptz;
update signing_keys set signs_at = created_at;

-- +goose Down
alter table signing_keys drop column signs_at, drop column retires_at;
