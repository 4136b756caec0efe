-- What operators ask, over conversations of everybody. Nobody waits for these but they.

-- Newest activity first; of one user by conversations_user_activity, else over all.
-- name: ConversationsOfAnyone :many
select c.id, c.user_id, c.title, c.status, c.version, c.message_count, c.last_activity_at, h.score,
    (select count(*) from conversation_findings f where f.conversation_id = c.id) as findings
from conversations c
left join conversation_health h on h.conversation_id = c.id
where (sqlc.narg(user_id)::uuid is null or c.user_id = sqlc.narg(user_id))
  and (sqlc.narg(status)::text is null or c.status = sqlc.narg(status))
  and (not @damaged::boolean or exists (select from conversation_findings f where f.conversation_id = c.id))
  and (c.last_activity_at, c.id) < (@before_at::timestamptz, @before_id::uuid)
order by c.last_activity_at desc, c.id desc
limit @max_rows::int;

-- Conversations of one user in whose rows or versions something was written, the newest activity first. Each text is read,
-- by conversations_user_activity, messages_conversation_id_seq_key and conversation_texts_pkey.
-- name: ConversationsThatSay :many
select c.id from conversations c
where c.user_id = @user_id
  and (exists (select from messages m where m.conversation_id = c.id and strpos(lower(m.content), lower(@phrase::text)) > 0)
    or exists (select from conversation_texts t where t.conversation_id = c.id and strpos(lower(t.body), lower(@quoted::text)) > 0))
order by c.last_activity_at desc, c.id desc
limit @max_rows::int;

-- name: CountByStatus :many
select c.status, count(*) as conversations from conversations c group by c.status order by c.status;

-- How much there is, counted, and how much of the disk it takes with its indexes.
-- name: SizesOfState :one
select (select count(*) from messages) as messages, (select count(*) from conversation_versions) as versions,
    (pg_total_relation_size('conversations') + pg_total_relation_size('messages') + pg_total_relation_size('message_pasts')
        + pg_total_relation_size('conversation_versions') + pg_total_relation_size('conversation_texts')
        + pg_total_relation_size('conversation_snapshots'))::bigint as bytes;

-- Versions made on each of the last days (UTC). Over all versions.
-- name: VersionsByDay :many
select date_trunc('day', v.at, 'UTC')::timestamptz as day, count(*) as versions, count(distinct v.conversation_id) as conversations,
    max(v.at)::timestamptz as newest
from conversation_versions v where v.at >= @since::timestamptz
group by 1 order by 1 desc;
