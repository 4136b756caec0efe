package job_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

const patience = 20 * time.Second // for what must happen at all; the machine may be busy

// note and parcel are two kinds of job.
type note struct {
	Name string `json:"name"`
}

func (note) Kind() string { return "test.note" }

type parcel struct{}

func (parcel) Kind() string { return "test.parcel" }

// A journal keeps what is logged.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// bench is a database with nodes at work.
type bench struct {
	t    *testing.T
	url  string
	pool *pgxpool.Pool
}

func setup(t *testing.T) *bench {
	t.Helper()
	url := postgrestest.URL(t)
	return &bench{t: t, url: url, pool: postgrestest.Pool(t, url)}
}

// node starts a queue with a pool of its own, as another process would have. It
// stops when the test ends, at the latest.
func (b *bench) node(cfg job.Config, register func(r *job.Registry)) *job.Queue {
	b.t.Helper()
	q := b.idle(cfg, register)
	require.NoError(b.t, q.Start(b.t.Context()))
	return q
}

// idle is a node that has not started.
func (b *bench) idle(cfg job.Config, register func(r *job.Registry)) *job.Queue {
	b.t.Helper()
	cfg.Pool, cfg.Registry = postgrestest.Pool(b.t, b.url), job.NewRegistry()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Concurrency == nil {
		cfg.Concurrency = map[string]int{job.QueueConversation: 10}
	}
	register(cfg.Registry)
	q, err := job.New(cfg)
	require.NoError(b.t, err)
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = q.Stop(ctx) // checked where it matters
	})
	return q
}

func (b *bench) insert(q *job.Queue, args job.Args) {
	b.t.Helper()
	require.NoError(b.t, postgres.InTx(b.t.Context(), b.pool, func(tx postgres.Tx) error {
		return q.Insert(b.t.Context(), tx, args)
	}))
}

func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	require.NoError(b.t, err)
}

// number reads one whole number.
func (b *bench) number(sql string, args ...any) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), sql, args...).Scan(&n))
	return n
}

// jobs counts jobs in a state.
func (b *bench) jobs(state string) int {
	b.t.Helper()
	return b.number("select count(*) from river_job where state = $1::text::river_job_state", state)
}

func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	require.Eventually(b.t, holds, patience, 10*time.Millisecond, what)
}

// within gives the next value of ch, which must come.
func within[T any](t *testing.T, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	return v
}

// notes registers work on notes that reports each run and then does do.
func notes(spec job.Spec, runs chan<- job.Run, do func(ctx context.Context, run job.Run, args note) error) func(*job.Registry) {
	if spec.Queue == "" {
		spec.Queue = job.QueueConversation
	}
	return func(r *job.Registry) {
		job.Register(r, spec, func(ctx context.Context, run job.Run, args note) error {
			runs <- run
			if do == nil {
				return nil
			}
			return do(ctx, run, args)
		})
	}
}
