-- There is a row for each probe, so that it can be claimed. By monitor_probes_pkey.
-- name: PrepareProbe :exec
insert into monitor_probes (name, pace, lease, since, calm_since, due_at)
values (@name, @pace::interval, @lease::interval, @at::timestamptz, @at::timestamptz, @at::timestamptz)
on conflict (name) do update set pace = excluded.pace, lease = excluded.lease
where monitor_probes.pace <> excluded.pace or monitor_probes.lease <> excluded.lease;

-- Takes the runs that are due; of two nodes one gets each. A time that lies too far ahead is another node's clock gone
-- wrong. By monitor_probes_pkey.
-- name: ClaimProbes :many
update monitor_probes p set run = p.run + 1, node = @node, due_at = p.lease + @at::timestamptz
where p.name = any (@names::text[]) and (p.due_at <= @at or p.due_at - 2 * (p.pace + p.lease) > @at)
returning p.name, p.run;

-- The probe, if the run is still the newest. By monitor_probes_pkey.
-- name: ProbeForUpdate :one
select * from monitor_probes where name = @name and run = @run for update;

-- By monitor_probes_pkey.
-- name: UpdateProbe :exec
update monitor_probes
set state = @state, since = @since, value = @value, unit = @unit, detail = @detail, checked_at = @checked_at, worse = @worse,
    better = @better, leaning = @leaning, flaps = @flaps, calm_since = @calm_since, due_at = @due_at
where name = @name;

-- name: InsertReading :exec
insert into monitor_readings (name, at, level, value, node) values (@name, @at, @level, @value, @node);

-- name: InsertProbeChange :exec
insert into monitor_changes (id, name, at, previous, state, value, unit, detail, node)
values (@id, @name, @at, @previous, @state, @value, @unit, @detail, @node);

-- name: InsertAlerts :exec
insert into monitor_alerts (change_id, channel, due_at)
select @change_id::uuid, unnest(@channels::text[]), @at::timestamptz;

-- Takes alerts that are due, the longest due first, and holds them back from other nodes for a while. By monitor_alerts_due.
-- name: ClaimAlerts :many
with due as (
    select a.change_id, a.channel from monitor_alerts a
    where a.done_at is null and a.due_at <= @at::timestamptz and a.channel = any (@channels::text[])
    order by a.due_at limit @max_rows::int
    for update skip locked
), taken as (
    update monitor_alerts a set attempts = a.attempts + 1, due_at = @held_until::timestamptz
    from due where a.change_id = due.change_id and a.channel = due.channel
    returning a.change_id, a.channel, a.attempts
)
select c.*, t.channel, t.attempts from taken t join monitor_changes c on c.id = t.change_id
order by c.at, c.id;

-- By monitor_alerts_pkey.
-- name: EndAlert :exec
update monitor_alerts set done_at = @at, failed = @failed where change_id = @change_id and channel = @channel;

-- By monitor_alerts_pkey.
-- name: PutOffAlert :exec
update monitor_alerts set due_at = @due_at where change_id = @change_id and channel = @channel;

-- By monitor_nodes_pkey.
-- name: SeeNode :exec
insert into monitor_nodes (id, host, version, started_at, seen_at, level, detail)
values (@id, @host, @version, @started_at, @seen_at, @level, @detail)
on conflict (id) do update set seen_at = excluded.seen_at, level = excluded.level, detail = excluded.detail, stopped_at = null;

-- By monitor_nodes_pkey.
-- name: StopNode :exec
update monitor_nodes set stopped_at = @at where id = @id;

-- The table is small.
-- name: MonitorProbes :many
select * from monitor_probes order by name;

-- The newest first, by monitor_changes_at.
-- name: ProbeChanges :many
select * from monitor_changes order by at desc, id desc limit @max_rows::int;

-- Those heard of since. The table is small.
-- name: MonitorNodes :many
select * from monitor_nodes where seen_at >= @since order by started_at, id;

-- The oldest first, by monitor_readings_at.
-- name: DeleteOldReadings :execrows
delete from monitor_readings where id in (select r.id from monitor_readings r where r.at < @before order by r.at limit @max_rows::int);

-- The oldest first, by monitor_changes_at; their alerts go with them.
-- name: DeleteOldProbeChanges :execrows
delete from monitor_changes where id in (select c.id from monitor_changes c where c.at < @before order by c.at, c.id limit @max_rows::int);

-- The table is small.
-- name: DeleteOldNodes :exec
delete from monitor_nodes where seen_at < @before;

-- Where the monitor proves that it can write. By monitor_probes_pkey.
-- name: TouchProbe :exec
update monitor_probes set detail = detail where name = @name;
