-- The newest first, by conversation_versions_pkey; nothing if the conversation is another's.
-- name: VersionsByConversation :many
select v.* from conversation_versions v
join conversations c on c.id = v.conversation_id
where v.conversation_id = @conversation_id and c.user_id = @user_id and v.version < @before_version::bigint
order by v.version desc
limit @max_rows::int;
