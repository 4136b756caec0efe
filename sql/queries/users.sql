-- name: InsertUser :exec
insert into users (id, email, full_name, password_hash, language, created_at, updated_at)
values (@id, @email, @full_name, @password_hash, @language, @at, @at);

-- By users_email_key.
-- name: UserByEmail :one
select * from users where email = @email;

-- By users_pkey.
-- name: UserByID :one
select * from users where id = @id;

-- By users_email_key. Answers no row when there is no such user.
-- name: GrantRole :one
update users
set roles = case when @role::text = any (roles) then roles else array_append(roles, @role::text) end,
    updated_at = @at
where email = @email
returning *;
