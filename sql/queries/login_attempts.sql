-- Begins an attempt, so that those under way at the same moment are known. Counting begins anew after the window, or
-- after the lock. By login_attempts_pkey.
-- name: BeginAttempt :one
insert into login_attempts as a (email_id, source_id, device, user_id, failures, pending, first_at)
values (@email_id, @source_id, @device, sqlc.narg(user_id), 0, 1, @at)
on conflict (email_id, source_id, device) do update
set user_id = excluded.user_id,
    failures = case
        when a.locked_until <= @at or (a.locked_until is null and a.first_at <= @window_start) then 0
        else a.failures end,
    pending = case
        when a.locked_until <= @at or (a.locked_until is null and a.first_at <= @window_start) then 1
        else a.pending + 1 end,
    first_at = case
        when a.locked_until <= @at or (a.locked_until is null and a.first_at <= @window_start) then @at
        else a.first_at end,
    locked_until = case when a.locked_until <= @at then null else a.locked_until end
returning failures, pending, locked_until;

-- Ends an attempt whose password was wrong. By login_attempts_pkey.
-- name: FailAttempt :one
insert into login_attempts as a (email_id, source_id, device, user_id, failures, pending, first_at)
values (@email_id, @source_id, @device, sqlc.narg(user_id), 1, 0, @at)
on conflict (email_id, source_id, device) do update
set failures = a.failures + 1, pending = greatest(a.pending - 1, 0),
    locked_until = case
        when a.locked_until is null and a.failures + 1 >= @most::int then @lock_end::timestamptz
        else a.locked_until end
returning failures, locked_until;

-- Ends an attempt whose password was not looked at. By login_attempts_pkey.
-- name: DropAttempt :exec
update login_attempts set pending = greatest(pending - 1, 0)
where email_id = @email_id and source_id = @source_id and device = @device;

-- By login_attempts_pkey.
-- name: ForgetAttempts :exec
delete from login_attempts where email_id = @email_id and source_id = @source_id and device = @device;

-- Every lock and count of an email, by login_attempts_pkey. Answers whether any was a lock in force.
-- name: ForgetEmail :many
delete from login_attempts where email_id = @email_id
returning coalesce(locked_until > @at::timestamptz, false)::boolean as locked;

-- Counts whose window, or whose lock, is over, by login_attempts_first.
-- name: SweepAttempts :many
delete from login_attempts where ctid = any (array(
    select a.ctid from login_attempts a
    where a.first_at < @window_start and (a.locked_until is null or a.locked_until < @at::timestamptz)
    order by a.first_at limit @max_rows::int))
returning email_id, source_id, user_id, locked_until;
