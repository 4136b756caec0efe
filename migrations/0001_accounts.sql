-- +goose Up
create table users (
    id              uuid primary key,
    email           text not null unique check (email = lower(email)),
    full_name       text not null,
    password_hash   text not null,
    email_verified  boolean not null default false,
    native_language text,
    roles           text[] not null default '{user}',
    is_active       boolean not null default true,
    created_at      timestamptz not null,
    updated_at      timestamptz not null
);

create table sessions (
    id           uuid primary key,
    user_id      uuid not null references users on delete cascade,
    device       text not null,
    address      text not null,
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at   timestamptz not null, -- slides with each refresh
    ends_at      timestamptz not null, -- never slides
    revoked_at   timestamptz
);
create index sessions_user on sessions (user_id, created_at desc);

-- Only hashes: a copy of this table opens no session. Used tokens stay until
-- their session ends, so that one coming back is recognised.
create table refresh_tokens (
    hash       bytea primary key,
    session_id uuid not null references sessions on delete cascade,
    created_at timestamptz not null,
    used_at    timestamptz
);
create index refresh_tokens_session on refresh_tokens (session_id);

create table signing_keys (
    id          text primary key, -- the kid
    sealed      bytea not null,   -- PKCS #8, encrypted with the key of the configuration
    created_at  timestamptz not null
);

-- +goose Down
drop table signing_keys, refresh_tokens, sessions, users;
