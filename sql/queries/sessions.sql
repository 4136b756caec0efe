-- name: InsertSession :exec
insert into sessions (id, user_id, device, address, created_at, last_seen_at, expires_at, ends_at)
values (@id, @user_id, @device, @address, @at, @at, @expires_at, @ends_at);

-- name: InsertRefreshToken :exec
insert into refresh_tokens (hash, session_id, created_at)
values (@hash, @session_id, @at)
on conflict (hash) do nothing;

-- By refresh_tokens_pkey, then the primary keys of session and user. The lock
-- makes two uses of one token take turns.
-- name: RefreshTokenForUpdate :one
select t.used_at, t.session_id, s.user_id, s.expires_at, s.ends_at, s.revoked_at, u.roles, u.is_active
from refresh_tokens t
join sessions s on s.id = t.session_id
join users u on u.id = s.user_id
where t.hash = @hash
for update of t, s;

-- name: UseRefreshToken :exec
update refresh_tokens set used_at = @at where hash = @hash;

-- name: ExtendSession :exec
update sessions set last_seen_at = @at, expires_at = @expires_at where id = @id;

-- name: RevokeSession :exec
update sessions set revoked_at = @at where id = @id and revoked_at is null;

-- By sessions_pkey and users_pkey.
-- name: SessionIsLive :one
select exists (
    select 1
    from sessions s
    join users u on u.id = s.user_id
    where s.id = @id and s.user_id = @user_id and s.revoked_at is null and s.expires_at > @at and u.is_active
);

-- Oldest first, by signing_keys_pkey's table: there are few.
-- name: SigningKeys :many
select * from signing_keys order by created_at, id;

-- name: InsertSigningKey :exec
insert into signing_keys (id, sealed, created_at) values (@id, @sealed, @at);
