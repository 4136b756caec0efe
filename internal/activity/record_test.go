package activity_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/activity"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// source is where domain events come from: a database, and a Redis that carries them.
type source struct {
	t      *testing.T
	pool   *pgxpool.Pool
	buried atomic.Int64
}

// feed lets the handlers of n work, trying anew after so long.
func feed(t *testing.T, n *node, retryAfter time.Duration) *source {
	t.Helper()
	s := &source{t: t, pool: postgrestest.Open(t)}
	address, err := devstack.TestRedis()
	require.NoError(t, err)
	o, err := redis.ParseURL(address)
	require.NoError(t, err)
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	h := outbox.NewHandlers()
	n.HandleEvents(h)
	quiet := slog.New(slog.DiscardHandler)
	consumers := outbox.NewConsumers(outbox.ConsumersConfig{
		Pool: s.pool, Redis: client, Handlers: h, RetryAfter: retryAfter, Logger: quiet,
		Bury: func(context.Context, postgres.Tx, outbox.DeadEvent) error { s.buried.Add(1); return nil },
	})
	relay := outbox.NewRelay(outbox.RelayConfig{Pool: s.pool, Redis: client, Published: consumers.Wake, Logger: quiet})
	require.NoError(t, consumers.Start(t.Context()))
	t.Cleanup(consumers.Stop)
	require.NoError(t, relay.Start(t.Context()))
	t.Cleanup(relay.Stop)
	return s
}

// tell commits an event, asked for by actor.
func (s *source) tell(actor, aggregate uuid.UUID, data outbox.Data) {
	s.t.Helper()
	ctx := telemetry.WithOrigin(s.t.Context(), telemetry.Origin{ActorID: actor})
	require.NoError(s.t, postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		return outbox.Write(ctx, tx, time.Now(), aggregate, data)
	}))
}

func TestDomainEventsReachWhomTheyConcern(t *testing.T) {
	t.Parallel()
	n := setup(t)
	s := feed(t, n, 0)
	id, me, other := uuid.New(), n.user, uuid.New()
	for _, c := range []struct {
		kind string
		data outbox.Data
	}{
		{activity.ConversationCreated, events.ConversationCreated{ConversationID: id, UserID: me, PartnerID: "suppliers", SituationID: "negotiations", Version: 1}},
		{activity.ConversationCreated, events.ConversationForked{ConversationID: id, UserID: me, ParentID: other, ParentVersion: 1, Version: 1}},
		{activity.ConversationUpdated, events.ConversationUpdated{ConversationID: id, UserID: me, Version: 2}},
		{activity.ConversationUpdated, events.ConversationMessageAdded{ConversationID: id, UserID: me, MessageID: other, ReplyID: other}},
		{activity.ConversationUpdated, events.ConversationReplyCompleted{ConversationID: id, UserID: &me, MessageID: other, Attempt: 1, Version: 3}},
		{activity.ConversationUpdated, events.ConversationReplyFailed{ConversationID: id, UserID: &me, MessageID: other, Attempt: 1, Version: 3}},
		{activity.ConversationUpdated, events.ConversationCompleted{ConversationID: id, UserID: me, Version: 4}},
		{activity.ConversationUpdated, events.ConversationRecovered{ConversationID: id, UserID: me, Version: 5, Source: "backup"}},
		{activity.ConversationRolledBack, events.ConversationRolledBack{ConversationID: id, UserID: me, Version: 6, RestoredVersion: 2}},
		{activity.ConversationDeleted, events.ConversationDeleted{ConversationID: id, UserID: me}},
		{activity.TaskProgressed, events.TaskProgressed{TaskID: id, UserID: me, Kind: "learning.plan"}},
		{activity.TaskCompleted, events.TaskCompleted{TaskID: id, UserID: me, Kind: "learning.plan"}},
		{activity.TaskFailed, events.TaskFailed{TaskID: id, UserID: me, Kind: "learning.plan", Code: "server.internal"}},
		{activity.TaskCancelled, events.TaskCancelled{TaskID: id, UserID: me, Kind: "learning.plan"}},
		{activity.OnboardingChanged, events.OnboardingStepCompleted{UserID: me, Step: "industry", CurrentStep: "industry"}},
		{activity.OnboardingChanged, events.OnboardingReset{UserID: me, PreviousStep: "industry"}},
		{activity.SessionRevoked, events.SessionRevoked{SessionID: id, UserID: me, Reason: "logged_out"}},
	} {
		f := n.follow(activity.Position{})
		s.tell(other, id, c.data)
		got := n.read(f, 1)[0]
		require.Equal(t, c.kind, got.Type, "%T", c.data)
		if c.kind != activity.OnboardingChanged {
			require.Equal(t, id, got.ID, "%T", c.data)
		}
		require.Equal(t, c.kind == activity.ConversationRolledBack, got.RestoredVersion == 2)
		f.Close()
	}
}

// Older nodes do not say whose conversation a reply is in, but who asked for it.
func TestAReplyOfAnOlderNodeConcernsWhoeverAskedForIt(t *testing.T) {
	t.Parallel()
	n := setup(t)
	s := feed(t, n, 0)
	f := n.follow(activity.Position{})
	nobodys, mine := uuid.New(), uuid.New()
	s.tell(uuid.Nil, nobodys, events.ConversationReplyCompleted{ConversationID: nobodys, Attempt: 1, Version: 3})
	s.tell(n.user, mine, events.ConversationReplyCompleted{ConversationID: mine, Attempt: 1, Version: 3})
	require.Equal(t, []uuid.UUID{mine}, ids(n.read(f, 1)))
}

// With a second before the first retry, as in production, the attempts are spread over
// more than a minute; here over a sixteenth of that.
func TestAnEventOutlastsALogThatIsAway(t *testing.T) {
	t.Parallel()
	r := startRedis(t, true)
	n := on(t, r.server.URL())
	s := feed(t, n, time.Second/16)
	r.stop()
	id := uuid.New()
	s.tell(n.user, id, events.ConversationDeleted{ConversationID: id, UserID: n.user})
	require.Eventually(t, func() bool {
		var failures int
		err := s.pool.QueryRow(t.Context(), `select coalesce(max(attempts), 0) from parked_events`).Scan(&failures)
		require.NoError(t, err)
		return failures >= 2
	}, patience, 5*time.Millisecond, "it is tried and waits")
	r.start()
	require.Eventually(t, func() bool {
		entries, _ := n.log.Range(t.Context(), "user:"+n.user.String(), eventlog.ID{}, 0)
		return len(entries) == 1 && bytes.Contains(entries[0].Data, []byte(id.String()))
	}, patience, 5*time.Millisecond, "it is written down")
	require.Zero(t, s.buried.Load())
}
