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

-- name: WeighConversations :exec
insert into conversation_health (conversation_id, score, reasons, weighed_at)
select w.id, w.score, w.reasons, @at::timestamptz
from (select unnest(@ids::uuid[]) as id, unnest(@scores::integer[]) as score, unnest(@reasons::jsonb[]) as reasons) w
join conversations c on c.id = w.id
on conflict (conversation_id) do update set score = excluded.score, reasons = excluded.reasons, weighed_at = excluded.weighed_at;

-- Active ones that were weighed long ago, the longest ago first, for what changes by itself. By conversation_health_weighed.
-- name: WeighedBefore :many
select h.conversation_id as id, c.version from conversation_health h
join conversations c on c.id = h.conversation_id
where h.weighed_at < @before::timestamptz and c.status = 'active'
order by h.weighed_at
limit @max_rows::int;

-- The worst first, by conversation_health_worst.
-- name: WorstConversations :many
select h.conversation_id, c.user_id, c.status, h.score, h.reasons, h.weighed_at from conversation_health h
join conversations c on c.id = h.conversation_id
where h.score < 100 and (h.score, h.conversation_id) > (@after_score::int, @after_id::uuid)
order by h.score, h.conversation_id
limit @max_rows::int;

-- By conversations_parent.
-- name: ForksOf :many
select c.id from conversations c where c.parent_id = @parent_id order by c.id limit @max_rows::int;
