// Package postgrestest gives a test a migrated PostgreSQL database of its own.
// It promises that no other test sees the database, and that it is gone when the
// test ends. The schema is made once for each cluster and then copied, so that a
// database costs tens of milliseconds. It is for tests alone.
package postgrestest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/migrations"
)

// closeTimeout is how long a pool may take to get its connections back.
const closeTimeout = 10 * time.Second

// Seed puts into a database what a test wants to find there; catalogue.Seed is one.
type Seed func(ctx context.Context, pool *pgxpool.Pool) error

// Open gives a pool of 16 connections at most to a database of the test's own,
// migrated and with the seeds applied in order. A connection that the test keeps
// is an error of the test.
func Open(t testing.TB, seeds ...Seed) *pgxpool.Pool {
	t.Helper()
	return Pool(t, URL(t, seeds...))
}

// URL is Open for code that opens its own pool: it gives the address of the
// database. What is still connected when the test ends is cut off.
func URL(t testing.TB, seeds ...Seed) string {
	t.Helper()
	admin := AdminURL(t)
	url, drop, err := devstack.CloneDatabase(t.Context(), admin, templateKey(t), migrate)
	require.NoError(t, err)
	t.Cleanup(drop)
	if len(seeds) > 0 {
		pool, err := postgres.Open(t.Context(), postgres.Config{URL: url})
		require.NoError(t, err)
		defer pool.Close()
		for _, seed := range seeds {
			require.NoError(t, seed(t.Context(), pool))
		}
	}
	return url
}

// Pool opens one more pool to a database of URL, as another node would. It is
// closed when the test ends.
func Pool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { closePool(t, pool) })
	return pool
}

// AdminURL is the address of the cluster with a role that may create databases.
func AdminURL(t testing.TB) string {
	t.Helper()
	url, err := devstack.Cluster()
	require.NoError(t, err)
	return url
}

func migrate(ctx context.Context, url string) error {
	pool, err := postgres.Open(ctx, postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		return err
	}
	defer pool.Close()
	return postgres.Migrate(ctx, pool, migrations.FS, slog.New(slog.DiscardHandler))
}

// templateKey changes with every byte of the steps.
func templateKey(t testing.TB) string {
	t.Helper()
	sum := sha256.New()
	names, err := fs.Glob(migrations.FS, "*.sql") // in order
	require.NoError(t, err)
	for _, name := range names {
		text, err := fs.ReadFile(migrations.FS, name)
		require.NoError(t, err)
		_, err = fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
		require.NoError(t, err)
	}
	return "migrations " + hex.EncodeToString(sum.Sum(nil))
}

// closePool reports a connection that was never given back, for which Close
// would wait for ever.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
		t.Errorf("the test keeps %d connections of its pool", pool.Stat().AcquiredConns())
	}
}
