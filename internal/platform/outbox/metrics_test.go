package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

func TestEventsAreCountedByTypeWhenTheyArePublishedAndByGroupWhenTheyAreHandled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := recording("good")
	outbox.On(h, "bad", func(context.Context, postgres.Tx, outbox.Event, moved) error { return errors.New("not today") })
	c := b.consumers(h, nil)
	r := b.relay(nil)
	piece := uuid.New()
	b.move(piece, 1)
	b.write(uuid.New(), lifted{})
	b.sees("good", piece, 1)
	b.sees("dead/bad", piece, outbox.Attempts)
	b.eventually("both are published", func() bool { return b.number("select count(*) from outbox where published_at is null") == 0 })
	r.Stop()
	c.Stop()
	require.NoError(t, testutil.CollectAndCompare(c.Metrics(), strings.NewReader(`
# HELP fluentpro_event_handled_total Events that a group dealt with, by how it ended.
# TYPE fluentpro_event_handled_total counter
fluentpro_event_handled_total{group="bad",outcome="buried"} 1
fluentpro_event_handled_total{group="bad",outcome="failed"} 5
fluentpro_event_handled_total{group="bad",outcome="handled"} 0
fluentpro_event_handled_total{group="good",outcome="buried"} 0
fluentpro_event_handled_total{group="good",outcome="failed"} 0
fluentpro_event_handled_total{group="good",outcome="handled"} 1
`), "fluentpro_event_handled_total"))
	require.Zero(t, testutil.CollectAndCount(r.Metrics(), "fluentpro_event_unpublished"), "nobody has looked")
	b.move(uuid.New(), 7)
	_, err := r.ReadStatus(t.Context())
	require.NoError(t, err)
	require.NoError(t, testutil.CollectAndCompare(r.Metrics(), strings.NewReader(`
# HELP fluentpro_domain_events_total Domain events that were published, by type: what happened in the product.
# TYPE fluentpro_domain_events_total counter
fluentpro_domain_events_total{type="other"} 1
fluentpro_domain_events_total{type="piece.moved"} 1
# HELP fluentpro_event_parked Events that wait because one of their aggregate failed; told by the node that looked last.
# TYPE fluentpro_event_parked gauge
fluentpro_event_parked{group="bad"} 0
fluentpro_event_parked{group="good"} 0
# HELP fluentpro_event_relay_partitions Partitions of the outbox that this node moves; of all nodes together 16.
# TYPE fluentpro_event_relay_partitions gauge
fluentpro_event_relay_partitions 0
# HELP fluentpro_event_unpublished Events that wait in the outbox to be published; told by the node that looked last.
# TYPE fluentpro_event_unpublished gauge
fluentpro_event_unpublished 1
`), "fluentpro_domain_events_total", "fluentpro_event_parked", "fluentpro_event_relay_partitions", "fluentpro_event_unpublished"))
}
