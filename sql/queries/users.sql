-- name: InsertUser :exec
insert into users (id, email, full_name, password_hash, language, subject, email_verified, created_at, updated_at)
values (@id, @email, @full_name, @password_hash, @language, sqlc.narg(subject), @email_verified, @at, @at);

-- By users_email_key.
-- name: UserByEmail :one
select * from users where email = @email;

-- By users_subject_key.
-- name: UserBySubject :one
select * from users where subject = @subject;

-- By users_pkey.
-- name: UserByID :one
select * from users where id = @id;

-- By users_pkey. The lock makes changes of one user take turns.
-- name: UserForUpdate :one
select * from users where id = @id for update;

-- By users_pkey.
-- name: UpdateProfile :one
update users
set full_name = @full_name, native_language = sqlc.narg(native_language), preferences = @preferences, updated_at = @at
where id = @id
returning *;

-- By users_pkey.
-- name: SetPassword :exec
update users set password_hash = @password_hash, subject = coalesce(sqlc.narg(subject), subject), updated_at = @at
where id = @id;

-- By users_pkey.
-- name: VerifyEmail :exec
update users set email = @email, email_verified = true, updated_at = @at where id = @id;

-- By users_pkey.
-- name: LinkSubject :exec
update users set subject = @subject, updated_at = @at where id = @id;

-- By users_pkey.
-- name: SetActive :one
update users set is_active = @is_active, updated_at = @at where id = @id
returning *;

-- By users_pkey.
-- name: SetRoles :one
update users set roles = @roles, updated_at = @at where id = @id
returning *;

-- By users_email_key. Answers no row when there is no such user.
-- name: GrantRole :one
update users
set roles = case when @role::text = any (roles) then roles else array_append(roles, @role::text) end,
    updated_at = @at
where email = @email
returning *;

-- By users_pkey.
-- name: MarkErasing :exec
update users set erasing_at = @at, erasure_task_id = @task_id, updated_at = @at where id = @id;

-- By users_pkey; what refers to the user goes with it.
-- name: DeleteUser :execrows
delete from users where id = @id;

-- name: InsertTombstone :exec
insert into tombstones (user_id, task_id, requested_at, erased_at, receipt)
values (@user_id, @task_id, @requested_at, @erased_at, @receipt)
on conflict (user_id) do nothing;

-- By tombstones_pkey.
-- name: TombstoneByUser :one
select * from tombstones where user_id = @user_id;

-- Newest first, by users_created; the keyset is (created_at, id). The reserved one is left out.
-- name: UsersByCreation :many
select * from users
where (created_at, id) < (@before_at::timestamptz, @before_id::uuid) and id <> @reserved
  and (sqlc.narg(role)::text is null or sqlc.narg(role)::text = any (roles))
  and (sqlc.narg(is_active)::boolean is null or is_active = sqlc.narg(is_active)::boolean)
  and (sqlc.narg(email)::text is null or email = sqlc.narg(email)::text)
order by created_at desc, id desc
limit @max_rows::int;

-- All columns, for a backup, in the order of ids. By users_pkey.
-- name: UsersAfter :many
select * from users where id > @after_id order by id limit @max_rows::int;

-- name: CountUsers :one
select count(*) from users;

-- As a backup has them, but for those that are there, or whose email or subject belongs to another now; answers those that it
-- brought back. By users_pkey, users_email_key and users_subject_key.
-- name: RestoreUsers :many
insert into users select (jsonb_populate_record(null::users, w.one)).* from (select unnest(@list::jsonb[]) as one) w
on conflict do nothing
returning id;

-- By users_pkey.
-- name: UsersThere :many
select id from users where id = any (@ids::uuid[]);

-- All of them: a restore reads them once.
-- name: Tombstones :many
select user_id, task_id, requested_at, erased_at from tombstones;
-- The learner of the monitor's rehearsals, who cannot sign in.
-- name: InsertReservedUser :exec
insert into users (id, email, full_name, password_hash, language, is_active, created_at, updated_at)
values (@id, @email, @full_name, '', 'en', false, @at, @at)
on conflict do nothing;
