-- A node is there for these names. By event_nodes_pkey.
-- name: AnnounceNode :exec
insert into event_nodes (name, id, expires_at)
select unnest(@names::text[]), @id, now() + @lifetime::interval
on conflict (name, id) do update set expires_at = excluded.expires_at;

-- Nodes that are there for a name. By event_nodes_pkey.
-- name: LivingNodes :many
select name, id from event_nodes where name = any (@names::text[]) and expires_at > now() order by name, id;

-- A node that leaves, and what is left of those that died. By event_nodes_pkey, and the whole table, which is small.
-- name: ForgetNode :exec
delete from event_nodes where (id = @id and name = any (@names::text[])) or expires_at < now() - interval '1 hour';

-- There is a row for each partition of a name, so that it can be locked. By partition_leases_pkey.
-- name: PreparePartitions :exec
insert into partition_leases (name, partition, holder, number, expires_at)
select n.name, p - 1, '00000000-0000-0000-0000-000000000000', 0, '-infinity'
from (select unnest(@names::text[]) as name) n cross join generate_series(1, @partitions::int) p
on conflict do nothing;

-- Takes what has lapsed. A lease under which a transaction is still at work is left for the next time: see
-- GuardPartition. The database's clock decides. By partition_leases_pkey.
-- name: TakePartitions :many
with lapsed as (
    select l.name, l.partition from partition_leases l
    join (select unnest(@names::text[]) as name, unnest(@wanted::int[]) as partition) w on w.name = l.name and w.partition = l.partition
    where l.expires_at < now()
    for update of l skip locked
)
update partition_leases l
set holder = @holder, number = nextval('partition_lease_numbers'), expires_at = now() + @lifetime::interval
from lapsed
where l.name = lapsed.name and l.partition = lapsed.partition
returning l.name, l.partition, l.number, l.stream_id;

-- Answers the leases that nobody else has taken. The table is small.
-- name: RenewPartitions :many
update partition_leases set expires_at = now() + @lifetime::interval
where number = any (@numbers::bigint[]) and holder = @holder
returning number;

-- Gives leases back. The table is small.
-- name: ReleasePartitions :exec
update partition_leases set expires_at = '-infinity'
where number = any (@numbers::bigint[]) and holder = @holder;

-- Holds the lease until the transaction ends: renewing passes by this lock, taking does not. No row when it is lost.
-- By partition_leases_pkey.
-- name: GuardPartition :one
select 1::int as held from partition_leases where name = @name and partition = @partition and number = @number for key share;

-- Where the relay left the stream, if the lease still holds. By partition_leases_pkey.
-- name: NoteStreamEnds :exec
update partition_leases l set stream_id = w.stream_id
from (
    select unnest(@partitions::int[]) as partition, unnest(@numbers::bigint[]) as number, unnest(@stream_ids::text[]) as stream_id
) w
where l.name = @name and l.partition = w.partition and l.number = w.number;

-- Who holds what, for operators. The table is small.
-- name: PartitionHolders :many
select name, count(*) filter (where expires_at > now()) as held, count(distinct holder) filter (where expires_at > now()) as nodes
from partition_leases group by name order by name;
