-- With its first version.
-- name: InsertConversation :exec
with head as (
    insert into conversations (id, user_id, partner_id, situation_id, title, status, version, tags, context, metadata,
        token_limit, message_count, last_seq, parent_id, parent_version, created_at, updated_at, last_activity_at, checksum)
    values (@id, @user_id, @partner_id, @situation_id, @title, 'active', 1, @tags, @context, @metadata,
        @token_limit, @message_count, @message_count, @parent_id, @parent_version, @at, @at, @at, sha256(conversation_entry(@entry_head::text, null)))
    returning id, checksum
), version as (
    insert into conversation_versions (conversation_id, version, parent, operation, actor_id, at, entry, checksum)
    select head.id, 1, null, @operation, @user_id, @at, conversation_entry(@entry_head::text, null), head.checksum from head
)
insert into conversation_texts (conversation_id, version, salt, body) select head.id, 1, @salt, @body from head;

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

-- The same under a fencing number: no row for a holder that another has come after. By conversations_pkey.
-- name: FenceConversation :one
update conversations set fence = @fence where id = @id and user_id = @user_id and fence < @fence returning *;

-- A reply begins again or is over: a new version. Nothing if another writer made one meanwhile. By conversations_pkey.
-- name: AdvanceConversation :execrows
with head as (
    update conversations c
    set version = c.version + 1, reply_id = sqlc.narg(reply_id)::uuid, tokens_used = c.tokens_used + @tokens::bigint,
        updated_at = @at, last_activity_at = @at, checksum = sha256(c.checksum || conversation_entry(@entry_head::text, c.version))
    where c.id = @id and c.version = @version::bigint
    returning c.id, c.version, c.checksum
), version as (
    insert into conversation_versions (conversation_id, version, parent, operation, actor_id, at, entry, checksum)
    select head.id, head.version, head.version - 1, @operation, sqlc.narg(actor_id)::uuid, @at,
        conversation_entry(@entry_head::text, head.version - 1), head.checksum
    from head
)
insert into conversation_texts (conversation_id, version, salt, body) select head.id, head.version, @salt, @body from head;

-- Everything of it that a learner may change: a new version. Nothing if another writer made one meanwhile. By
-- conversations_pkey.
-- name: UpdateConversation :execrows
with head as (
    update conversations c
    set version = c.version + 1, title = @title, tags = @tags, context = @context, metadata = @metadata, status = @status,
        token_limit = @token_limit, message_count = @message_count, updated_at = @at, last_activity_at = @last_activity_at,
        checksum = sha256(c.checksum || conversation_entry(@entry_head::text, c.version))
    where c.id = @id and c.version = @version::bigint
    returning c.id, c.user_id, c.version, c.checksum
), version as (
    insert into conversation_versions (conversation_id, version, parent, operation, actor_id, at, entry, checksum)
    select head.id, head.version, head.version - 1, @operation, head.user_id, @at,
        conversation_entry(@entry_head::text, head.version - 1), head.checksum
    from head
)
insert into conversation_texts (conversation_id, version, salt, body) select head.id, head.version, @salt, @body from head;

-- With its messages and the texts of its versions. By conversations_pkey.
-- name: DeleteConversation :exec
delete from conversations where id = @id;

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
