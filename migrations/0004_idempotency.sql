-- +goose Up
create table idempotency_keys (
    scope       uuid not null, -- the user, or all zeros for one not signed in
    operation   text not null,
    key         text not null,
    claim_id    uuid not null unique,
    fingerprint bytea not null, -- HMAC of the canonical body: holds no secret
    result      jsonb not null, -- what the effect made, so that the answer can be given again
    expires_at  timestamptz not null,
    primary key (scope, operation, key)
);
create index idempotency_keys_expiry on idempotency_keys (expires_at);

-- +goose Down
drop table idempotency_keys;
