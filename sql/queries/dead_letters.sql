-- A letter that is still open keeps its id and its place in the list, and gets the newest errors. By dead_letters_open.
-- name: WriteDeadLetter :exec
insert into dead_letters (id, source, kind, queue, subject, payload, attempts, errors, actor_id, correlation_id, causation_id)
values (@id, @source, @kind, @queue, @subject, @payload, @attempts, @errors, @actor_id, @correlation_id, @causation_id)
on conflict (source, queue, subject) where replayed_at is null do update
set kind = excluded.kind, payload = excluded.payload, attempts = excluded.attempts, errors = excluded.errors,
    actor_id = excluded.actor_id, correlation_id = excluded.correlation_id, causation_id = excluded.causation_id;

-- Newest first, a page that begins behind (before_at, before_id). Filters are optional. By
-- dead_letters_created; where the filters leave few open letters, by dead_letters_open and sorted.
-- name: DeadLetters :many
select * from dead_letters
where (created_at, id) < (@before_at::timestamptz, @before_id::uuid)
  and (sqlc.narg('source')::text is null or source = sqlc.narg('source'))
  and (sqlc.narg('kind')::text is null or kind = sqlc.narg('kind'))
  and (sqlc.narg('queue')::text is null or queue = sqlc.narg('queue'))
  and (sqlc.narg('open')::boolean is null or (replayed_at is null) = sqlc.narg('open'))
order by created_at desc, id desc
limit @max_rows;

-- Locks the letter until the end of the transaction. By dead_letters_pkey.
-- name: DeadLetterForUpdate :one
select * from dead_letters where id = @id for update;

-- By dead_letters_pkey.
-- name: MarkDeadLetterReplayed :one
update dead_letters set replayed_at = now(), replayed_by = @replayed_by
where id = @id
returning *;

-- The longest replayed first, by dead_letters_replayed, in bounded bites. The database's clock decides.
-- name: DeleteReplayedDeadLetters :execrows
delete from dead_letters
where id in (
    select id from dead_letters
    where replayed_at < now() - @retention::interval order by replayed_at limit @max_rows
);
