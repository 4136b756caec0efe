-- name: InsertGreeting :exec
insert into messages (id, conversation_id, seq, role, content, status, finish_reason, metadata, version, added, created_at, completed_at)
values (@id, @conversation_id, 1, 'assistant', @content, 'completed', 'stop', '{}', 1, 1, @at, @at);

-- The messages of a fork, which all end its first version.
-- name: CopyMessages :copyfrom
insert into messages (id, conversation_id, seq, role, content, status, finish_reason, tokens, metadata, version, added, created_at, completed_at)
values (@id, @conversation_id, @seq, @role, @content, @status, @finish_reason, @tokens, @metadata, @version, @added, @created_at, @completed_at);

-- The user's message and the pending reply, if the conversation takes one now and the user's day is not spent (a budget
-- of 0 is none); no row if not. With a claim_id it is done only when that idempotency key was claimed by this
-- very transaction. One statement, so that the head is locked for as short as can be.
-- name: SendMessage :one
with head as (
    update conversations c
    set version = c.version + 1, message_count = c.message_count + 2, last_seq = c.last_seq + 2, reply_id = @reply_id,
        updated_at = @at, last_activity_at = @at, checksum = sha256(c.checksum || conversation_entry(@entry_head::text, c.version))
    where c.id = @conversation_id and c.user_id = @user_id and c.status = 'active' and c.reply_id is null
      and (c.token_limit is null or c.tokens_used < c.token_limit)
      and (@learner_budget::bigint = 0 or @learner_budget::bigint > coalesce(
           (select d.tokens from token_days d where d.day = @day::date and d.user_id = @user_id), 0))
      and (sqlc.narg(claim_id)::uuid is null
           or exists (select 1 from idempotency_keys k where k.claim_id = sqlc.narg(claim_id)::uuid))
    returning c.id, c.version, c.last_seq, c.checksum
), said as (
    insert into messages (id, conversation_id, seq, role, content, status, metadata, version, added, created_at, completed_at)
    select @message_id, head.id, head.last_seq - 1, 'user', @content, 'completed', @metadata, head.version, head.version, @at, @at from head
), reply as (
    insert into messages (id, conversation_id, seq, role, content, status, metadata, version, added, created_at)
    select @reply_id, head.id, head.last_seq, 'assistant', '', 'pending', '{}', head.version, head.version, @at from head
), version as (
    insert into conversation_versions (conversation_id, version, parent, operation, actor_id, at, entry, checksum)
    select head.id, head.version, head.version - 1, 'add_message', @user_id, @at,
        conversation_entry(@entry_head::text, head.version - 1), head.checksum
    from head
), spoken as (
    insert into conversation_texts (conversation_id, version, salt, body) select head.id, head.version, @salt, @body from head
)
select head.version, head.last_seq from head;

-- One that is to be seen, or any. By messages_pkey and conversations_pkey.
-- name: MessageByID :one
select m.* from messages m
join conversations c on c.id = m.conversation_id
where m.id = @id and m.conversation_id = @conversation_id and c.user_id = @user_id and (m.hidden is null or @hidden_too::bool);

-- In the order said, by messages_conversation_id_seq_key.
-- name: MessagesByConversation :many
select * from messages
where conversation_id = @conversation_id and seq > @after_seq and hidden is null
order by seq
limit @max_rows;

-- The latest first, by messages_conversation_id_seq_key.
-- name: MessagesByConversationDesc :many
select * from messages
where conversation_id = @conversation_id and seq < @before_seq and hidden is null
order by seq desc
limit @max_rows;

-- What the partner has to go by: the newest finished messages before the reply, newest first, by
-- messages_conversation_id_seq_key.
-- name: WindowBefore :many
select role, content from messages
where conversation_id = @conversation_id and seq < @before_seq and hidden is null
  and status = 'completed' and content <> ''
order by seq desc
limit @max_rows;

-- The worker with the highest lease number writes; one that lost its lease finds no row. By messages_pkey.
-- name: BeginReply :one
update messages set status = 'streaming', lease_number = @lease_number
where id = @id and status in ('pending', 'streaming') and lease_number < @lease_number
returning *;

-- By messages_pkey, guarded by the lease. That it was being written again is kept as a past.
-- name: FinishReply :one
with again as (
    insert into message_pasts (message_id, since, until, content, status, attempt)
    select m.id, m.version, @version, '', 'pending', m.attempt from messages m
    where m.id = @id and m.status = 'streaming' and m.lease_number = @lease_number and m.attempt > 1
)
update messages as r
set content = @content, status = @status, finish_reason = @finish_reason, tokens = @tokens,
    prompt_tokens = @prompt_tokens, tokens_estimated = @tokens_estimated, problem = @problem,
    version = @version, completed_at = @at
where r.id = @id and r.status = 'streaming' and r.lease_number = @lease_number
returning r.*;

