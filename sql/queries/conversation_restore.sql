-- Conversations that a backup brings back, in bites. Versions go in first: with their conversation there already, every
-- fiftieth would make a snapshot that the backup has too.

-- By conversations_pkey.
-- name: ConversationsThere :many
select id from conversations where id = any (@ids::uuid[]);

-- Of conversations that are not there: what is kept of those that were deleted. By conversation_versions_pkey.
-- name: VersionsLeft :many
select conversation_id, version, checksum from conversation_versions where conversation_id = any (@ids::uuid[]) order by conversation_id, version;

-- Who is there and not about to be erased. By users_pkey.
-- name: OwnersThere :many
select id from users where id = any (@ids::uuid[]) and erasing_at is null;

-- name: PartnersThere :many
select id from partners;

-- name: SituationsThere :many
select id from situations;

-- name: RestoreVersions :copyfrom
insert into conversation_versions (conversation_id, version, parent, operation, actor_id, at, entry, checksum)
values (@conversation_id, @version, @parent, @operation, @actor_id, @at, @entry, @checksum);

-- name: RestoreHeads :copyfrom
insert into conversations (id, user_id, partner_id, situation_id, title, status, version, tags, context, metadata, token_limit, tokens_used,
    message_count, last_seq, reply_id, created_at, updated_at, last_activity_at, checksum, parent_id, parent_version, fence)
values (@id, @user_id, @partner_id, @situation_id, @title, @status, @version, @tags, @context, @metadata, @token_limit, @tokens_used,
    @message_count, @last_seq, @reply_id, @created_at, @updated_at, @last_activity_at, @checksum, @parent_id, @parent_version, @fence);

-- name: RestoreTexts :copyfrom
insert into conversation_texts (conversation_id, version, salt, body) values (@conversation_id, @version, @salt, @body);

-- name: RestoreMessages :copyfrom
insert into messages (id, conversation_id, seq, role, content, status, finish_reason, tokens, prompt_tokens, tokens_estimated, problem,
    metadata, version, attempt, lease_number, created_at, completed_at, added, hidden)
values (@id, @conversation_id, @seq, @role, @content, @status, @finish_reason, @tokens, @prompt_tokens, @tokens_estimated, @problem,
    @metadata, @version, @attempt, @lease_number, @created_at, @completed_at, @added, @hidden);

-- name: RestorePasts :copyfrom
insert into message_pasts (message_id, since, until, content, status, finish_reason, tokens, attempt, problem, completed_at)
values (@message_id, @since, @until, @content, @status, @finish_reason, @tokens, @attempt, @problem, @completed_at);

-- name: RestoreSnapshots :copyfrom
insert into conversation_snapshots (conversation_id, version, state) values (@conversation_id, @version, @state);

-- To be indexed by the job that does it. By conversations_to_index_pkey.
-- name: AskWordsOf :exec
insert into conversations_to_index (conversation_id) select unnest(@ids::uuid[]) on conflict do nothing;
