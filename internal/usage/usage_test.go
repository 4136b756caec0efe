package usage_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/usage"
)

// today is when these tests happen.
var today = time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)

// bench is the counts on a database of the test's own, at a time of its own.
type bench struct {
	*usage.Service
	t    *testing.T
	pool *pgxpool.Pool
	now  time.Time
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, pool: postgrestest.Open(t), now: today}
	b.Service = usage.New(usage.Deps{Pool: b.pool, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return b.now }})
	return b
}

func (b *bench) user() uuid.UUID {
	b.t.Helper()
	id := uuid.New()
	_, err := b.pool.Exec(b.t.Context(), "insert into users (id, email, full_name, password_hash, created_at, updated_at) values ($1, $2, 'Mei Chen', '', now(), now())", id, id.String()+"@example.com")
	require.NoError(b.t, err)
	return id
}

func (b *bench) count(times int, c usage.Call) {
	for range times {
		b.Count(c)
	}
}

func (b *bench) read(in usage.ReadInput) []usage.Count {
	b.t.Helper()
	require.NoError(b.t, b.Write(b.t.Context()))
	counts, err := b.Read(b.t.Context(), in)
	require.NoError(b.t, err)
	return counts
}

func TestCallsAreAddedUpByNameClientAndUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mei, jun := b.user(), b.user()
	b.count(2, usage.Call{Name: "logInV1", UserAgent: "FluentPro/3.1 (iPhone)"})
	b.count(3, usage.Call{Name: "getMeV1", UserAgent: "FluentPro/3.1 (iPhone)", UserID: mei})
	require.NoError(t, b.Write(t.Context()))
	b.count(1, usage.Call{Name: "getMeV1", UserAgent: "FluentPro/3.2 (iPhone)", UserID: mei})
	b.count(5, usage.Call{Name: "getMeV1", UserAgent: "curl/8.5.0", UserID: jun})
	y, m, d := today.Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)

	require.Equal(t, []usage.Count{
		{Name: "getMeV1", Calls: 9, Users: 2, Last: day}, {Name: "logInV1", Calls: 2, Last: day},
	}, b.read(usage.ReadInput{Days: 1}))
	require.Equal(t, []usage.Count{
		{Name: "getMeV1", Client: "curl", Calls: 5, Users: 1, Last: day},
		{Name: "getMeV1", Client: "FluentPro", Calls: 4, Users: 1, Last: day},
		{Name: "logInV1", Client: "FluentPro", Calls: 2, Last: day},
	}, b.read(usage.ReadInput{Days: 1, ByClient: true}))
	require.Equal(t, []usage.Count{
		{Name: "getMeV1", UserID: jun, Calls: 5, Users: 1, Last: day},
		{Name: "getMeV1", UserID: mei, Calls: 4, Users: 1, Last: day},
		{Name: "logInV1", Calls: 2, Last: day},
	}, b.read(usage.ReadInput{Days: 1, ByUser: true}))
}

func TestCallsCountOnTheirDayAndAreKeptForNinety(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mei := b.user()
	for range usage.MaxDays + 10 { // the last is nine days from now
		b.count(1, usage.Call{Name: "getMeV1", UserAgent: "curl/8", UserID: mei})
		b.now = b.now.AddDate(0, 0, 1)
	}
	b.now = b.now.AddDate(0, 0, -1)
	require.EqualValues(t, 1, b.read(usage.ReadInput{Days: 1})[0].Calls)
	require.EqualValues(t, 7, b.read(usage.ReadInput{Days: 7})[0].Calls)
	gone := int64(0)
	for {
		n, err := b.Sweep(t.Context(), 4)
		require.NoError(t, err)
		if gone += n; n < 4 {
			break
		}
	}
	require.EqualValues(t, 9, gone)
	require.EqualValues(t, usage.MaxDays, b.read(usage.ReadInput{Days: usage.MaxDays})[0].Calls)
	own, err := b.ExportOf(t.Context(), mei)
	require.NoError(t, err)
	require.Len(t, own, 1)
	require.EqualValues(t, usage.MaxDays+1, own[0].Calls, "the ninetieth day back is whole")
	require.Equal(t, b.now.Format(time.DateOnly), own[0].LastDay.Format(time.DateOnly))
}

func TestAnErasedUsersCallsAreNobodys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mei := b.user()
	b.count(2, usage.Call{Name: "getMeV1", UserAgent: "curl/8", UserID: mei})
	b.count(3, usage.Call{Name: "getMeV1", UserAgent: "curl/8"})
	require.NoError(t, b.Write(t.Context()))
	b.count(4, usage.Call{Name: "getMeV1", UserAgent: "curl/8", UserID: mei}) // not written before
	n, err := b.Erase(t.Context(), mei)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	_, err = b.pool.Exec(t.Context(), "delete from users where id = $1", mei)
	require.NoError(t, err)
	counts := b.read(usage.ReadInput{Days: 1, ByUser: true})
	require.Len(t, counts, 1)
	require.EqualValues(t, 9, counts[0].Calls)
	require.Zero(t, counts[0].Users)
	own, err := b.ExportOf(t.Context(), mei)
	require.NoError(t, err)
	require.Empty(t, own)
}

func TestCountsWaitWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.count(2, usage.Call{Name: "getMeV1", UserAgent: "curl/8"})
	away, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, b.Write(away))
	b.count(1, usage.Call{Name: "getMeV1", UserAgent: "curl/8"})
	require.EqualValues(t, 3, b.read(usage.ReadInput{Days: 1})[0].Calls)
}

func TestCountsAreWrittenAtOnceAndAtTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := usage.New(usage.Deps{Pool: b.pool, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return today }, Every: time.Millisecond})
	s.Start(t.Context())
	written := func() int64 {
		counts, err := s.Read(t.Context(), usage.ReadInput{Days: 1})
		require.NoError(t, err)
		if len(counts) == 0 {
			return 0
		}
		return counts[0].Calls
	}
	s.Count(usage.Call{Name: "getMeV1"})
	require.Eventually(t, func() bool { return written() == 1 }, 20*time.Second, time.Millisecond)
	b.count(1, usage.Call{Name: "getMeV1"})
	b.Stop() // it never started
	s.Stop()
	s.Stop()
	require.EqualValues(t, 2, written())
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 250 {
		b.count(1, usage.Call{Name: "getMeV1", UserAgent: fmt.Sprintf("App%d/1", i)})
	}
	clients := b.read(usage.ReadInput{Days: 1, ByClient: true})
	require.Len(t, clients, 201, "200 families, and the others")
	require.Equal(t, "other", clients[0].Client)
	require.EqualValues(t, 50, clients[0].Calls)

	for range 10_050 {
		b.count(1, usage.Call{Name: "logInV1", UserAgent: "App1/1", UserID: uuid.New()})
	}
	require.Equal(t, 10_001, b.Entries(), "10,000, and what is told apart no longer")
	var calls int64
	for _, c := range b.read(usage.ReadInput{Days: 1}) {
		calls += c.Calls
	}
	require.EqualValues(t, 250+10_050, calls)
}
