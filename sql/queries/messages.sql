-- name: InsertGreeting :exec
insert into messages (id, conversation_id, seq, role, content, status, finish_reason, metadata, version, created_at, completed_at)
values (@id, @conversation_id, 1, 'assistant', @content, 'completed', 'stop', '{}', 1, @at, @at);

-- The user's message and the pending reply, if the conversation takes one now; no row if not, and
-- MessageRefusal tells why. With a claim_id it is done only when that idempotency key was claimed by this
-- very transaction. One statement, so that the head is locked for as short as can be.
-- name: SendMessage :one
with head as (
    update conversations c
    set version = c.version + 1, message_count = c.message_count + 2, last_seq = c.last_seq + 2, reply_id = @reply_id,
        updated_at = @at, last_activity_at = @at, checksum = sha256(c.checksum || conversation_entry(@entry_head::text, c.version))
    where c.id = @conversation_id and c.user_id = @user_id and c.status = 'active' and c.reply_id is null
      and (c.token_limit is null or c.tokens_used < c.token_limit)
      and (sqlc.narg(claim_id)::uuid is null
           or exists (select 1 from idempotency_keys k where k.claim_id = sqlc.narg(claim_id)::uuid))
    returning c.id, c.version, c.last_seq, c.checksum
), said as (
    insert into messages (id, conversation_id, seq, role, content, status, metadata, version, created_at, completed_at)
    select @message_id, head.id, head.last_seq - 1, 'user', @content, 'completed', @metadata, head.version, @at, @at from head
), reply as (
    insert into messages (id, conversation_id, seq, role, content, status, metadata, version, created_at)
    select @reply_id, head.id, head.last_seq, 'assistant', '', 'pending', '{}', head.version, @at from head
), version as (
    insert into conversation_versions (conversation_id, version, parent, operation, actor_id, at, entry, checksum)
    select head.id, head.version, head.version - 1, 'add_message', @user_id, @at,
        conversation_entry(@entry_head::text, head.version - 1), head.checksum
    from head
), spoken as (
    insert into conversation_texts (conversation_id, version, salt, body) select head.id, head.version, @salt, @body from head
)
select head.version, head.last_seq from head;

-- By messages_pkey and conversations_pkey.
-- name: MessageByID :one
select m.* from messages m
join conversations c on c.id = m.conversation_id
where m.id = @id and m.conversation_id = @conversation_id and c.user_id = @user_id;

-- In the order said, by messages_conversation_id_seq_key.
-- name: MessagesByConversation :many
select * from messages
where conversation_id = @conversation_id and seq > @after_seq
order by seq
limit @max_rows;

-- The latest first, by messages_conversation_id_seq_key.
-- name: MessagesByConversationDesc :many
select * from messages
where conversation_id = @conversation_id and seq < @before_seq
order by seq desc
limit @max_rows;

-- What the partner has to go by: the newest finished messages before the reply, newest first, by
-- messages_conversation_id_seq_key.
-- name: WindowBefore :many
select role, content from messages
where conversation_id = @conversation_id and seq < @before_seq and status = 'completed' and content <> ''
order by seq desc
limit @max_rows;

-- The worker with the highest lease number writes; one that lost its lease finds no row. By messages_pkey.
-- name: BeginReply :one
update messages set status = 'streaming', lease_number = @lease_number
where id = @id and status in ('pending', 'streaming') and lease_number < @lease_number
returning *;

-- By messages_pkey, guarded by the lease.
-- name: FinishReply :one
update messages
set content = @content, status = @status, finish_reason = @finish_reason, tokens = @tokens,
    prompt_tokens = @prompt_tokens, tokens_estimated = @tokens_estimated, problem = @problem,
    version = @version, completed_at = @at
where id = @id and status = 'streaming' and lease_number = @lease_number
returning *;

-- A reply under way ends here; the worker that writes it can write no more. By messages_pkey.
-- name: CancelReply :one
update messages
set content = @content, status = 'cancelled', finish_reason = 'cancelled', tokens = @tokens, tokens_estimated = true,
    lease_number = lease_number + 1, version = @version, completed_at = @at
where id = @id and status in ('pending', 'streaming')
returning *;

-- A reply by its id alone, for the worker. By messages_pkey.
-- name: ReplyByID :one
select * from messages where id = @id and role = 'assistant';

-- All of a user's, each conversation's in the order of their seq, by conversations_user_activity and messages_conversation_id_seq_key.
-- name: MessagesForExport :many
select m.* from messages m
join conversations c on c.id = m.conversation_id
where c.user_id = @user_id and (m.conversation_id, m.seq) > (@after_conversation::uuid, @after_seq::int)
order by m.conversation_id, m.seq
limit @max_rows::int;
