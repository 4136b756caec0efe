package audit_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
)

func TestTheLogIsListedNewestFirstAndExportedOldestFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var newest, oldest []uuid.UUID
	for i := range 11 {
		e := event(i / 3) // some at the same time: these in the order recorded
		b.record(e)
		oldest, newest = append(oldest, e.ID), append([]uuid.UUID{e.ID}, newest...)
	}
	for _, limit := range []int{1, 3, 4, 11, 100} {
		var listed []uuid.UUID
		in := audit.ListInput{Limit: limit}
		for {
			events, more := b.list(in)
			listed = append(listed, ids(events)...)
			if !more {
				break
			}
			require.Len(t, events, limit)
			place := events[limit-1].Place()
			in.Before = &place
		}
		require.Equal(t, newest, listed, "pages of %d", limit)
		require.Equal(t, oldest, ids(b.all(audit.Filter{}, limit)), "pages of %d", limit)
	}
}

func TestAnEventThatIsRecordedLateStandsWhereItOccurred(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, late, last := event(0), event(1), event(2)
	b.record(first, last, late)
	require.Equal(t, []uuid.UUID{first.ID, late.ID, last.ID}, ids(b.all(audit.Filter{}, 10)))
}

func TestEachFilterChoosesItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wanted := event(5, func(e *outbox.Event) { e.Type, e.AggregateType = "session.revoked", "session" })
	b.record(event(0), event(4), wanted, event(6), event(9))
	missing, nothing := uuid.New(), "nothing"
	to := wanted.OccurredAt.Add(time.Microsecond)
	for name, c := range map[string]struct{ hits, misses audit.Filter }{
		"actor":          {audit.Filter{ActorID: wanted.ActorID}, audit.Filter{ActorID: &missing}},
		"aggregate type": {audit.Filter{AggregateType: &wanted.AggregateType}, audit.Filter{AggregateType: &nothing}},
		"aggregate":      {audit.Filter{AggregateID: &wanted.AggregateID}, audit.Filter{AggregateID: &missing}},
		"type":           {audit.Filter{Type: &wanted.Type}, audit.Filter{Type: &nothing}},
		"request":        {audit.Filter{RequestID: &wanted.CorrelationID}, audit.Filter{RequestID: &nothing}},
		"time": {audit.Filter{From: &wanted.OccurredAt, To: &to}, // the first moment is in it, the last is not
			audit.Filter{From: &wanted.OccurredAt, To: &wanted.OccurredAt}},
		"all together": {audit.Filter{ActorID: wanted.ActorID, AggregateType: &wanted.AggregateType, AggregateID: &wanted.AggregateID,
			Type: &wanted.Type, RequestID: &wanted.CorrelationID, From: &base, To: &to},
			audit.Filter{ActorID: wanted.ActorID, AggregateID: &missing}},
	} {
		listed, more := b.list(audit.ListInput{Filter: c.hits, Limit: 10})
		require.Equal(t, []uuid.UUID{wanted.ID}, ids(listed), name)
		require.False(t, more, name)
		require.Equal(t, []uuid.UUID{wanted.ID}, ids(b.all(c.hits, 10)), name)
		listed, _ = b.list(audit.ListInput{Filter: c.misses, Limit: 10})
		require.Empty(t, listed, name)
		require.Empty(t, b.all(c.misses, 10), name)
	}
}

func TestAPageGoesOnWithinItsFilter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	actor := uuid.New()
	var want []uuid.UUID
	for i := range 6 {
		e := event(i, func(e *outbox.Event) { e.ActorID = &actor })
		b.record(e, event(i))
		want = append(want, e.ID)
	}
	from, to := base.Add(time.Minute), base.Add(5*time.Minute)
	f := audit.Filter{ActorID: &actor, From: &from, To: &to}
	require.Equal(t, want[1:5], ids(b.all(f, 1)))
	events, more := b.list(audit.ListInput{Filter: f, Limit: 3})
	require.True(t, more)
	place := events[2].Place()
	events, more = b.list(audit.ListInput{Filter: f, Limit: 3, Before: &place})
	require.False(t, more)
	require.Equal(t, want[1:2], ids(events))
}
