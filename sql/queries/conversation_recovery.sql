-- What a recovery puts in the place of damaged rows, under the head's lock. Nothing is deleted: what was there is in the
-- text of the recovery's version.

-- By conversations_pkey.
-- name: PutHead :exec
update conversations set user_id = @user_id, partner_id = @partner_id, situation_id = @situation_id, title = @title, status = @status,
    version = @version, tags = @tags, context = @context, metadata = @metadata, token_limit = @token_limit, tokens_used = @tokens_used,
    message_count = @message_count, last_seq = @last_seq, reply_id = @reply_id, created_at = @created_at, checksum = @checksum,
    parent_id = @parent_id, parent_version = @parent_version
where id = @id;

-- Only a broken row can be changed, into one that is whole: its table sees to that. By conversation_versions_pkey.
-- name: PutVersion :exec
insert into conversation_versions as v (conversation_id, version, parent, operation, actor_id, at, entry, checksum)
values (@conversation_id, @version, @parent, @operation, @actor_id, @at, @entry, @checksum)
on conflict (conversation_id, version) do update set parent = excluded.parent, operation = excluded.operation,
    actor_id = excluded.actor_id, at = excluded.at, entry = excluded.entry, checksum = excluded.checksum,
    xact = pg_current_xact_id()::text::bigint;

-- By conversation_texts_pkey.
-- name: PutText :exec
insert into conversation_texts (conversation_id, version, salt, body) values (@conversation_id, @version, @salt, @body)
on conflict (conversation_id, version) do update set salt = excluded.salt, body = excluded.body;

-- Makes room for messages to change places. By messages_conversation_id_seq_key.
-- name: LiftMessages :exec
update messages m set seq = -m.seq where m.conversation_id = @conversation_id and m.seq > 0;

-- By messages_pkey.
-- name: PutMessage :exec
insert into messages (id, conversation_id, seq, role, content, status, finish_reason, tokens, prompt_tokens, tokens_estimated, problem,
    metadata, version, attempt, lease_number, created_at, completed_at, added, hidden)
values (@id, @conversation_id, @seq, @role, @content, @status, @finish_reason, @tokens, @prompt_tokens, @tokens_estimated, @problem,
    @metadata, @version, @attempt, @lease_number, @created_at, @completed_at, @added, @hidden)
on conflict (id) do update set seq = excluded.seq, role = excluded.role, content = excluded.content, status = excluded.status,
    finish_reason = excluded.finish_reason, tokens = excluded.tokens, prompt_tokens = excluded.prompt_tokens,
    tokens_estimated = excluded.tokens_estimated, problem = excluded.problem, metadata = excluded.metadata, version = excluded.version,
    attempt = excluded.attempt, created_at = excluded.created_at, completed_at = excluded.completed_at, added = excluded.added,
    hidden = excluded.hidden;

-- By message_pasts_pkey.
-- name: PutPast :exec
insert into message_pasts (message_id, since, until, content, status, finish_reason, tokens, attempt, problem, completed_at)
values (@message_id, @since, @until, @content, @status, @finish_reason, @tokens, @attempt, @problem, @completed_at)
on conflict (message_id, since) do update set until = excluded.until, content = excluded.content, status = excluded.status,
    finish_reason = excluded.finish_reason, tokens = excluded.tokens, attempt = excluded.attempt, problem = excluded.problem,
    completed_at = excluded.completed_at;

-- By conversation_snapshots_pkey.
-- name: PutSnapshot :exec
insert into conversation_snapshots (conversation_id, version, state) values (@conversation_id, @version, @state)
on conflict (conversation_id, version) do update set state = excluded.state;

-- The search finds what it says now. By conversation_words_pkey.
-- name: ForgetWords :exec
delete from conversation_words where conversation_id = @conversation_id;

-- To be indexed anew by the job that does it. By conversations_to_index_pkey.
-- name: AskWords :exec
insert into conversations_to_index (conversation_id) values (@conversation_id) on conflict do nothing;

-- The head as it is now, as the snapshot of its version. By conversations_pkey.
-- name: KeepHead :exec
insert into conversation_snapshots (conversation_id, version, state)
select c.id, c.version, jsonb_build_object('title', c.title, 'status', c.status, 'tags', c.tags, 'context', c.context,
    'metadata', c.metadata, 'token_limit', c.token_limit, 'tokens_used', c.tokens_used, 'message_count', c.message_count,
    'updated_at', c.updated_at, 'last_activity_at', c.last_activity_at)
from conversations c where c.id = @id
on conflict (conversation_id, version) do update set state = excluded.state;

-- Whoever's it is, for a recovery. By conversations_pkey.
-- name: FenceAnyConversation :execrows
update conversations set fence = @fence where id = @id and fence < @fence;
