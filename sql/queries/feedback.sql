-- By conversation_feedback_user.
-- name: FeedbackByConversation :one
select f.* from conversation_feedback f where f.conversation_id = @conversation_id and f.user_id = @user_id;

-- By conversations_pkey and conversation_feedback_pkey. Nothing changes (0 rows) where the conversation is gone or
-- another's, or where the task's own feedback is there: its first run wins.
-- name: UpsertFeedback :execrows
insert into conversation_feedback (conversation_id, user_id, id, version, source, language, body, task_id, created_at)
select c.id, c.user_id, @id::uuid, @version::bigint, @source::text, @language::text, @body::jsonb, @task_id::uuid, @at::timestamptz
from conversations c where c.id = @conversation_id and c.user_id = @user_id
on conflict (conversation_id) do update set id = excluded.id, version = excluded.version, source = excluded.source,
    language = excluded.language, body = excluded.body, task_id = excluded.task_id, created_at = excluded.created_at
where conversation_feedback.task_id <> excluded.task_id;

-- All of a user's, in the order of their conversations, by conversation_feedback_user.
-- name: FeedbackForExport :many
select f.* from conversation_feedback f
where f.user_id = @user_id and f.conversation_id > @after_id order by f.conversation_id limit @max_rows::int;

-- A bite of a user's, by conversation_feedback_user.
-- name: EraseFeedback :execrows
delete from conversation_feedback where conversation_id = any (array(
    select f.conversation_id from conversation_feedback f where f.user_id = @user_id limit @max_rows::int));
