-- A user's conversations of which the title or a message has all the words, newest activity first. The words are read
-- first, by conversation_words_user_words, and by messages_pkey whether the message is to be seen; then the conversations, by
-- conversations_pkey.
-- name: ConversationsByWords :many
with found as materialized (
    select distinct w.conversation_id from conversation_words w
    left join messages m on m.id = w.id -- none: it is a title
    where w.user_id = @user_id and w.words @> @words::text[] and m.hidden is null
)
select c.* from conversations c
join found on found.conversation_id = c.id
where c.user_id = @user_id
  and (sqlc.narg(status)::text is null or c.status = sqlc.narg(status))
  and (sqlc.narg(tag)::text is null or sqlc.narg(tag) = any (c.tags))
  and (c.last_activity_at, c.id) < (@before_at::timestamptz, @before_id::uuid)
order by c.last_activity_at desc, c.id desc
limit @max_rows;

-- The words of texts of one conversation, each text's in a line with spaces; they take the place of those that there
-- were. By conversations_pkey and conversation_words_pkey.
-- name: PutWords :exec
insert into conversation_words (id, conversation_id, user_id, words)
select t.id, c.id, c.user_id, string_to_array(t.words, ' ')
from (select unnest(@ids::uuid[]) as id, unnest(@words::text[]) as words) t
join conversations c on c.id = @conversation_id
on conflict (id) do update set words = excluded.words where conversation_words.words <> excluded.words;

-- Those of a message, if it was stored. By messages_pkey and conversations_pkey.
-- name: InsertWordsOfMessage :exec
insert into conversation_words (id, conversation_id, user_id, words)
select m.id, c.id, c.user_id, string_to_array(@words::text, ' ')
from messages m join conversations c on c.id = m.conversation_id
where m.id = @id;

-- Those of messages to which a rollback has given another text. By messages_conversation_id_seq_key, message_pasts_pkey
-- and conversation_words_pkey.
-- name: DeleteWordsOfRollback :exec
delete from conversation_words w using messages m
cross join lateral (select p.content from message_pasts p where p.message_id = m.id order by p.since desc limit 1) last
where m.conversation_id = @conversation_id and m.version = @version::bigint and last.content <> m.content and w.id = m.id;

-- Messages that are to be seen and have no words yet. By messages_conversation_id_seq_key and conversation_words_pkey.
-- name: MessagesWithoutWords :many
select m.id, m.content from messages m
where m.conversation_id = @conversation_id and m.hidden is null and m.content <> ''
  and not exists (select 1 from conversation_words w where w.id = m.id)
order by m.seq
limit @max_rows::int;

-- By conversations_to_index_pkey.
-- name: UnindexedConversations :many
select conversation_id from conversations_to_index order by conversation_id limit @max_rows::int;

-- By conversations_to_index_pkey.
-- name: ConversationIsIndexed :exec
delete from conversations_to_index where conversation_id = @conversation_id;
