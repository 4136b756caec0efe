-- name: InsertConversation :exec
insert into conversations (id, user_id, partner_id, situation_id, title, status, version, tags, context, metadata,
    token_limit, message_count, last_seq, created_at, updated_at, last_activity_at)
values (@id, @user_id, @partner_id, @situation_id, @title, 'active', 1, @tags, @context, @metadata,
    @token_limit, 1, 1, @at, @at, @at);

-- By conversations_pkey.
-- name: ConversationByID :one
select * from conversations where id = @id and user_id = @user_id;

-- Newest activity first, by conversations_user_activity.
-- name: ConversationsByUser :many
select * from conversations
where user_id = @user_id
  and (sqlc.narg(status)::text is null or status = sqlc.narg(status))
  and (sqlc.narg(tag)::text is null or sqlc.narg(tag) = any (tags))
  and (last_activity_at, id) < (@before_at::timestamptz, @before_id::uuid)
order by last_activity_at desc, id desc
limit @max_rows;

-- The head, locked: writers of one conversation take turns here. By conversations_pkey.
-- name: ConversationForUpdate :one
select * from conversations where id = @id for update;

-- The reply in flight is over, whatever its end.
-- name: EndReply :exec
update conversations
set version = version + 1, reply_id = null, tokens_used = tokens_used + @tokens::bigint,
    updated_at = @at, last_activity_at = @at
where id = @id;

-- A conversation by its id alone, for the worker. By conversations_pkey.
-- name: HeadByID :one
select * from conversations where id = @id;

-- All of a user's, in the order of their ids, by conversations_user_activity.
-- name: ConversationsForExport :many
select * from conversations where user_id = @user_id and id > @after_id order by id limit @max_rows::int;

-- A bite of a user's, with their messages, by conversations_user_activity.
-- name: EraseConversations :execrows
delete from conversations where id = any (array(
    select c.id from conversations c where c.user_id = @user_id limit @max_rows::int));
