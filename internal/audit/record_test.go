package audit_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

func TestAnEventIsRecordedWithAllThatItCarries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := event(0)
	b.record(e)
	got := b.all(audit.Filter{}, 10)
	require.Len(t, got, 1)
	require.WithinDuration(t, time.Now(), got[0].RecordedAt, time.Minute)
	require.Equal(t, time.UTC, got[0].RecordedAt.Location())
	want := audit.Event{
		ID: e.ID, Type: e.Type, Version: 1, AggregateType: "user", AggregateID: e.AggregateID, ActorID: e.ActorID,
		RequestID: &e.CorrelationID, CausationID: e.CausationID, OccurredAt: e.OccurredAt, RecordedAt: got[0].RecordedAt,
		Data: json.RawMessage(`{"a": 1}`),
	}
	require.EqualExportedValues(t, want, got[0])
}

func TestWhatTheServiceDoesOfItselfHasNoActorRequestOrCause(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.record(event(0, func(e *outbox.Event) { e.ActorID, e.CorrelationID, e.CausationID = nil, "", nil }))
	got := b.all(audit.Filter{}, 10)[0]
	require.Nil(t, got.ActorID)
	require.Nil(t, got.RequestID)
	require.Nil(t, got.CausationID)
}

func TestAnEventToldTwiceIsRecordedOnceAsItWasFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := event(0)
	b.record(e)
	again := e
	again.Type = "user.renamed"
	b.record(again)
	got := b.all(audit.Filter{}, 10)
	require.Len(t, got, 1)
	require.Equal(t, "user.registered", got[0].Type)
}

func TestAnEventIsRecordedInTheTransactionOfItsHandler(t *testing.T) {
	t.Parallel()
	b := setup(t)
	undone := errors.New("undone")
	require.ErrorIs(t, postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		return errors.Join(b.Record(t.Context(), tx, event(0)), undone)
	}), undone)
	require.Zero(t, b.count("true"))
}

func TestAnEventThatTheTableRefusesIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := event(0, func(e *outbox.Event) { e.Data = json.RawMessage("no JSON") })
	err := postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error { return b.Record(t.Context(), tx, e) })
	require.ErrorContains(t, err, "record event "+e.ID.String()+" of type user.registered")
}

func TestTheGroupOfTheLogTakesEveryEvent(t *testing.T) {
	t.Parallel()
	h := outbox.NewHandlers()
	setup(t).RegisterHandlers(h)
	require.Equal(t, []string{"audit"}, h.Groups())
}
