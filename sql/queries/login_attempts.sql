-- A lock whose time is up; counting begins anew. Answers no row where there is none. By login_attempts_pkey.
-- name: EndLock :one
delete from login_attempts
where email_id = @email_id and source_id = @source_id and device = @device and locked_until <= @at
returning locked_until;

-- Begins an attempt, so that those under way at the same moment are known. Failures before window_start do not count.
-- By login_attempts_pkey.
-- name: BeginAttempt :one
insert into login_attempts as a (email_id, source_id, device, user_id, failed_at, pending, touched_at)
values (@email_id, @source_id, @device, sqlc.narg(user_id), '{}', 1, @at)
on conflict (email_id, source_id, device) do update
set user_id = excluded.user_id,
    failed_at = array(select f from unnest(a.failed_at) f where f > @window_start::timestamptz order by f),
    pending = case when a.touched_at <= @window_start::timestamptz then 1 else a.pending + 1 end,
    touched_at = excluded.touched_at
returning cardinality(failed_at)::int as failures, pending, locked_until;

-- Ends an attempt whose password was wrong. By login_attempts_pkey.
-- name: FailAttempt :one
insert into login_attempts as a (email_id, source_id, device, user_id, failed_at, pending, touched_at)
values (@email_id, @source_id, @device, sqlc.narg(user_id), array[@at::timestamptz], 0, @at)
on conflict (email_id, source_id, device) do update
set failed_at = a.failed_at || excluded.failed_at, pending = greatest(a.pending - 1, 0), touched_at = excluded.touched_at,
    locked_until = case
        when a.locked_until is null and cardinality(a.failed_at) + 1 >= @most::int then @lock_end::timestamptz
        else a.locked_until end
returning cardinality(failed_at)::int as failures, locked_until;

-- Ends an attempt whose password was not looked at. By login_attempts_pkey.
-- name: DropAttempt :exec
update login_attempts set pending = greatest(pending - 1, 0)
where email_id = @email_id and source_id = @source_id and device = @device;

-- By login_attempts_pkey.
-- name: ForgetAttempts :exec
delete from login_attempts where email_id = @email_id and source_id = @source_id and device = @device;

-- Every lock and count of an email, and of a user where one is given, by login_attempts_pkey or the whole table, which is
-- small. Answers whether any was a lock in force.
-- name: ForgetEmail :many
delete from login_attempts where email_id = @email_id or user_id = sqlc.narg(user_id)::uuid
returning coalesce(locked_until > @at::timestamptz, false)::boolean as locked;

-- Counts whose window, or whose lock, is over, by login_attempts_touched.
-- name: SweepAttempts :many
delete from login_attempts where ctid = any (array(
    select a.ctid from login_attempts a
    where a.touched_at < @window_start::timestamptz and (a.locked_until is null or a.locked_until < @at::timestamptz)
    order by a.touched_at limit @max_rows::int))
returning email_id, source_id, user_id, locked_until;
