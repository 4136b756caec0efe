package postgres_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/migrations"
)

// A journal is a logger whose lines can be counted.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.buf.String(), text)
}

// empty gives a pool to a database without any table.
func empty(t *testing.T, cfg postgres.Config) *pgxpool.Pool {
	t.Helper()
	cfg.URL = newDatabase(t, "encoding 'UTF8' locale 'C.UTF-8'")
	return open(t, cfg)
}

func steps(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(migrations.FS, "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

func hasTable(t *testing.T, pool *pgxpool.Pool, name string) (has bool) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "select to_regclass($1) is not null", name).Scan(&has))
	return has
}

func TestMigrateTwiceDoesNothingTheSecondTime(t *testing.T) {
	t.Parallel()
	pool := empty(t, postgres.Config{})
	var first, second journal
	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations.FS, first.logger()))
	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations.FS, second.logger()))
	require.Equal(t, len(steps(t))+1, first.count("msg=migrated"), "our steps and the job queue")
	require.Zero(t, second.count("msg=migrated"))
	for _, table := range []string{"users", "conversations", "idempotency_keys", "job_leases", "river_job"} {
		require.True(t, hasTable(t, pool, table), table)
	}
}

func TestOfNodesThatStartTogetherOneMigrates(t *testing.T) {
	t.Parallel()
	first := empty(t, postgres.Config{})
	var all journal
	var wg sync.WaitGroup
	for range 4 {
		node := open(t, postgres.Config{URL: first.Config().ConnString()})
		wg.Go(func() {
			if err := postgres.Migrate(t.Context(), node, migrations.FS, all.logger()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, len(steps(t))+1, all.count("msg=migrated"))
}

func TestEveryStepCanBeTakenBackAndForthAgain(t *testing.T) {
	t.Parallel()
	pool := empty(t, postgres.Config{})
	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations.FS, slog.New(slog.DiscardHandler)))
	db := stdlib.OpenDBFromPool(pool)
	defer func() { require.NoError(t, db.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	require.NoError(t, err)

	down, err := provider.DownTo(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, down, len(steps(t)))
	var left int
	require.NoError(t, pool.QueryRow(t.Context(), `select count(*) from pg_class where relnamespace = 'public'::regnamespace
		and relkind in ('r', 'S', 'v') and relname not like 'river%' and relname not like 'goose%'`).Scan(&left))
	require.Zero(t, left, "tables, sequences and views that a step forgot to take back")

	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations.FS, slog.New(slog.DiscardHandler)))
	require.True(t, hasTable(t, pool, "users"))
}

func TestAnOlderNodeLeavesANewerDatabaseAsItIs(t *testing.T) {
	t.Parallel()
	pool := empty(t, postgres.Config{})
	var j journal
	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations.FS, j.logger()))
	older := fstest.MapFS{}
	names := steps(t)
	for _, name := range names[:len(names)-1] {
		text, err := fs.ReadFile(migrations.FS, name)
		require.NoError(t, err)
		older[name] = &fstest.MapFile{Data: text}
	}
	before := j.count("msg=migrated")
	require.NoError(t, postgres.Migrate(t.Context(), pool, older, j.logger()))
	require.Equal(t, before, j.count("msg=migrated"))
	require.True(t, hasTable(t, pool, "job_leases"))
}

func TestABrokenStepIsNamedAndLeavesNothingOfItself(t *testing.T) {
	t.Parallel()
	pool := empty(t, postgres.Config{})
	const good, bad = "-- +goose Up\ncreate table one ();", "-- +goose Up\ncreate table two ();\ncreate tabel three ();"
	files := fstest.MapFS{"0001_one.sql": {Data: []byte(good)}, "0002_two.sql": {Data: []byte(bad)}}
	err := postgres.Migrate(t.Context(), pool, files, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "0002_two.sql")
	require.True(t, hasTable(t, pool, "one"))
	require.False(t, hasTable(t, pool, "two"))

	files["0002_two.sql"].Data = []byte("-- +goose Up\ncreate table two ();")
	require.NoError(t, postgres.Migrate(t.Context(), pool, files, slog.New(slog.DiscardHandler)), "the lock is free again")
	require.True(t, hasTable(t, pool, "two"))
}

func TestNoStepsAreAnError(t *testing.T) {
	t.Parallel()
	err := postgres.Migrate(t.Context(), empty(t, postgres.Config{}), fstest.MapFS{}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "migrate: read steps")
}

func TestAStepMayTakeLongerThanARequestMay(t *testing.T) {
	t.Parallel()
	pool := empty(t, postgres.Config{MaxConns: 1, StatementTimeout: 500 * time.Millisecond})
	files := fstest.MapFS{"0001_slow.sql": {Data: []byte("-- +goose Up\nselect pg_sleep(0.7);")}}
	require.NoError(t, postgres.Migrate(t.Context(), pool, files, slog.New(slog.DiscardHandler)))
}

func TestAMigrationThatIsCalledOffFreesTheLock(t *testing.T) {
	t.Parallel()
	pool := empty(t, postgres.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	files := fstest.MapFS{"0001_endless.sql": {Data: []byte("-- +goose Up\nselect pg_sleep(600);")}}
	go func() { ended <- postgres.Migrate(ctx, pool, files, slog.New(slog.DiscardHandler)) }()
	require.Eventually(t, func() bool {
		var sleeping bool
		err := pool.QueryRow(t.Context(), `select exists (select from pg_stat_activity
			where datname = current_database() and wait_event = 'PgSleep')`).Scan(&sleeping)
		return err == nil && sleeping
	}, patience, 5*time.Millisecond)

	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations.FS, slog.New(slog.DiscardHandler)))
}

func TestADatabaseThatIsAwayIsNotMigrated(t *testing.T) {
	t.Parallel()
	cfg, err := pgxpool.ParseConfig("postgres://learner@" + closedPort(t) + "/fluentpro")
	require.NoError(t, err)
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	defer pool.Close()
	require.ErrorContains(t, postgres.Migrate(t.Context(), pool, migrations.FS, slog.New(slog.DiscardHandler)), "migrate")
}
