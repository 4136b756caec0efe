-- Adds what a learner has spent; of one who is gone nothing is kept. By users_pkey and token_days_pkey.
-- name: AddTokens :exec
insert into token_days as d (day, user_id, tokens)
select @day::date, u.id, @tokens::bigint from users u where u.id = @user_id::uuid
on conflict (day, user_id) do update set tokens = d.tokens + excluded.tokens;

-- What a learner has spent on a day; no row: nothing. By token_days_pkey.
-- name: TokensOfDay :one
select d.tokens from token_days d where d.day = @day::date and d.user_id = @user_id::uuid;

-- What all learners have spent on a day, by token_days_pkey from its first column on.
-- name: TokensOfService :one
select coalesce(sum(d.tokens), 0)::bigint as tokens from token_days d where d.day = @day::date;

-- A learner's days, the oldest first; by token_days_user, then sorted: there are 90 or so.
-- name: TokenDaysForExport :many
select d.day, d.tokens from token_days d where d.user_id = @user_id::uuid order by d.day limit @max_rows::int;

-- By token_days_user.
-- name: EraseTokenDays :execrows
delete from token_days d where d.user_id = @user_id::uuid;

-- In bounded bites, by token_days_pkey.
-- name: DeleteOldTokenDays :execrows
delete from token_days where (day, user_id) in (
    select d.day, d.user_id from token_days d where d.day < @before::date order by d.day limit @bite::int for update skip locked);