-- A reply under way ends here; the worker that writes it can write no more. By messages_pkey.
-- name: CancelReply :one
with again as (
    insert into message_pasts (message_id, since, until, content, status, attempt)
    select m.id, m.version, @version, '', 'pending', m.attempt from messages m
    where m.id = @id and m.status in ('pending', 'streaming') and m.attempt > 1
)
update messages as r
set content = @content, status = 'cancelled', finish_reason = 'cancelled', tokens = @tokens, prompt_tokens = @prompt_tokens,
    tokens_estimated = true,
    lease_number = nextval('job_lease_numbers'), version = @version, completed_at = @at
where r.id = @id and r.status in ('pending', 'streaming')
returning r.*;

-- A reply that has ended is to be written again; its text becomes a past. By messages_pkey.
-- name: RetryReply :one
with past as (
    insert into message_pasts (message_id, since, until, content, status, finish_reason, tokens, attempt, problem, completed_at)
    select m.id, m.version, @version, m.content, m.status, m.finish_reason, m.tokens, m.attempt, m.problem, m.completed_at
    from messages m where m.id = @id
)
update messages as r
set content = '', status = 'pending', finish_reason = null, tokens = null, prompt_tokens = null, tokens_estimated = false,
    problem = null, attempt = r.attempt + 1, version = @version, completed_at = null
where r.id = @id
returning r.*;

-- The newest that is to be seen, by messages_conversation_id_seq_key.
-- name: NewestMessage :one
select * from messages where conversation_id = @conversation_id and hidden is null order by seq desc limit 1;

-- The messages get the states of an old version, in which a reply that was being written then counts as cancelled;
-- those that came after it are hidden. By messages_conversation_id_seq_key and message_pasts_pkey.
-- name: RollBackMessages :exec
with target as (
    select m.id, p.content, p.status, p.finish_reason, p.tokens, p.problem, p.completed_at
    from messages m join message_pasts p on p.message_id = m.id
    where m.conversation_id = @conversation_id and p.since <= @restored::bigint and p.until > @restored::bigint
    union all
    select m.id, m.content, m.status, m.finish_reason, m.tokens, m.problem, m.completed_at
    from messages m
    where m.conversation_id = @conversation_id and m.version <= @restored::bigint and m.hidden > @restored::bigint
    union all
    select m.id, '', 'pending', null, null, null, null
    from messages m
    where m.conversation_id = @conversation_id and m.added <= @restored::bigint and m.version > @restored::bigint
      and not exists (select from message_pasts p where p.message_id = m.id and p.since <= @restored::bigint)
), past as (
    insert into message_pasts (message_id, since, until, content, status, finish_reason, tokens, attempt, problem, completed_at)
    select m.id, m.version, coalesce(m.hidden, @version::bigint), m.content, m.status, m.finish_reason, m.tokens, m.attempt, m.problem, m.completed_at
    from messages m join target t on t.id = m.id
), restored as (
    update messages m
    set content = t.content, status = case t.status when 'pending' then 'cancelled' else t.status end,
        finish_reason = case t.status when 'pending' then 'cancelled' else t.finish_reason end,
        completed_at = case t.status when 'pending' then @at else t.completed_at end,
        tokens = t.tokens, attempt = m.attempt + 1, problem = t.problem, version = @version::bigint, hidden = null
    from target t where m.id = t.id
)
update messages m set hidden = @version::bigint
where m.conversation_id = @conversation_id and m.hidden is null and m.version > @restored::bigint
  and not exists (select from target t where t.id = m.id);

-- As of a version, in the order said; of some, or of all. By messages_conversation_id_seq_key and message_pasts_pkey.
-- name: MessagesAtVersion :many
select s.* from message_states s
where s.conversation_id = @conversation_id and s.since <= @version::bigint and (s.until is null or s.until > @version::bigint)
  and s.seq > @after_seq::int and (sqlc.narg(ids)::uuid[] is null or s.id = any (sqlc.narg(ids)::uuid[]))
order by s.seq
limit @max_rows::int;

-- Some messages as some versions have made them, by messages_pkey and message_pasts_pkey.
-- name: MessagesMadeBy :many
select s.* from message_states s where s.id = any (@ids::uuid[]) and s.since = any (@versions::bigint[]);

-- Messages whose state is another in one version than in another, and where they stand in each, from 0. By
-- messages_conversation_id_seq_key and message_pasts_pkey.
-- name: MessageDifferences :many
with before as (
    select s.id, s.seq, s.since, row_number() over (order by s.seq) - 1 as place from message_states s
    where s.conversation_id = @conversation_id and s.since <= @from_version::bigint and (s.until is null or s.until > @from_version::bigint)
), after as (
    select s.id, s.seq, s.since, row_number() over (order by s.seq) - 1 as place from message_states s
    where s.conversation_id = @conversation_id and s.since <= @to_version::bigint and (s.until is null or s.until > @to_version::bigint)
)
select coalesce(a.id, b.id)::uuid as id, coalesce(b.place, -1)::int as before, coalesce(a.place, -1)::int as after
from before b full join after a on a.id = b.id
where a.since is distinct from b.since
order by coalesce(a.seq, b.seq)
limit @max_rows::int;

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
