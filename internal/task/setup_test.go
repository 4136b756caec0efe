package task_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
	"github.com/fluentpro/fluentpro/internal/task"
)

// patience bounds every wait of these tests; nothing takes this long unless it
// is broken.
const patience = time.Minute

// The users that every database holds.
var (
	mei   = uuid.MustParse("01900000-0000-7000-8000-000000000001")
	other = uuid.MustParse("01900000-0000-7000-8000-000000000002")
)

// stage is what the nodes of a test share.
type stage struct {
	t        *testing.T
	database string        // its address
	pool     *pgxpool.Pool // the test's own look into it
	redisURL string
	prefix   string      // of this test's logs
	runs     chan *doing // runs of the work that have begun
	journal  *journal    // what the nodes log
}

// node is one of the processes that a test runs.
type node struct {
	*stage
	*task.Service
	pool  *pgxpool.Pool
	redis redis.UniversalClient
	log   *eventlog.Log
	queue *job.Queue
}

// settings are what a test may change of a node.
type settings struct {
	redisURL string
	workers  int      // tasks at once; 0: the node only starts them
	spec     job.Spec // of the test's kind
	log      func(*eventlog.Config)
	now      func() time.Time
}

// idle is a node that starts tasks and does none.
func idle(s *settings) { s.workers = 0 }

// one is a node that does one task at a time, so that it cannot take its own lost
// job up again.
func one(s *settings) { s.workers = 1 }

// attempts bounds how often a task is tried.
func attempts(n int) func(*settings) { return func(s *settings) { s.spec.MaxAttempts = n } }

// setup gives a node that works, on a database of its own.
func setup(t *testing.T, changes ...func(*settings)) *node {
	t.Helper()
	s := &stage{t: t, database: postgrestest.URL(t, users), redisURL: redistest.URL(t), prefix: "task-" + strings.ToLower(rand.Text()),
		runs: make(chan *doing, 10), journal: &journal{}}
	s.pool = postgrestest.Pool(t, s.database)
	return s.node(changes...)
}

func users(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, `insert into users (id, email, full_name, password_hash, created_at, updated_at) values
		($1, 'mei@example.com', 'Mei Chen', '', now(), now()), ($2, 'other@example.com', 'Other', '', now(), now())`, mei, other)
	return err
}

// node starts one more.
func (s *stage) node(changes ...func(*settings)) *node {
	s.t.Helper()
	set := settings{redisURL: s.redisURL, workers: 4, spec: job.Spec{MaxAttempts: 3, Timeout: 5 * time.Minute}, now: time.Now}
	for _, change := range changes {
		change(&set)
	}
	s.redisURL = set.redisURL
	n := &node{stage: s, pool: postgrestest.Pool(s.t, s.database)}
	n.openLog(set)
	logger := slog.New(slog.NewTextHandler(s.journal, nil))
	jobs := &laterJobs{}
	n.Service = task.New(task.Deps{Pool: n.pool, Log: n.log, Jobs: jobs, Once: once.New([]byte("the secret of these tests"), set.now), Logger: logger, Now: set.now})
	n.LookEvery(patience, 100*time.Millisecond)
	registry := job.NewRegistry()
	task.Register(n.Service, registry, kind, set.spec, s.work)
	config := job.Config{Pool: n.pool, Registry: registry, Logger: logger, SweepInterval: 50 * time.Millisecond}
	if set.workers > 0 {
		config.Concurrency = map[string]int{job.QueueMaintenance: set.workers}
	}
	var err error
	n.queue, err = job.New(config)
	require.NoError(s.t, err)
	jobs.Queue = n.queue
	require.NoError(s.t, n.queue.Start(s.t.Context()))
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if err := n.queue.Stop(ctx); err != nil {
			s.t.Log(err) // a machine so busy that work took longer to end; wait on
		}
		s.eventually("nothing is left behind", func() bool {
			runs, watching := n.Watched()
			return runs == 0 && !watching
		})
	})
	return n
}

func (n *node) openLog(set settings) {
	n.redis = redistest.Client(n.t, set.redisURL, func(o *redis.UniversalOptions) { o.MaxRetries = 1 })
	config := eventlog.Config{Client: n.redis, Prefix: n.prefix, Block: time.Second, CallTimeout: time.Second, Linger: 50 * time.Millisecond}
	if set.log != nil {
		set.log(&config)
	}
	var err error
	n.log, err = eventlog.New(config)
	require.NoError(n.t, err)
	n.t.Cleanup(func() { require.NoError(n.t, n.log.Close()) })
}

// laterJobs is the queue, which is made after the service it works for.
type laterJobs struct{ *job.Queue }

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
