-- Adds up what a node has counted, always in the same order, so that nodes cannot wait for each other. A user who is
-- gone counts as nobody. By deprecated_calls_day_name_client_user_id_key.
-- name: AddDeprecatedCalls :exec
insert into deprecated_calls (day, name, client, user_id, calls)
select n.day, n.name, n.client, u.id, sum(n.calls)::bigint
from (
    select unnest(@days::date[]) as day, unnest(@names::text[]) as name, unnest(@clients::text[]) as client,
        unnest(@user_ids::uuid[]) as user_id, unnest(@calls::bigint[]) as calls
) n
left join users u on u.id = n.user_id
group by n.day, n.name, n.client, u.id
order by n.day, n.name, n.client, u.id
on conflict (day, name, client, user_id) do update set calls = deprecated_calls.calls + excluded.calls;

-- Since a day, the most called first; client and user are told apart where that is asked for. By
-- deprecated_calls_day_name_client_user_id_key, from its first column on.
-- name: DeprecatedCallsSince :many
select
    d.name,
    (case when @by_client::bool then d.client else '' end)::text as client,
    coalesce(case when @by_user::bool then d.user_id end, '00000000-0000-0000-0000-000000000000')::uuid as user_id,
    sum(d.calls)::bigint as calls,
    count(distinct d.user_id) as users,
    max(d.day)::date as last_day
from deprecated_calls d
where d.day >= @since::date
group by 1, 2, 3
order by 1, 4 desc, 2, 3
limit @row_limit;

-- What is kept of one user, by deprecated_calls_user.
-- name: DeprecatedCallsOfUser :many
select d.name, d.client, sum(d.calls)::bigint as calls, min(d.day)::date as first_day, max(d.day)::date as last_day
from deprecated_calls d
where d.user_id = @user_id
group by d.name, d.client
order by d.name, d.client
limit @row_limit;

-- A user's calls become nobody's, by deprecated_calls_user.
-- name: DisownDeprecatedCalls :execrows
with disowned as (
    delete from deprecated_calls d where d.user_id = @user_id returning d.day, d.name, d.client, d.calls
)
insert into deprecated_calls (day, name, client, user_id, calls)
select o.day, o.name, o.client, null, o.calls from disowned o
on conflict (day, name, client, user_id) do update set calls = deprecated_calls.calls + excluded.calls;

-- In bounded bites, by deprecated_calls_day_name_client_user_id_key.
-- name: DeleteOldDeprecatedCalls :execrows
delete from deprecated_calls where ctid in (
    select d.ctid from deprecated_calls d where d.day < @before::date order by d.day limit @bite for update skip locked);
