-- The newest first, by conversation_versions_pkey; nothing if the conversation is another's.
-- name: VersionsByConversation :many
select v.* from conversation_versions v
join conversations c on c.id = v.conversation_id
where v.conversation_id = @conversation_id and c.user_id = @user_id and v.version < @before_version::bigint
order by v.version desc
limit @max_rows::int;

-- By conversation_versions_pkey and conversations_pkey; nothing if the conversation is another's.
-- name: VersionByNumber :one
select v.* from conversation_versions v
join conversations c on c.id = v.conversation_id
where v.conversation_id = @conversation_id and c.user_id = @user_id and v.version = @version;

-- The newest head that was kept, at a version or before it. By conversation_snapshots_pkey.
-- name: SnapshotAtOrBefore :one
select s.* from conversation_snapshots s
where s.conversation_id = @conversation_id and s.version <= @version
order by s.version desc
limit 1;

-- The steps after a version until another, the oldest first, each with its text. By conversation_versions_pkey.
-- name: StepsBetween :many
select v.version, v.operation, v.at, v.entry, t.body from conversation_versions v
join conversation_texts t on t.conversation_id = v.conversation_id and t.version = v.version
where v.conversation_id = @conversation_id and v.version > @after_version and v.version <= @until_version
order by v.version;

-- What happened after a version, the oldest first, by conversation_versions_pkey.
-- name: StepsAfter :many
select v.version, v.operation, v.at, v.entry from conversation_versions v
where v.conversation_id = @conversation_id and v.version > @after_version
order by v.version
limit @max_rows::int;
