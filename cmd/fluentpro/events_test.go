package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestEventsAreToldReplayedAndRebuilt(t *testing.T) {
	pool := database(t)
	id := uuid.New()
	_, err := pool.Exec(t.Context(), `insert into event_subscriptions (consumer_group, type) values ('audit', '*') on conflict do nothing`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `insert into outbox (position, event_id, type, version, aggregate_type, aggregate_id, partition, occurred_at, correlation_id, data, published_at)
		values (1, $1, 'user.registered', 1, 'user', $1, 3, now(), '', '{}', now())`, id)
	require.NoError(t, err)
	out, err := command(t, "events")
	require.NoError(t, err)
	require.Contains(t, out, "waiting in the outbox: 0")
	words(t, out, "GROUP")

	out, err = command(t, "events", "rebuild")
	require.NoError(t, err)
	require.Contains(t, out, "moved again")
	out, err = command(t, "events")
	require.NoError(t, err)
	require.Contains(t, out, "waiting in the outbox: 1")

	out, err = command(t, "events", "replay", "--group", "audit", "--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--type", "user.registered")
	require.NoError(t, err)
	require.Contains(t, out, "1 events are on their way to audit again")
	var parked int
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from parked_events where event_id = $1 and partition = 3", id).Scan(&parked))
	require.Equal(t, 1, parked)

	_, err = command(t, "events", "replay", "--group", "nobody", "--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z")
	require.ErrorContains(t, err, "resource.not_found")
	_, err = command(t, "events", "replay", "--group", "audit", "--from", "yesterday", "--to", "2100-01-01T00:00:00Z")
	require.ErrorContains(t, err, "--from must be a time")
	_, err = command(t, "events", "replay", "--group", "audit", "--from", "2000-01-01T00:00:00Z", "--to", "soon")
	require.ErrorContains(t, err, "--to must be a time")
}
