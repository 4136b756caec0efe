-- Waits for a transaction that holds the same key, for as long as lock_timeout allows. An expired key counts
-- as absent. By idempotency_keys_pkey.
-- name: ClaimIdempotencyKey :execrows
insert into idempotency_keys (scope, operation, key, claim_id, fingerprint, result, expires_at)
values (@scope, @operation, @key, @claim_id, @fingerprint, @result, @expires_at)
on conflict (scope, operation, key) do update
set claim_id = excluded.claim_id, fingerprint = excluded.fingerprint, result = excluded.result,
    expires_at = excluded.expires_at
where idempotency_keys.expires_at <= @at;

-- By idempotency_keys_pkey.
-- name: IdempotencyKeyByName :one
select * from idempotency_keys where scope = @scope and operation = @operation and key = @key;

-- The longest expired first, by idempotency_keys_expiry, in bounded bites. Says again that the key has expired,
-- since one that is claimed anew meanwhile is waited for and must stay.
-- name: DeleteExpiredIdempotencyKeys :execrows
delete from idempotency_keys i
where i.expires_at <= @at and (i.scope, i.operation, i.key) in (
    select k.scope, k.operation, k.key from idempotency_keys k
    where k.expires_at <= @at order by k.expires_at limit @max_rows
);
