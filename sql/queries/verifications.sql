-- By conversation_findings_pkey.
-- name: DeleteFindings :exec
delete from conversation_findings where conversation_id = any (@ids::uuid[]);

-- The same finding twice says nothing more; a conversation deleted meanwhile has none.
-- name: InsertFindings :exec
insert into conversation_findings (conversation_id, version, rule, subject, expected, found, found_at)
select w.id, w.version, w.rule, w.subject, w.expected, w.found, @at::timestamptz
from (select unnest(@ids::uuid[]) as id, unnest(@versions::bigint[]) as version, unnest(@rules::text[]) as rule,
    unnest(@subjects::text[]) as subject, unnest(@expecteds::text[]) as expected, unnest(@founds::text[]) as found) w
join conversations c on c.id = w.id
on conflict do nothing;

-- Of one conversation, in the order of versions. By conversation_findings_pkey.
-- name: FindingsByConversation :many
select * from conversation_findings where conversation_id = @conversation_id order by version, rule, subject limit @max_rows::int;

-- name: InsertVerification :exec
insert into verifications (id, whole, began_at, ended_at, horizon, conversations, versions, findings)
values (@id, @whole, @began_at, @ended_at, @horizon, @conversations, @versions, @findings);

-- The newest that came to its end. By verifications_ended.
-- name: LatestVerification :one
select * from verifications order by ended_at desc limit 1;

-- The newest over everything. By verifications_ended.
-- name: LatestWholeVerification :one
select * from verifications where whole order by ended_at desc limit 1;

-- How many conversations have findings, and how many findings there are.
-- name: CountFindings :one
select count(distinct conversation_id) as conversations, count(*) as findings from conversation_findings;

-- By verifications_ended.
-- name: ForgetVerifications :execrows
delete from verifications v where v.ended_at < @before and v.id <> all (array(
    select w.id from verifications w order by w.ended_at desc limit 1) || array(select w.id from verifications w where w.whole order by w.ended_at desc limit 1));
