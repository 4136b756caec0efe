-- Whole conversations, row by row, for verification and backups. A record is read in one snapshot.

-- By conversations_pkey.
-- name: HeadsOfRecords :many
select * from conversations where id = any (@ids::uuid[]) order by id;

-- By conversation_versions_pkey.
-- name: VersionsOfRecords :many
select v.conversation_id, v.version, v.parent, v.operation, v.actor_id, v.at, v.entry, v.checksum from conversation_versions v
join (select unnest(@ids::uuid[]) as id, unnest(@afters::bigint[]) as after) w on v.conversation_id = w.id and v.version > w.after
order by v.conversation_id, v.version;

-- By conversation_texts_pkey.
-- name: TextsOfRecords :many
select t.* from conversation_texts t
join (select unnest(@ids::uuid[]) as id, unnest(@afters::bigint[]) as after) w on t.conversation_id = w.id and t.version > w.after
order by t.conversation_id, t.version;

-- Those that a version after has added, changed or hidden. By messages_conversation_id_seq_key.
-- name: MessagesOfRecords :many
select m.* from messages m
join (select unnest(@ids::uuid[]) as id, unnest(@afters::bigint[]) as after) w on m.conversation_id = w.id
    and (m.version > w.after or m.added > w.after or m.hidden > w.after)
order by m.conversation_id, m.seq;

-- Those that a version after has made. By messages_conversation_id_seq_key and message_pasts_pkey.
-- name: PastsOfRecords :many
select m.conversation_id, p.* from message_pasts p
join messages m on m.id = p.message_id
join (select unnest(@ids::uuid[]) as id, unnest(@afters::bigint[]) as after) w on m.conversation_id = w.id and p.until > w.after
order by m.conversation_id, p.message_id, p.since;

-- By conversation_snapshots_pkey.
-- name: SnapshotsOfRecords :many
select s.* from conversation_snapshots s
join (select unnest(@ids::uuid[]) as id, unnest(@afters::bigint[]) as after) w on s.conversation_id = w.id and s.version > w.after
order by s.conversation_id, s.version;

-- In the order of their ids, each with its version, which says how long its record is. By conversations_pkey.
-- name: RecordSizes :many
select c.id, c.version from conversations c where c.id > @after_id order by c.id limit @max_rows::int;

-- The same of some. By conversations_pkey.
-- name: RecordSizesOf :many
select c.id, c.version from conversations c where c.id = any (@ids::uuid[]) order by c.id;

-- Conversations with versions that were not there at a horizon, and the last version each that was, in the order of
-- their ids. By conversation_versions_xact.
-- name: ChangedRecords :many
select v.conversation_id as id, c.version, (min(v.version) - 1)::bigint as after from conversation_versions v
join conversations c on c.id = v.conversation_id
where v.xact >= @horizon::bigint
group by v.conversation_id, c.version
order by v.conversation_id;

-- name: CountConversations :one
select count(*) from conversations;

-- The oldest transaction that is open: what it or a later one writes is not visible now.
-- name: Horizon :one
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon;
