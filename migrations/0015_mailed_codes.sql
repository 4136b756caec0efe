-- +goose Up
-- Codes that were mailed to prove an email: only hashes, so that a copy of this
-- table proves nothing.
create table mailed_codes (
    id         uuid primary key,
    hash       bytea not null unique,
    user_id    uuid not null references users on delete cascade,
    purpose    text not null check (purpose in ('password_reset', 'email_verification', 'email_change')),
    email      text not null, -- what the code proves
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index mailed_codes_user on mailed_codes (user_id, purpose, created_at);
create index mailed_codes_expiry on mailed_codes (expires_at);

-- +goose Down
drop table mailed_codes;
