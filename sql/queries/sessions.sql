-- name: InsertSession :exec
insert into sessions (id, user_id, device, address, fingerprint, created_at, last_seen_at, expires_at, ends_at)
values (@id, @user_id, @device, @address, @fingerprint, @at, @at, @expires_at, @ends_at);

-- The session of an outside provider's tokens. One that has ended begins anew with a token that was issued after
-- that, where reopen says so. By sessions_family. Answers no row where a session that has ended stays so.
-- name: OpenFamily :one
insert into sessions as s (id, user_id, device, address, fingerprint, family, created_at, last_seen_at, expires_at, ends_at)
values (@id, @user_id, @device, @address, @fingerprint, @family::text, @at, @at, @expires_at, @ends_at)
on conflict (user_id, family) where family is not null do update
set id = case when s.revoked_at is null and s.expires_at > @at then s.id else excluded.id end,
    device = excluded.device, address = excluded.address, last_seen_at = excluded.last_seen_at,
    created_at = case when s.revoked_at is null and s.expires_at > @at then s.created_at else excluded.created_at end,
    expires_at = excluded.expires_at, ends_at = excluded.ends_at, revoked_at = null
where s.revoked_at is null or (@reopen::boolean and s.revoked_at < @issued_at::timestamptz)
returning s.id, (s.created_at = @at)::boolean as created;

-- name: InsertRefreshToken :exec
insert into refresh_tokens (hash, session_id, created_at)
values (@hash, @session_id, @at)
on conflict (hash) do nothing;

-- By refresh_tokens_pkey, then the primary keys of session and user. The lock
-- makes two uses of one token take turns.
-- name: RefreshTokenForUpdate :one
select t.used_at, t.session_id, s.user_id, s.expires_at, s.ends_at, s.revoked_at, u.roles,
    (u.is_active and u.erasing_at is null)::boolean as may_sign_in
from refresh_tokens t
join sessions s on s.id = t.session_id
join users u on u.id = s.user_id
where t.hash = @hash
for update of t, s;

-- name: UseRefreshToken :exec
update refresh_tokens set used_at = @at where hash = @hash;

-- name: ExtendSession :exec
update sessions set last_seen_at = @at, expires_at = @expires_at where id = @id;

-- By sessions_pkey.
-- name: TouchSession :exec
update sessions set last_seen_at = @at where id = @id and last_seen_at < @at;

-- Ends sessions of a user and tells every node: one of them, or all but one. By sessions_user.
-- name: EndSessions :many
with ended as (
    update sessions s set revoked_at = @at
    where s.user_id = @user_id and s.revoked_at is null and s.expires_at > @at
      and (sqlc.narg(only_id)::uuid is null or s.id = sqlc.narg(only_id)::uuid)
      and (sqlc.narg(but_id)::uuid is null or s.id <> sqlc.narg(but_id)::uuid)
    returning s.id, s.user_id
), told as (
    insert into session_changes (session_id, user_id, ended) select e.id, e.user_id, true from ended e
)
select ended.id from ended;

-- Has every node read the sessions of a user again. By sessions_user.
-- name: TellSessions :many
with live as (
    select s.id, s.user_id from sessions s where s.user_id = @user_id and s.revoked_at is null and s.expires_at > @at
), told as (
    insert into session_changes (session_id, user_id, ended) select l.id, l.user_id, false from live l
)
select live.id from live;

-- By sessions_pkey and users_pkey. Answers no row for a session that was ended; that it has not expired is the caller's to see.
-- name: LiveSession :one
select s.id, s.user_id, s.device, s.address, s.created_at, s.expires_at, s.last_seen_at, u.roles
from sessions s
join users u on u.id = s.user_id
where s.id = @id and s.user_id = @user_id and s.revoked_at is null and u.is_active;

-- Newest first, by sessions_user; the keyset is (created_at, id).
-- name: SessionsByUser :many
select id, user_id, device, address, created_at, last_seen_at, expires_at
from sessions
where user_id = @user_id and revoked_at is null and expires_at > @at
  and (created_at, id) < (@before_at::timestamptz, @before_id::uuid)
order by created_at desc, id desc
limit @max_rows::int;

-- Every one that is kept, in the order of their ids, by sessions_user.
-- name: SessionsForExport :many
select id, device, address, created_at, last_seen_at, expires_at, revoked_at
from sessions where user_id = @user_id and id > @after_id
order by id limit @max_rows::int;

-- By sessions_fingerprint.
-- name: KnowsDevice :one
select exists (
    select 1 from sessions where user_id = @user_id and fingerprint = @fingerprint::bytea and created_at > @since
);

-- What was told of late, by session_changes_recorded, oldest first. The database's clock counts.
-- name: SessionChanges :many
select session_id, user_id, ended
from session_changes where recorded_at > clock_timestamp() - @age::interval
order by recorded_at;

-- By session_changes_recorded.
-- name: SweepSessionChanges :execrows
delete from session_changes where ctid = any (array(
    select c.ctid from session_changes c where c.recorded_at < clock_timestamp() - @age::interval limit @max_rows::int));

-- Sessions that were over before that time, by sessions_expiry; one that was ended early waits for its expiry.
-- name: SweepSessions :execrows
delete from sessions where id = any (array(
    select s.id from sessions s where s.expires_at < @before order by s.expires_at limit @max_rows::int));

-- Oldest first, by signing_keys_pkey's table: there are few.
-- name: SigningKeys :many
select * from signing_keys where retires_at is null or retires_at > @at order by signs_at, created_at, id;

-- name: InsertSigningKey :exec
insert into signing_keys (id, sealed, created_at, signs_at) values (@id, @sealed, @at, @signs_at);

-- Every other key retires then, unless it does so before.
-- name: RetireSigningKeys :exec
update signing_keys set retires_at = least(retires_at, @retires_at) where id <> @id;

-- name: SweepSigningKeys :exec
delete from signing_keys where retires_at < @before;

-- By sessions_user.
-- name: EraseSessions :execrows
delete from sessions where user_id = @user_id;
