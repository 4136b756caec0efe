-- name: InsertMailedCode :execrows
insert into mailed_codes (id, hash, user_id, purpose, email, created_at, expires_at)
values (@id, @hash, @user_id, @purpose, @email, @at, @expires_at)
on conflict (id) do nothing;

-- How many a user got for one purpose since, by mailed_codes_user.
-- name: CountMailedCodes :one
select count(*)::int from mailed_codes where user_id = @user_id and purpose = @purpose and created_at > @since and id <> @id;

-- The email of a code, unless an account has it. By mailed_codes_pkey and users_email_key.
-- name: FreeEmailOfCode :one
select c.email from mailed_codes c
where c.id = @id and not exists (select 1 from users u where u.email = c.email);

-- By mailed_codes_hash_key. The lock lets one of two uses win.
-- name: MailedCodeForUpdate :one
select * from mailed_codes where hash = @hash for update;

-- By mailed_codes_hash_key.
-- name: MailedCodeByHash :one
select * from mailed_codes where hash = @hash;

-- A used code takes the others of its kind along, by mailed_codes_user.
-- name: UseMailedCodes :exec
update mailed_codes set used_at = @at where user_id = @user_id and purpose = @purpose and used_at is null;

-- By mailed_codes_expiry.
-- name: SweepMailedCodes :execrows
delete from mailed_codes where id = any (array(
    select c.id from mailed_codes c where c.expires_at < @before order by c.expires_at limit @max_rows::int));
